"""A published run: small, whole, without a trace of the machine, and what its rows say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest

import bench
from bench.cli import main
from bench.publishing import LARGEST, PLACE, stale, unchecked
from bench.run.objects import CONTRASTS, STATEMENT, TRUTH
from bench.run.store import RunFolder

PUBLISHED = Path(__file__).parents[3] / "results" / "published"
FOLDERS = sorted(path.parent for path in PUBLISHED.glob("*/run.json"))
Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}


@pytest.fixture
def run(make_run: Make, dataset: Path) -> RunFolder:
    folder = make_run(found=FOUND, images=5, methods=tuple(FOUND))
    record = json.loads((folder.path / "run.json").read_text())
    part = record["parts"][0] | {"data_root": "/home/someone/data"}
    part["command"] = ["/home/someone/run_bench.py", "--suite", "own", "--out", "/scratch/x", "--data-root=/data/all",
                       "--detector", "/models/net.onnx"]  # fmt: skip
    record["parts"] = [part]
    (folder.path / "run.json").write_text(json.dumps(record))
    return folder


def test_a_published_run_is_small_and_names_no_place(run: RunFolder, tmp_path: Path, capsys) -> None:
    to = tmp_path / "published" / "own"
    assert main(["publish", str(run.path), "--out", str(to)]) == 0
    assert f"published: {to}" in capsys.readouterr().out
    there = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}
    shards = {name for name in there if name.startswith(("rows/", "detections/"))}
    assert len(shards) == 4, "rows and detections of the clean pairs and of the one factor"
    assert there - shards >= {"run.json", "pairs.parquet", STATEMENT, "README.md", "curves/map50.png"}
    assert TRUTH not in there
    assert {"tables/fusion.csv", "tables/fusion.md", "tables/detection.csv", "tables/robustness.csv"} <= there
    assert not [name for name in there if name.endswith((".pdf", ".tex", ".html")) or name.startswith("fused")]
    text = "".join(path.read_text() for path in to.rglob("*") if path.suffix in (".json", ".md", ".csv"))
    assert not [place for place in ("/home", "/scratch", "/data", "/models", str(tmp_path)) if place in text]
    assert "run_bench.py --suite own --detector net.onnx" in (to / "README.md").read_text()
    assert stale(to) == []


def test_the_folder_is_read_as_the_run_is(run: RunFolder, tmp_path: Path, capsys) -> None:
    to = bench.publish(run.path, tmp_path / "own")
    copy = RunFolder(to)
    pd.testing.assert_frame_equal(copy.rows(), run.rows())
    order = list(run.detections().columns)
    here, there = (f.detections().sort_values(order, ignore_index=True) for f in (copy, run))
    pd.testing.assert_frame_equal(here, there, rtol=0, atol=1 / 4096)
    comparison = bench.compare([run.path, to])
    assert comparison.left_out == ()
    means = comparison.frame.groupby("run")["mean"].apply(list)
    assert np.allclose(*means, equal_nan=True)
    for command in (["report"], ["export", "--to", "csv"]):
        assert main([command[0], str(to), *command[1:]]) == 0
    assert (to / "index.html").is_file()
    assert stale(to) == []  # the whole report says the same


def test_detections_are_rounded(run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    """Boxes to a sixteenth of a pixel, scores to 1/4096, and none stays below the lowest score that is kept."""
    order, read = ["image", "severity", "method", "x", "y"], RunFolder.detections

    def changed(self, **form) -> pd.DataFrame:
        found = read(self, **form)
        return found.assign(x=found["x"] + 0.3, score=found["score"] * 0.97)

    monkeypatch.setattr(RunFolder, "detections", changed)
    there = run.detections()
    lowest = there["score"].median()
    to = bench.publish(run.path, tmp_path / "own", scores_from=lowest)
    monkeypatch.undo()
    here = RunFolder(to).detections()
    assert here["score"].min() >= lowest
    there = there[(there["score"] * 4096).round() / 4096 >= lowest]
    for column, steps in (("x", 16), ("score", 4096)):
        first, second = (found.sort_values(order, ignore_index=True)[column] for found in (there, here))
        assert ((second * steps) % 1 == 0).all()
        assert 0 < (first - second).abs().max() <= 1 / (2 * steps)


def test_what_is_published_again_replaces_the_old(run: RunFolder, tmp_path: Path) -> None:
    to = bench.publish(run.path, tmp_path / "own")
    (to / "tables" / "old.csv").write_text("a\n1\n")
    before = sorted(path.name for path in (to / "rows").iterdir())
    bench.publish(run.path, to)
    assert not (to / "tables" / "old.csv").exists()
    assert sorted(path.name for path in (to / "rows").iterdir()) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_was_changed_by_hand_is_found(run: RunFolder, tmp_path: Path) -> None:
    to = bench.publish(run.path, tmp_path / "own")
    table = pd.read_csv(to / "tables" / "robustness.csv")
    table.loc[0, "P"] += 1e-6
    table.to_csv(to / "tables" / "robustness.csv", index=False)
    page = (to / "README.md").read_text()
    (to / "README.md").write_text(page.replace("mAP50", "mAP51", 1))
    (to / "tables" / "fusion.md").unlink()
    (to / "tables" / "more.csv").write_text("a\n1\n")
    assert stale(to) == [
        "README.md does not say what the rows say",
        "tables/fusion.md is missing",
        "tables/more.csv is not made from the rows",
        "tables/robustness.csv: P holds other values than the rows give",
    ]


def test_detections_of_a_low_score_can_be_left_out_and_the_record_says_so(run: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(bench.publish(run.path, tmp_path / "own", scores_from=0.95))
    record = copy.record()
    assert copy.detections().empty  # they are of score 0.9
    assert record.suite.detector is not None
    assert (record.suite.detector.confidence, record.detector_facts.confidence) == (0.95, 0.95)


def test_what_cannot_be_published_is_told_in_a_line(make_run: Make, run: RunFolder, tmp_path: Path, capsys) -> None:
    part = make_run("part", lost=lambda method, image, severity: severity == 5 and method == "a")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "thesis.txt").write_text("")
    foreign = make_run("foreign")
    record = json.loads((foreign.path / "run.json").read_text())
    record["methods"]["a"]["spec"] = "a=python:/home/someone/a.py:fuse"
    (foreign.path / "run.json").write_text(json.dumps(record))
    for place, more, told in (
        (part.path, ["--out", str(tmp_path / "new")], "is not complete (44 of 48 results"),
        (run.path, ["--out", str(kept)], "holds something else than a published run"),
        (run.path, ["--out", str(tmp_path / "new"), "--scores-from", "0.0001"], "stored scores from 0.001"),
        (foreign.path, ["--out", str(tmp_path / "new")], "the record names /home/someone/a.py:fuse, a place of this"),
        (foreign.path, ["--out", str(tmp_path / "new"), "--scores-from", "0.5"], "a place of this"),
    ):
        assert main(["publish", str(place), *more]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert (kept / "thesis.txt").is_file()


@pytest.mark.skipif(not FOLDERS, reason="nothing is published yet")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_published_tables_are_those_of_the_rows(folder: Path) -> None:
    assert stale(folder) == [], f"renew it: python run_bench.py publish {folder} --out {folder}"
    copy = RunFolder(folder)
    assert copy.record().dataset.synthetic or copy.objects.statement or copy.truth().empty, (
        "it holds boxes of a dataset"
    )
    for kind, most in LARGEST.items():
        files = list((folder / kind).iterdir())
        assert len(files) in (1, 1 + len(copy.record().factors)), "one in all, or one per factor"
        assert sum(file.stat().st_size for file in files) <= most * 1e6
    assert len(RunFolder(folder).record().parts[-1].commit) == 40
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".json", ".md", ".csv")]
    assert not [found[1] for text in texts for found in PLACE.finditer(text.replace('"', " "))]
    if why := unchecked(folder):
        pytest.skip(f"all but what rests on boxes is as it should be; that was not made again: {why}")


def test_no_box_of_a_dataset_is_among_the_results_that_are_committed() -> None:
    for path in PUBLISHED.rglob("*.parquet"):
        folder = RunFolder(path.parent)
        if path.name in (TRUTH, CONTRASTS) and not folder.record().dataset.synthetic:
            assert "x" not in parquet.read_schema(path).names or parquet.read_table(path).num_rows == 0, path


def test_a_published_run_is_repeated_from_its_record(tmp_path: Path) -> None:
    small = {"factors": ["jpeg"], "severities": [0, 3], "metrics": ["en", "psnr"], "detector": None, "limit": 1}
    settings = {"workers": 1, "panels": 0, "report": False, "device": "cpu"}
    first = bench.run("demo", out=tmp_path / "runs", methods=["vis", "average"], **settings, **small)
    published = bench.publish(first.path, tmp_path / "demo")
    again = bench.repeat(published / "run.json", out=tmp_path / "again", **settings)
    wanted, found = (frame.drop(columns="seconds") for frame in (RunFolder(published).rows(), again.rows))
    pd.testing.assert_frame_equal(wanted, found)
    assert again.record.content == RunFolder(published).record().content
