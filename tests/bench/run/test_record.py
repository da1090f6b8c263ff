"""The record says what the rows are of, and is read whatever its age or state."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from small_runs import run, values

from bench.cli import main
from bench.metrics import METRICS
from bench.run.store import RunFolder


def test_a_record_says_what_every_row_is_of(pairs: Path, tmp_path: Path) -> None:
    record = json.loads((run(pairs, tmp_path, factors=("jpeg",), severities=(0, 3)).path / "run.json").read_text())
    assert record["version"] == 2
    assert set(record["pairs"]) == {"0", "1", "2"}
    assert all(facts["content"] and facts["labels"] for facts in record["pairs"].values())
    assert record["methods"]["ir"]["spec"] == "ir"
    assert record["factors"]["jpeg"]["ladder"]["vis"][2]["quality"]
    assert record["metrics"] == {"en": METRICS["en"].version, "mse": METRICS["mse"].version}
    (part,) = record["parts"]
    assert part["cells"] == 6
    assert {"command", "date", "commit", "versions", "processor", "device"} <= part.keys()


def test_every_part_of_a_run_keeps_its_provenance(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path, methods=("ir",))
    folder = run(pairs, tmp_path)
    assert [part.cells for part in folder.record().parts] == [3, 3]
    run(pairs, tmp_path)
    assert len(folder.record().parts) == 2  # nothing was added


def test_rows_of_an_older_version_are_computed_again_and_kept(
    pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run(pairs, tmp_path)
    before = values(folder)
    for kind in ("rows", "detections"):  # as older versions wrote them: no hash in the name, no identities
        for number, shard in enumerate(sorted((folder.path / kind).iterdir())):
            table = pd.read_parquet(shard)
            shard.unlink()
            table.to_parquet(folder.path / kind / f"e728aa07de6b41d2a0d7027e8369aba{number}.parquet")
    again = run(pairs, tmp_path)
    pd.testing.assert_frame_equal(values(again), before)
    assert "6 were stored by an older version" in caplog.text
    assert len(RunFolder(folder.path / "replaced").identities()) == 6


def test_a_damaged_record_is_written_anew(pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = run(pairs, tmp_path)
    (folder.path / "run.json").write_text('{"suite": ')
    again = run(pairs, tmp_path)
    assert "cannot be read as the record of a run" in caplog.text
    assert again.record().suite.name == "small"
    assert (folder.path / "run.damaged.json").exists()


def test_a_record_of_a_newer_version_is_one_line(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = run(pairs, tmp_path)
    (folder.path / "run.json").write_text('{"version": 99}')
    assert main(["report", str(folder.path)]) == 2
    assert "was written by a newer version of TSDM-Bench (record version 99" in capsys.readouterr().err
