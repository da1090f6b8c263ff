"""What a notebook calls: paths as text, tables as HTML, no row that a caller could change."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

import bench
from bench.cli import run
from bench.cli.options import suite_of
from bench.results import RunResult
from bench.run.store import RunFolder
from bench.suite import load_suite
from tsdm_bench.errors import UsageError


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    generator = np.random.default_rng(1)
    for kind in ("ir", "vis", "ours", "theirs"):
        (tmp_path / kind).mkdir()
        for name in ("1", "2"):
            pixels = generator.integers(0, 256, (48, 64) if kind == "ir" else (48, 64, 3), np.uint8)
            cv2.imwrite(str(tmp_path / kind / f"{name}.png"), pixels)
    return tmp_path


def test_folders_are_named_by_text_and_by_the_home_sign(images: Path) -> None:
    scores = bench.score("~/ir", "~/vis", {"ours": "~/ours", "theirs": images / "theirs"}, ["en", "mse"])
    assert sorted(set(scores.values["method"])) == ["ours", "theirs"]
    assert len(bench.score("~/ir", "~/vis", ["~/ours"], "en").values) == 2
    assert scores.means.set_index(["method", "metric"])["n"].tolist() == [2, 2, 2, 2]


def test_scores_show_as_one_table_with_what_went_wrong(images: Path) -> None:
    (images / "ours" / "2.png").write_bytes(b"")
    html = bench.score("~/ir", "~/vis", {"<b>": images / "ours"}, "en")._repr_html_()
    assert html.count("<table") == 1
    assert "failed: " in html
    assert "&lt;b&gt;" in html
    assert "<details" not in html


def test_a_run_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    small = {"factors": [], "severities": [0], "metrics": ["en"], "detector": None, "limit": 1}
    done = bench.run("demo", out=tmp_path, methods=["average"], workers=1, panels=0, report=False, **small)
    assert "bench.report(path)" in done._repr_html_()
    assert (done.tables, done.curves) == (("efficiency",), ())  # costs are measured while the run is computed
    with pytest.raises(UsageError, match=r"no table 'fusion' in .*there are: efficiency"):
        done.table("fusion")
    with pytest.raises(UsageError, match=r"no curve 'en' in .*there are: none; `bench.report\(path\)` makes them"):
        RunResult(RunFolder(done.path)).curve("en")


def test_an_unknown_name_is_told_as_on_the_command_line() -> None:
    with pytest.raises(UsageError, match="unknown method 'gfff'; did you mean 'gff'"):
        bench.run("demo", methods=["gfff"])
    with pytest.raises(UsageError, match="unknown factor 'jpg'"):
        bench.degrade("demo", "nowhere", factors=["jpg"])


def test_one_text_where_a_list_is_expected_is_what_it_is_on_the_command_line(tmp_path: Path) -> None:
    asked = {
        "methods": "vis, average", "metrics": "en,mse", "factors": "jpeg", "severities": "0,3", "modalities": "vis",
        "references": "clean", "detector": None, "limit": 1, "workers": 1, "panels": 0,
    }  # fmt: skip
    done = bench.run("demo", out=tmp_path, show="0-00000,", **asked)
    assert set(done.rows["method"]) == {"vis", "average"}
    assert set(done.rows["metric"]) == {"en", "mse"}
    conditions = done.rows[["factor", "severity", "modality"]].drop_duplicates()
    assert sorted(conditions.itertuples(index=False, name=None)) == [("clean", 0, "both"), ("jpeg", 3, "vis")]
    assert done.record.shown == ("0-00000",)
    drawn = bench.figure(done.path, "0-00000", "clean,jpeg:3:vis", "vis,average", out=tmp_path / "figure")
    assert [path.suffix for path in drawn] == [".png", ".pdf"]
    again = bench.run("demo", out=tmp_path, recompute="average", report=False, **asked)
    assert again.record.parts[-1].cells == 2
    assert bench.repeat(done.path / "run.json", out=tmp_path, recompute="vis,average", report=False).path == done.path
    written = bench.degrade("demo", tmp_path / "degraded", factors="jpeg,contrast", severities="3", limit=1)
    assert written.pairs == 2


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("methods", "ir", ("ir",)),
        ("methods", " ir ,vis,", ("ir", "vis")),
        ("factors", "jpeg,vis:rain+ir:stripe_noise", ("jpeg", "vis:rain+ir:stripe_noise")),
        ("factors", "", ()),
        ("severities", "0,3", (0, 3)),
        ("modalities", "ir,vis", ("ir", "vis")),
        ("metrics", "core", ("core",)),
        ("seeds", "0,1", (0, 1)),
    ],
)
def test_an_option_gives_the_suite_that_its_command_gives(option: str, text: str, value: tuple) -> None:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    by_command = suite_of(parser.parse_args(["--suite", "m3fd", f"--{option}", text]))
    assert getattr(by_command, option) == value
    assert load_suite("m3fd", {option: text}) == by_command


def test_a_list_of_numbers_names_what_is_none() -> None:
    with pytest.raises(UsageError, match=r"severities\.1 = 'x': .*valid integer"):
        bench.run("demo", severities="0,x")
