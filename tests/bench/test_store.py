from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from bench.cell import DETECTION_COLUMNS, CellResult, DetectionRow, Failure, Row
from bench.errors import UsageError
from bench.plan import Condition
from bench.store import RunFolder, write_atomically

ROW_COLUMNS = (
    "dataset", "image", "scene", "factor", "severity", "modality", "seed", "method", "metric", "reference", "value",
    "seconds",
)  # fmt: skip
BOX_COLUMNS = (
    "dataset", "image", "factor", "severity", "modality", "method", "detector", "class", "score", "x", "y", "w", "h",
)  # fmt: skip


def result(image: str, value: float = 0.5, method: str = "ir") -> CellResult:
    row = Row("d", image, "s", "jpeg", 3, "both", 0, method, "en", "none", value, 0.1)
    box = DetectionRow("d", image, "jpeg", 3, "both", method, "yolo", "Car", 0.9, 1.0, 2.0, 3.0, 4.0)
    return CellResult([row], [box], [])


def test_the_stored_columns_are_the_contract(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    assert Row._fields == ROW_COLUMNS
    assert DETECTION_COLUMNS == BOX_COLUMNS
    for kind, columns in (("rows", ROW_COLUMNS), ("detections", BOX_COLUMNS)):
        (shard,) = (tmp_path / kind).glob("*.parquet")
        assert tuple(parquet.read_schema(shard).names) == columns


def test_what_was_appended_comes_back_and_counts_as_done(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("b"), result("a")])
    folder.append([result("a", method="vis")])
    assert list(folder.rows()["image"]) == ["a", "a", "b"]
    assert folder.done() == {(i, Condition("jpeg", 3, "both"), m) for i, m in (("a", "ir"), ("a", "vis"), ("b", "ir"))}
    assert folder.detections()["score"].tolist() == [0.9] * 3


def test_a_value_stored_twice_counts_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    folder.append([result("a")])
    assert len(folder.rows()) == 1
    assert len(folder.detections()) == 1


def test_detections_without_rows_are_the_trace_of_a_crash_and_do_not_count(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    (shard,) = (tmp_path / "rows").glob("*.parquet")
    shard.unlink()
    assert folder.detections().empty
    assert folder.done() == set()


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("power cut")

    (tmp_path / "f").write_text("old")
    with pytest.raises(RuntimeError, match="power cut"):
        write_atomically(tmp_path / "f", write)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "old"


def test_failures_are_kept_until_the_next_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    failure = Failure("a", "jpeg", 3, "both", "gff", "ValueError: no")
    folder.append([CellResult(failures=[failure])])
    assert folder.failures() == [failure]
    assert json.loads((tmp_path / "failures.jsonl").read_text())["method"] == "gff"
    assert folder.done() == set()
    folder.forget_failures()
    assert folder.failures() == []


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        RunFolder.existing(tmp_path)
