"""``run_bench.py score``: folders matched by stem, one row per image and metric id, problems by file name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic_triple import natural

from bench.cli import main
from bench.metrics import METRICS


@pytest.fixture
def folders(tmp_path):
    """Four pairs and the results of two methods, in several file formats."""
    for name in ("ir", "vis", "out/first", "out/second"):
        (tmp_path / name).mkdir(parents=True)
    for index in range(4):
        ir, vis, fused = natural(60, 72, seed=index)
        Image.fromarray(ir).save(tmp_path / "ir" / f"{index:02d}.png")
        Image.fromarray(np.stack([vis] * 3, -1)).save(tmp_path / "vis" / f"{index:02d}.bmp")
        Image.fromarray(fused).save(tmp_path / "out/first" / f"{index:02d}.png")
        Image.fromarray(np.stack([ir, ir, ir], -1)).save(tmp_path / "out/second" / f"{index:02d}.tif")
    return tmp_path


def run(folders, *more, fused=("out",)):
    sources = ["--ir", str(folders / "ir"), "--vis", str(folders / "vis")]
    return main(["score", *sources, "--fused", *(str(folders / each) for each in fused), *more])


def test_one_row_per_image_and_metric(folders, capsys):
    assert run(folders, "--metrics", "en,qabf", "--csv", str(folders / "values.csv")) == 0
    table = pd.read_csv(folders / "values.csv", dtype={"image": str})
    assert list(table.columns) == ["method", "image", "metric", "value"]
    assert len(table) == 2 * 4 * 2
    ir, vis, fused = natural(60, 72, seed=2)
    from synthetic_triple import plane

    expected = METRICS["qabf"].compute(plane(ir), plane(vis), plane(fused)).item()
    row = table[(table.method == "first") & (table.image == "02") & (table.metric == "qabf")]
    assert row.value.item() == pytest.approx(expected, rel=1e-12)
    out = capsys.readouterr().out
    mean = table[(table.method == "first") & (table.metric == "en")].value.mean()
    assert f"{mean:.3f}"[:4] in out
    assert "over 4 images" in out


def test_the_number_of_workers_does_not_matter(folders):
    for workers in ("1", "2"):
        assert run(folders, "--metrics", "core", "--workers", workers, "--csv", str(folders / f"{workers}.csv")) == 0
    assert (folders / "1.csv").read_text() == (folders / "2.csv").read_text()


def test_problems_are_named_and_the_rest_is_scored(folders, capsys):
    out = folders / "out/first"
    (out / "00.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((60, 70), np.uint8)).save(out / "01.png")
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(out / "extra.png")
    (folders / "ir" / "03.png").unlink()
    assert run(folders, "--metrics", "en", "--csv", str(folders / "values.csv"), fused=("out/first",)) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if line.startswith("failed: ")]
    assert len(failed) == 4
    assert any("first/00.png: " in line and "cannot be read as an image" in line for line in failed)
    assert any("first/01.png: the images differ in size" in line and "fused 70×60" in line for line in failed)
    assert any("first/extra.png: no infrared image extra.*" in line and "no visible image" in line for line in failed)
    assert any("first/03.png: no infrared image 03.*" in line for line in failed)
    assert pd.read_csv(folders / "values.csv", dtype={"image": str}).image.tolist() == ["02"]


def test_pairs_without_a_result_are_noted(folders, capsys):
    (folders / "out/second" / "01.tif").unlink()
    assert run(folders, "--metrics", "en") == 0
    assert "note: second has no result for 1 source pairs (01)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--metrics", "qabff"], "did you mean 'qabf'"),
        (["--workers", "0"], "--workers 0: expected at least 1"),
        (["--vis", "nowhere"], "nowhere is not a folder"),
        (["--fused", "."], None),
    ],
)
def test_a_usage_error_is_one_line(folders, capsys, monkeypatch, change, message):
    monkeypatch.chdir(folders / "out/first")
    for path in (folders / "out/first").iterdir():
        path.unlink()
    assert run(folders, *change) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in error if line.startswith("run_bench.py: ")]) == 1
    assert (message or "holds no image") in error[-1]


def test_nothing_to_score_is_an_error(folders, capsys):
    for path in (folders / "ir").iterdir():
        path.rename(path.with_name("x" + path.name))
    assert run(folders, "--metrics", "en") == 2
    assert "no image could be scored" in capsys.readouterr().err
