"""Boxes of a dataset stay with it: a published run states them, reads them where the dataset is, and does without."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet
import pytest

import bench
from bench.cli import main
from bench.leaderboard import read_entries
from bench.publishing import stale, unchecked
from bench.run.objects import CONTRASTS, STATEMENT, TRUTH, BoxesDiffer, BoxesNotHere
from bench.run.store import RunFolder

FOUND = {"vis": 0.8, "a": 1.0}
Make = Callable[..., RunFolder]


@pytest.fixture
def run(make_run: Make) -> RunFolder:
    folder = make_run(found=FOUND, images=5, methods=tuple(FOUND))
    boxes = folder.truth().drop(columns="difficult")
    folder.write_contrasts([("of", *box, 0.1 * number, 1.0) for number, box in enumerate(boxes.to_numpy()[::-1])])
    return folder


@pytest.fixture
def published(run: RunFolder, tmp_path: Path, dataset: Path, quick_curves) -> Path:
    return bench.publish(run.path, tmp_path / "own")


@pytest.fixture
def no_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TSDM_BENCH_DATA")


def files(folder: Path) -> dict[str, str]:
    """Tables and page by name, as hashes."""
    paths = [*folder.glob("tables/*.csv"), *folder.glob("tables/*.md"), folder / "README.md"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_published_run_holds_no_box_of_its_dataset(published: Path) -> None:
    assert not (published / TRUTH).exists()
    told = json.loads((published / STATEMENT).read_text())
    assert (told["dataset"], told["objects"], told["difficult"]) == ("folder", {"Bus": 1, "Car": 25}, {})
    columns = {name for path in published.glob("*.parquet") for name in parquet.read_schema(path).names}
    assert columns.isdisjoint("xywh")
    assert "of its objects Bus 1, Car 25" in (published / "README.md").read_text()


def test_boxes_are_read_from_the_dataset_and_are_those_of_the_run(run: RunFolder, published: Path) -> None:
    copy = RunFolder(published)
    pd.testing.assert_frame_equal(copy.truth(), run.truth())
    of_run, of_copy = (of.contrasts().sort_values(["image", "class", "x"], ignore_index=True) for of in (run, copy))
    pd.testing.assert_frame_equal(of_copy, of_run)
    assert stale(published) == []
    assert unchecked(published) == ""
    before = files(published)
    bench.publish(published, published)  # as it is renewed
    assert files(published) == before


def test_the_place_of_the_dataset_can_be_named(published: Path, dataset: Path, no_dataset, caplog) -> None:
    assert "by --data-root or TSDM_BENCH_DATA" in unchecked(published)
    place = ["--data-root", str(dataset)]
    assert main(["report", str(published), "--leaderboard", str(published.parent / "board"), *place]) == 0
    assert read_entries(published.parent / "board")[0].score("mAP50").clean == pytest.approx(1)
    assert main(["export", str(published), "--to", "coco", *place]) == 0
    assert "left out" not in caplog.text
    assert bench.compare([published, published.parent / "run"], data_root=dataset).notes == ()
    assert stale(published, dataset) == []


def test_without_the_dataset_all_that_needs_no_boxes_works(published: Path, run: RunFolder, no_dataset, caplog) -> None:
    before = files(published)
    assert stale(published) == []
    caplog.clear()
    assert main(["report", str(published)]) == 0
    assert caplog.text.count("takes its boxes from dataset folder: name the folder of") == 1
    assert files(published) == before  # tables that were made with boxes stay
    assert (published / "index.html").is_file()
    found = bench.compare([run.path, published])
    assert found.left_out == ()
    assert {"psnr-clean", "vif-clean"} == set(found.frame["quantity"])
    assert any("average precision is left out: " in note for note in found.notes)
    assert main(["export", str(published), "--to", "csv"]) == 0
    assert not (published / "export" / "objects.csv").exists()
    assert "objects.csv is left out: " in caplog.text


def test_what_needs_boxes_says_in_a_line_what_to_do(published: Path, tmp_path: Path, no_dataset, capsys) -> None:
    board, again = tmp_path / "board", tmp_path / "again"
    for name, *more in (
        ("export", "--to", "coco"),
        ("report", "--leaderboard", str(board)),
        ("publish", "--out", str(again)),
    ):
        assert main([name, str(published), *more]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "takes its boxes from dataset folder: name the folder of" in line
    assert not board.exists()
    assert not again.exists()


def test_without_the_dataset_a_changed_number_is_found_where_it_needs_no_boxes(published: Path, no_dataset) -> None:
    place = published / "tables" / "robustness.csv"
    table = pd.read_csv(place)
    table.assign(P=table["P"].where(table["metric"].str.startswith("mAP"), 0.5)).to_csv(place, index=False)
    (published / "tables" / "fusion.md").unlink()
    (published / "tables" / "more.csv").write_text("a\n1\n")
    assert stale(published) == [
        "tables/fusion.md is missing",
        "tables/more.csv is not made from the rows",
        "tables/robustness.csv: P holds other values than the rows give",
    ]


def test_other_boxes_than_those_stated_are_refused(published: Path, dataset: Path) -> None:
    labels = dataset / "Annotations" / "scene b.xml"
    text = labels.read_text()
    labels.write_text(text.replace("<xmax>30<", "<xmax>31<"))
    with pytest.raises(BoxesDiffer, match="are not those that it states"):
        RunFolder(published).truth()
    (told,) = stale(published)
    assert "name the dataset as it was published by --data-root" in told
    assert unchecked(published) == ""  # the dataset is here: this is no reason to skip
    labels.unlink()
    with pytest.raises(BoxesNotHere, match=r"1 of its 5 pairs have no readable labels under .*\(such as scene b\)"):
        RunFolder(published).truth()


def test_a_dataset_that_is_not_known_and_a_damaged_statement_are_told(published: Path) -> None:
    statement = json.loads((published / STATEMENT).read_text())
    (published / STATEMENT).write_text(json.dumps(statement | {"dataset": "elsewhere"}))
    assert "dataset elsewhere, which is not known here; install the package" in unchecked(published)
    (published / STATEMENT).write_text(json.dumps(statement | {"boxes": []}))
    assert main(["export", str(published), "--to", "coco"]) == 2


def test_a_run_of_a_dataset_whose_card_is_not_installed_can_be_published(
    make_run: Make, tmp_path: Path, quick_curves
) -> None:
    run = make_run(record={"dataset": {"name": "elsewhere", "title": "Elsewhere", "synthetic": False}})
    assert "| dataset | Elsewhere |" in (bench.publish(run.path, tmp_path / "own") / "README.md").read_text()


def test_boxes_that_we_draw_ourselves_stay(make_run: Make, tmp_path: Path, quick_curves) -> None:
    drawn = {"dataset": {"name": "synthetic", "title": "S", "synthetic": True}}
    run = make_run("drawn", found=FOUND, images=5, methods=tuple(FOUND), record=drawn)
    run.write_contrasts([])
    published = bench.publish(run.path, tmp_path / "own")
    assert not (published / STATEMENT).exists()
    assert (published / CONTRASTS).is_file()
    pd.testing.assert_frame_equal(RunFolder(published).truth(), run.truth())


def test_a_folder_that_holds_its_boxes_is_read_as_before(run: RunFolder, published: Path, no_dataset) -> None:
    (published / STATEMENT).unlink()  # as it was published before
    (published / TRUTH).write_bytes((run.path / TRUTH).read_bytes())
    (published / CONTRASTS).write_bytes((run.path / CONTRASTS).read_bytes())
    assert unchecked(published) == ""
    assert [told for told in stale(published) if not told.startswith("README.md")] == []
