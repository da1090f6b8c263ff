"""The script for a few minutes on a GPU: parts end in time, finished ones are not done again."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import gpu


@pytest.fixture
def session(tmp_path: Path) -> gpu.Session:
    return gpu.Session("cpu", tmp_path, None, None, time.monotonic() + 60)


def test_a_part_whose_time_is_over_is_stopped_and_its_output_kept(session: gpu.Session) -> None:
    command = ["-c", "import time; print('begun', flush=True); time.sleep(60)"]
    started = time.monotonic()
    assert session.run("part", command, started + 1) in gpu.INTERRUPTED
    assert time.monotonic() - started < 30
    assert "begun" in (session.out / "part.txt").read_text()
    assert session.run("part", ["-c", "raise SystemExit(3)"], time.monotonic() + 30) == 3


def test_finished_parts_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    done = []

    def part(name: str):
        def run(session: gpu.Session, until: float) -> dict:
            done.append(name)
            first = done.count(name) == 1
            return {"finished": not (first and name == "suite"), "ok": True, "table": [{"call": name, "ms": 1}]}

        return run

    monkeypatch.setattr(gpu, "DO", {name: part(name) for name in gpu.PARTS})
    command = ["gpu", "--device", "cpu", "--minutes", "1", "--out", str(tmp_path), "--skip", "training"]
    monkeypatch.setattr("sys.argv", command)
    for _ in range(2):
        with pytest.raises(SystemExit) as status:
            gpu.main()
        assert status.value.code == 0
    assert done == ["agreement", "timings", "suite", "suite"]
    assert json.loads((tmp_path / "report.json").read_text())["suite"]["finished"]
    assert "| timings | 1 |" in capsys.readouterr().out


def test_every_part_has_its_work_and_its_share_of_the_time() -> None:
    assert set(gpu.PARTS) == set(gpu.DO) == set(gpu.SHARES)
