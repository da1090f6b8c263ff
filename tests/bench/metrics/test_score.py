"""``run_bench.py score``: folders matched by stem, one row per image and metric id, problems by file name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from score_command import run
from synthetic_triple import natural

from bench.metrics import METRICS


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
    assert f"{mean:.4f}" in out
    assert "mean over 4 images\nn too small: no interval for fewer than 10 images" in out


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
    assert "note: second has no result for 1 source pair (01)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--metrics", "qabff"], "did you mean 'qabf'"),
        (["--workers", "0"], "argument --workers: expected a whole number of at least 1"),
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


# --- nothing is left out in silence, nothing stops a set ---


def copies(folders, count, names=("ir", "vis", "out/first")):
    """``count`` more pairs, so that there are enough for an interval."""
    for index in range(4, 4 + count):
        for name, picture in zip(names, natural(60, 72, seed=index), strict=True):
            Image.fromarray(picture).save(folders / name / f"{index:02d}.png")


def test_an_interval_needs_ten_images(folders, capsys):
    copies(folders, 5)
    assert run(folders, "--metrics", "en", fused=("out/first",)) == 0
    assert " ± " not in capsys.readouterr().out.splitlines()[1]
    copies(folders, 6)
    assert run(folders, "--metrics", "en", fused=("out/first", "out/second")) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line.split() for line in lines if line.startswith("en"))
    assert len(row) == 6  # mean ± half for the first, the mean alone for the second
    assert next(line.split() for line in lines if line.startswith("images")) == ["images", "10", "4"]
    assert "the means are over different images and not comparable" in lines
    assert any("second has no result for 6 source pairs (04, 05, 06, 07, 08, 09)" in line for line in lines)


def test_two_folders_of_one_name_are_two_columns(folders, capsys):
    for run_name in ("run1", "run2"):
        (folders / run_name / "net").mkdir(parents=True)
        (folders / "out/first").rename(folders / run_name / "net/tno") if run_name == "run1" else (
            folders / "out/second"
        ).rename(folders / run_name / "net/tno")
    assert run(folders, "--metrics", "en", fused=("run1/net/tno", "run2/net/tno")) == 0
    assert "run1/net/tno" in (head := capsys.readouterr().out.splitlines()[0])
    assert "run2/net/tno" in head


def test_a_link_and_its_target_are_both_shown_and_a_repeated_folder_once(folders, capsys):
    (folders / "linked").symlink_to(folders / "out/first")
    assert run(folders, "--metrics", "en", fused=("out/first", "linked", "out/first")) == 0
    out = capsys.readouterr().out
    assert "out/first is named more than once" in out.replace(str(folders), "")
    assert [line.split() for line in out.splitlines() if line.startswith("metric")] == [["metric", "first", "linked"]]


def test_a_stray_picture_hides_no_method_and_deeper_results_are_named(folders, capsys):
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(folders / "out/overview.png")
    (folders / "out/third/images").mkdir(parents=True)
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(folders / "out/third/images/00.png")
    (folders / "out/gone").symlink_to("nowhere")
    (folders / "out/__MACOSX").mkdir()
    (folders / "out/.cache").mkdir()
    assert run(folders, "--metrics", "en") == 0
    out = capsys.readouterr().out
    assert "out: overview: no source pair is called so; left out" in out
    assert "third holds no image itself; name the folder that does" in out
    assert "third/images" in out
    assert "gone is a broken link" in out
    assert "MACOSX" not in out
    assert next(line.split() for line in out.splitlines() if line.startswith("metric")) == ["metric", "first", "second"]


def test_a_method_folder_with_folders_inside_is_one_method(folders, capsys):
    Image.fromarray(natural(60, 72, seed=0)[2]).save(folders / "out/00.png")
    assert run(folders, "--metrics", "en") == 0
    out = capsys.readouterr().out
    assert "out/first is left out, since" in out
    assert next(line.split() for line in out.splitlines() if line.startswith("metric")) == ["metric", "out"]


def test_a_folder_whose_images_lie_deeper_is_told_where(folders, capsys):
    (folders / "all/net/tno").mkdir(parents=True)
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(folders / "all/net/tno/00.png")
    assert run(folders, "--metrics", "en", fused=("all",)) == 2
    assert "name the folder that does, such as" in (error := capsys.readouterr().err)
    assert "all/net/tno" in error


def test_two_files_of_one_stem_are_refused_and_named(folders, capsys):
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(folders / "out/first/00.tif")
    Image.fromarray(np.zeros((60, 72), np.uint8)).save(folders / "ir/01.jpg")
    assert run(folders, "--metrics", "en", fused=("out/first",)) == 1
    out = capsys.readouterr().out
    assert "first/00.png and out/first/00.tif stand for one image" in out
    assert "ir/01.jpg and" in out
    assert "mean over 2 images" in out


def test_one_small_or_deep_or_strange_image_stops_no_set(folders, capsys):
    for name in ("ir", "vis", "out/first"):
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(folders / name / "small.png")
    for name in ("out/first/01.png", "out/first/02.png"):
        (folders / name).unlink()
    (folders / "out/first/01.png").mkdir()
    (folders / "out/first/a\x1b[2J.png").write_bytes(b"x")
    Image.fromarray(natural(60, 72, seed=2)[2].astype(np.uint16) * 257).save(folders / "out/first/02.png")
    assert run(folders, "--metrics", "en,vif", "--csv", str(folders / "v.csv"), fused=("out/first",)) == 1
    out = capsys.readouterr().out
    assert "failed: first/small.png: vif needs more than 40 pixels on each side, got 32×32" in out
    assert "first/01.png is a folder, pipe or device, not an image file" in out
    assert "\x1b" not in out
    table = pd.read_csv(folders / "v.csv", dtype={"image": str})
    assert sorted(table.image.unique()) == ["00", "02", "03"]
    eight_bits = METRICS["en"].compute
    from synthetic_triple import plane

    ir, vis, fused = map(plane, natural(60, 72, seed=2))
    assert table[(table.image == "02") & (table.metric == "en")].value.item() == eight_bits(ir, vis, fused).item()


def test_arrays_are_scored_without_files():
    from bench.scoring import score

    ir, vis, fused = natural(60, 72, seed=0)
    scores = score(ir, np.dstack([vis] * 3), {"mine": fused, "wrong": fused.astype(float)}, "en,psnr", workers=1)
    assert scores.values[["method", "metric"]].to_numpy().tolist() == [["mine", "en"], ["mine", "psnr"]]
    assert scores.failures == ("wrong: expected an image H×W or H×W×3 of uint8, got float64 of shape (60, 72)",)


def test_every_metric_says_that_an_image_is_too_small():
    """A number, or a ValueError that names metric and size: never another error."""
    from synthetic_triple import plane

    from bench.metrics import evaluate

    tiny, told = [plane(picture) for picture in natural(9, 9, seed=0)], {}
    for name in METRICS:
        if name == "brisque":  # its weights are not here
            continue
        try:
            evaluate((name,), *tiny)
        except ValueError as error:
            told[name] = str(error)
    assert {"vif", "viff", "qw", "ms_ssim"} <= told.keys()
    assert {name: text for name, text in told.items() if name.split("_")[0] not in text and "9×9" not in text} == {}


def test_values_that_are_not_finite_are_told(folders, capsys, monkeypatch):
    from bench import scoring

    whole = scoring.score_task

    def with_an_infinite_value(task):
        rows, failures = whole(task)
        infinite = [(*row[:3], np.inf) if row[1:3] == ("00", "psnr") else row for row in rows]
        return scoring.TaskScores(infinite, failures)

    monkeypatch.setattr(scoring, "score_task", with_an_infinite_value)
    assert run(folders, "--metrics", "psnr,en", "--workers", "1", fused=("out/second",)) == 0
    out = capsys.readouterr().out
    assert "psnr of second: 1 values are infinite or undefined and take no part" in out
    assert "en of second" not in out
