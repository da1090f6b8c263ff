from __future__ import annotations

import itertools
import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from bench.cell.rows import DETECTION_COLUMNS, CellResult, DetectionRow, Failure, Row
from bench.plan import Condition
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_atomically

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


def test_a_method_can_be_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_info({"methods": {"ir": {}, "vis": {}}, "detector": {"per_method": {"vis": {}}}})
    folder.append([result("a"), result("a", method="vis")])  # one shard of both
    folder.append([result("b", method="vis")])
    folder.append([result("b")])
    (tmp_path / "panels").mkdir()
    untouched = {path.name for path in (tmp_path / "rows").iterdir()}
    folder.forget(["vis"])
    assert folder.done() == {(image, Condition("jpeg", 3, "both"), "ir") for image in ("a", "b")}
    assert sorted(folder.detections()["image"]) == ["a", "b"]
    assert set(folder.detections()["method"]) == {"ir"}
    shards = {kind: {path.name for path in (tmp_path / kind).iterdir()} for kind in ("rows", "detections")}
    assert shards["rows"] == shards["detections"]
    assert len(shards["rows"] & untouched) == 1
    assert folder.read_info() == {"methods": {"ir": {}}, "detector": {"per_method": {}}}
    assert not (tmp_path / "panels").exists()


@pytest.mark.parametrize("last", range(4))
def test_forgetting_can_be_cut_short_and_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    folder = RunFolder(tmp_path)
    folder.write_info({"methods": {"ir": {}, "vis": {}}})
    folder.append([result("a"), result("a", method="vis")])
    unlink, calls = Path.unlink, itertools.count()

    def cut(path: Path, **options: bool) -> None:
        if next(calls) == last:
            raise RuntimeError("power cut")
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", cut)
        with pytest.raises(RuntimeError, match="power cut"):
            folder.forget(["vis"])
    assert "vis" in folder.read_info()["methods"]
    assert len(folder.detections()) == len(folder.done()) == (1 if last == 3 else 2)
    folder.forget(["vis"])
    assert folder.done() == {("a", Condition("jpeg", 3, "both"), "ir")}
    assert folder.detections()["method"].tolist() == ["ir"]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        RunFolder.existing(tmp_path)
