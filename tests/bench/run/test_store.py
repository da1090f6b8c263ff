from __future__ import annotations

import contextlib
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from bench.cell.rows import DETECTION_COLUMNS, CellResult, DetectionRow, Failure, Picture, Row
from bench.datasets.pair import Box, Pair
from bench.plan import Condition
from bench.run.shards import UNKNOWN, CellKey
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


def key(image: str, method: str = "ir") -> CellKey:
    return CellKey(image, Condition("jpeg", 3, "both"), method)


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
    assert folder.identities().keys() == {key("a"), key("a", "vis"), key("b")}
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
    assert folder.identities() == {}


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
    assert folder.identities() == {}
    folder.forget_failures()
    assert folder.failures() == []


def test_identities_are_kept_with_the_rows(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a"), result("b")], {key("a"): "0123", key("c"): "never stored"})
    assert folder.identities() == {key("a"): "0123", key("b"): UNKNOWN}


def test_cells_are_set_aside_and_the_others_stay(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    shown = Picture("a", "jpeg", 3, "both", "vis", b"png")
    folder.append([result("a"), result("a", method="vis"), CellResult(pictures=[shown])], {key("a"): "1"})
    folder.append([result("b", method="vis")])
    folder.append([result("b")])
    untouched = {path.name for path in (tmp_path / "rows").iterdir()}
    folder.set_aside([key("a", "vis"), key("b", "vis")])
    assert folder.identities() == {key("a"): "1", key("b"): UNKNOWN}
    assert sorted(folder.detections()["image"]) == ["a", "b"]
    assert set(folder.detections()["method"]) == {"ir"}
    shards = {kind: {path.name for path in (tmp_path / kind).iterdir()} for kind in ("rows", "detections")}
    assert shards["rows"] == shards["detections"]
    assert len(shards["rows"] & untouched) == 1
    assert not folder.picture_path(shown).exists()
    replaced = RunFolder(tmp_path / "replaced")
    assert replaced.identities().keys() == {key("a", "vis"), key("b", "vis")}
    assert len(replaced.detections()) == 2


@pytest.mark.parametrize("last", range(4))
def test_setting_aside_can_be_cut_short_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a"), result("a", method="vis")])
    unlink, calls = Path.unlink, itertools.count()

    def cut(path: Path, **options: bool) -> None:
        if path.suffix == ".parquet" and next(calls) == last:
            raise RuntimeError("power cut")
        unlink(path, **options)

    with monkeypatch.context() as patch, contextlib.suppress(RuntimeError):
        patch.setattr(Path, "unlink", cut)
        folder.set_aside([key("a", "vis")])
    assert folder.identities().keys() >= {key("a")}
    folder.set_aside([key("a", "vis")])
    assert folder.identities().keys() == {key("a")}
    assert folder.detections()["method"].tolist() == ["ir"]
    assert RunFolder(tmp_path / "replaced").identities().keys() == {key("a", "vis")}


@pytest.mark.parametrize("kind", ["rows", "detections"])
@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "gone"])
def test_a_damaged_shard_is_laid_by_and_its_cells_are_not_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, damage: str
) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    (shard,) = (tmp_path / kind).glob("*.parquet")
    folder.append([result("b")])
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 4
    damaged = {"bit": bytes(content), "cut": bytes(content[:200]), "empty": b""}
    shard.unlink() if damage == "gone" else shard.write_bytes(damaged[damage])
    if (kind, damage) != ("rows", "gone"):  # detections alone are the trace of a crash
        assert folder.rows()["image"].tolist() == ["b"]
        assert "is damaged" in caplog.text
        assert "repeat the command" in caplog.text
    assert folder.identities().keys() == {key("b")}
    assert folder.detections()["image"].tolist() == ["b"]
    assert shard.name not in {path.name for path in (tmp_path / "rows").iterdir()}


def test_every_flipped_bit_of_a_shard_is_noticed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    (shard,) = (tmp_path / "detections").glob("*.parquet")
    (rows,) = (tmp_path / "rows").glob("*.parquet")
    whole, beside = shard.read_bytes(), rows.read_bytes()
    random = np.random.default_rng(0)
    for bit in random.choice(len(whole) * 8, 60, replace=False):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << (bit % 8)
        shard.write_bytes(flipped)
        rows.write_bytes(beside)
        assert folder.detections().empty


def test_shards_without_hashes_in_their_names_are_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append([result("a")])
    for kind in ("rows", "detections"):
        (shard,) = (tmp_path / kind).glob("*.parquet")
        shard.rename(shard.with_name("e728aa07de6b41d2a0d7027e8369aba5.parquet"))
    assert folder.identities() == {key("a"): UNKNOWN}


def test_a_line_cut_short_is_no_failure(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    failure = Failure("a", "jpeg", 3, "both", "gff", "ValueError: no")
    folder.append([CellResult(failures=[failure])])
    with open(tmp_path / "failures.jsonl", "a") as file:
        file.write('{"image": "b", "fac')
    assert folder.failures() == [failure]


def test_a_second_run_is_kept_out_and_told_who_is_there(tmp_path: Path) -> None:
    refusal = rf"another run \(process {os.getpid()} on .*wait for it, or .*--out"
    with RunFolder(tmp_path).locked(), pytest.raises(UsageError, match=refusal), RunFolder(tmp_path).locked():
        pass
    with RunFolder(tmp_path).locked():
        pass


def test_temporary_files_of_killed_writers_are_swept(tmp_path: Path) -> None:
    ours = ("rows/.x.parquet.1.tmp", "fused/jpeg/3/both/a/.ir.png.2.tmp", ".run.json.4.tmp", ".pairs.parquet.5.tmp")
    for name in (*ours, "tables/.efficiency.csv.6.tmp", ".index.html.3.tmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with RunFolder(tmp_path).locked():
        assert [path.name for path in tmp_path.rglob("*.tmp")] == [".index.html.3.tmp"]  # a report may be at it
        os.utime(tmp_path / ".index.html.3.tmp", (0, 0))
    with RunFolder(tmp_path).locked():
        assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["pairs", "truth"])
def test_a_damaged_list_of_pairs_is_one_line(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path)
    folder.write_pairs([Pair("a", "s", read=lambda: None, boxes=(Box("Car", 1, 2, 3, 4),))])
    assert getattr(folder, name)()["image"].tolist() == ["a"]
    (tmp_path / f"{name}.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=rf"{name}\.parquet is absent or damaged .*repeat the command"):
        getattr(folder, name)()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run folder"):
        RunFolder.existing(tmp_path)


@pytest.mark.parametrize("name", ["../../../elsewhere", "/tmp/x", "..", "a\0b"])
def test_no_picture_is_written_read_or_removed_elsewhere_whatever_a_folder_says(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / "run")
    for place in (Picture(name, "jpeg", 3, "both", "ir", b""), Picture("a", "jpeg", 3, "both", name, b"")):
        with pytest.raises(UsageError, match=r"image .*: it "):
            folder.picture_path(place)
    outside = tmp_path / "elsewhere.png"
    outside.write_bytes(b"")
    folder.append([result("a", method="../../../../../../elsewhere")])
    with pytest.raises(UsageError, match="a name is no path"):
        folder.drop([key("a", "../../../../../../elsewhere")])
    assert outside.exists()
