"""What `score` writes, and what it says where it cannot."""

from __future__ import annotations

import pandas as pd
import pytest
from PIL import Image
from score_command import run
from synthetic_triple import natural


def test_places_are_checked_before_scoring(folders, capsys, monkeypatch):
    monkeypatch.setattr("bench.scoring.score", lambda *args, **kw: pytest.fail("scored before the place was checked"))
    (folders / "file").touch()
    for option, place, message in (
        ("--csv", folders / "out", "is a folder; name a file in it"),
        ("--csv", folders / "file/values.csv", "cannot be written"),
        ("--out", folders / "file", "cannot be written"),
    ):
        assert run(folders, option, str(place)) == 2
        assert message in capsys.readouterr().err


def test_what_cannot_be_written_later_loses_no_number(folders, capsys, monkeypatch):
    def full(path, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tsdm_bench.files.write_csv", full)
    assert run(folders, "--metrics", "en", "--csv", str(folders / "values.csv")) == 2
    said = capsys.readouterr()
    assert "en      ↑" in said.out
    assert "values.csv cannot be written (No space left on device)" in said.err


def test_out_holds_the_tables_of_a_run_over_common_images(folders, capsys):
    (folders / "out/second/01.tif").unlink()
    (folders / "out/=cmd").mkdir()
    for index in range(4):
        Image.fromarray(natural(60, 72, seed=index)[1]).save(folders / f"out/=cmd/{index:02d}.png")
    assert run(folders, "--metrics", "en,mse", "--out", str(folders / "scores")) == 0
    tables = folders / "scores/tables"
    assert {path.name for path in tables.iterdir()} == {
        *(f"{name}.{ending}" for name in ("scores", "ranking") for ending in ("csv", "md", "tex")),
        "preview.tex", "references.bib",
    }  # fmt: skip
    assert {path.name for path in (folders / "scores/curves").glob("[!.]*")} == {"ranks.png", "ranks.pdf"}
    assert "@article{roberts2008entropy," in (tables / "references.bib").read_text()
    assert "Rank on each image (1 = best of 3), mean over 3 images" in (tables / "ranking.md").read_text()
    text = (tables / "scores.md").read_text(encoding="utf-8")
    assert "Mean over the 3 images of 4 that all methods have; n too small for intervals" in text
    assert "**" in text
    assert r"\begin{tabular}" in (tables / "scores.tex").read_text(encoding="utf-8")
    for name in ("tables/scores.csv", "values.csv"):
        cells = pd.read_csv(folders / "scores" / name, dtype=str)["method"]
        assert "'=cmd" in set(cells)
        assert not cells.str.startswith("=").any()
    values = pd.read_csv(folders / "scores/values.csv", dtype={"image": str})
    common = values[(values.method == "first") & (values.metric == "en") & values.image.isin(["00", "02", "03"])]
    row = next(line for line in text.splitlines() if line.startswith("| first"))
    assert f"{common.value.mean():.3f}" in row


def test_methods_without_a_common_image_are_not_ranked(folders, capsys):
    for index in range(4):
        (folders / "out" / (f"first/{index:02d}.png" if index % 2 else f"second/{index:02d}.tif")).unlink()
    assert run(folders, "--metrics", "en", "--out", str(folders / "scores")) == 0
    text = (folders / "scores/tables/scores.md").read_text(encoding="utf-8")
    assert "Mean over the images of each method, not ranked" in text
    assert not (folders / "scores/tables/ranking.md").exists()
    assert "**" not in text
