"""A run that is stopped, killed or out of space loses nothing that it had saved, and says what to do."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from bench.cell import work
from bench.cli import main
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.run.store import RunFolder
from bench.suite import Suite

PROGRAM = Path(__file__).parents[3] / "run_bench.py"
SLOW = """import pathlib, time

def fuse(ir, vis):
    with pathlib.Path(__file__).with_name("fused.txt").open("a") as file:
        print("one", file=file)
    time.sleep(0.2)
    return (ir + vis) / 2
"""


def command(pairs: Path, folder: Path, workers: int, executor: str = "local") -> list[str]:
    (folder / "slow.py").write_text(SLOW)
    (folder / "suite.yaml").write_text(
        f"name: slow\ndataset: folder\nmethods: [average, 'slow={folder}/slow.py:fuse']\nfactors: [noise_gray, jpeg]\n"
        "severities: [0, 1, 2, 3, 4, 5]\nmetrics: [en, mse]\n"
    )
    places = ["--suite", str(folder / "suite.yaml"), "--data-root", str(pairs), "--out", str(folder / "out")]
    how = ["--executor", executor, "--workers", str(workers), "--device", "cpu", "--no-report"]
    return [sys.executable, str(PROGRAM), *places, *how]


def run_folder(folder: Path) -> RunFolder:
    (path,) = (folder / "out/slow").glob("seed*")
    return RunFolder(path)


def wait_for_work(process: subprocess.Popen, folder: Path) -> None:
    """Until some cells are computed."""
    deadline, fused = time.monotonic() + 300, folder / "fused.txt"
    while not fused.is_file() or len(fused.read_text().splitlines()) < 6:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "workers", "executor"),
    [(signal.SIGTERM, 1, "local"), (signal.SIGHUP, 2, "local"), (signal.SIGTERM, 1, "ray")],
)
def test_signals_of_schedulers_save_what_is_done_and_a_resume_completes_it(
    small_pairs: Path, tmp_path: Path, number: int, workers: int, executor: str
) -> None:
    if executor == "ray":
        pytest.importorskip("ray")
    # In the background a shell lets Ctrl-C be ignored; that must not matter.
    process = subprocess.Popen(
        command(small_pairs, tmp_path, workers, executor),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    wait_for_work(process, tmp_path)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < 20  # 10 s on a machine that is not busy
    if process.returncode == 0:
        pytest.skip("the run was over before the signal came")
    assert process.returncode == 128 + number
    assert f"stopped by {signal.Signals(number).name}; what was computed is kept" in errors
    stored = run_folder(tmp_path).identities()
    assert stored
    assert not list(run_folder(tmp_path).path.rglob("*.tmp"))
    result = subprocess.run(command(small_pairs, tmp_path, workers), capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    folder = run_folder(tmp_path)
    assert len(folder.identities()) == 3 * 11 * 2
    assert len(pd.read_parquet(folder.path / "rows")) == len(folder.rows())
    assert len(folder.record().parts) == 2


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """As in a process of its own: Ray leaves a handler that ends the process, and a shell may have Ctrl-C ignored."""
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("instead", [None, "no plain tensors"])
def test_a_signal_that_compiled_code_drops_or_turns_into_an_error_still_stops_the_run(
    small_pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    usual_signals: None,
    number: int,
    instead: str | None,
) -> None:
    calls = []

    def score(*arguments):
        calls.append(1)
        if len(calls) == 5:  # in the third cell of nine
            try:
                signal.raise_signal(number)
            except KeyboardInterrupt:
                if instead:
                    raise ValueError(instead) from None
        return original(*arguments)

    original = work.score
    monkeypatch.setattr(work, "score", score)
    (tmp_path / "suite.yaml").write_text(
        "name: s\ndataset: folder\nmethods: [ir, vis]\nfactors: [jpeg]\nseverities: [0, 1, 3]\nmetrics: [en]\n"
    )
    places = ["--suite", str(tmp_path / "suite.yaml"), "--data-root", str(small_pairs), "--out", str(tmp_path / "out")]
    arguments = [*places, "--workers", "1", "--device", "cpu", "--no-report"]
    assert main(arguments) == 128 + number
    assert "what was computed is kept" in capsys.readouterr().err
    (path,) = (tmp_path / "out/s").glob("seed*")
    folder = RunFolder(path)
    assert len(folder.identities()) == 2 * 2
    assert folder.failures() == []
    assert main(arguments) == 0  # the wish of one command is none of the next
    assert len(folder.identities()) == 9 * 2


def test_a_full_disk_is_one_line_and_shards_stay_whole(
    small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    original, calls, room = RunFolder._write_shard, [], []

    def full(self, *arguments) -> None:
        calls.append(1)
        if len(calls) >= 2 and not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(self, *arguments)

    monkeypatch.setattr(RunFolder, "_write_shard", full)
    monkeypatch.setattr("bench.run.flow.FLUSH_SECONDS", 0.0)
    (tmp_path / "suite.yaml").write_text(
        "name: s\ndataset: folder\nmethods: [ir, vis]\nseverities: [0]\nmetrics: [en]\n"
    )
    arguments = [
        "--suite",
        str(tmp_path / "suite.yaml"),
        "--data-root",
        str(small_pairs),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--workers", "1", "--device", "cpu", "--no-report"]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no space is left in" in message
    assert "what was computed before is kept: make room and repeat the command" in message
    (path,) = (tmp_path / "out/s").glob("seed*")
    assert len(RunFolder(path).identities()) == 2
    room.append("made")
    assert main([*arguments, "--workers", "1", "--device", "cpu", "--no-report"]) == 0
    assert len(RunFolder(path).identities()) == 6


@pytest.mark.parametrize("what", ["file", "below a file", "/proc"])
def test_a_place_that_cannot_be_written_is_told_before_computing(
    small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture, what: str
) -> None:
    (tmp_path / "file").write_text("")
    out = {"file": tmp_path / "file", "below a file": tmp_path / "file/x", "/proc": Path("/proc/x")}[what]
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")
    pair = ["--ir", str(small_pairs / "ir"), "--vis", str(small_pairs / "vis"), "--device", "cpu"]
    for arguments in (["--suite", "demo"], ["degrade", "--suite", "demo"], ["fuse", "--method", "average", *pair]):
        assert main([*arguments, "--out", str(out)]) == 2
        error = capsys.readouterr().err.strip()
        assert f"--out {out}" in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize("device", ["gpu", "gpu0", "cuda:x", "tpu", ""])
def test_an_unknown_device_is_one_line(small_pairs: Path, tmp_path: Path, capsys, device: str) -> None:
    pair = ["--ir", str(small_pairs / "ir"), "--vis", str(small_pairs / "vis")]
    for arguments in (["--suite", "demo"], ["fuse", "--method", "average", *pair]):
        assert main([*arguments, "--out", str(tmp_path / "out"), "--device", device]) == 2
        assert f"--device {device}: expected auto, cpu, cuda or cuda:N" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "text", "link", "foreign text"])
def test_a_run_ends_well_whatever_latest_is(
    small_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    suite = Suite(name="s", dataset="folder", methods=("ir",), severities=(0,), metrics=("en",))
    options = Options(data_root=small_pairs, out=tmp_path, device="cpu", workers=1)
    folder = run_benchmark(suite, options)
    latest = folder.path.parent / "latest"
    latest.unlink()
    if kind == "folder":
        latest.mkdir()
    elif kind != "link":
        latest.write_text(folder.path.name if kind == "text" else "a note of mine")
    run_benchmark(suite, options)
    if kind in ("folder", "foreign text"):
        assert "is no link: it is left as it is" in caplog.text
    else:
        assert RunFolder.existing(latest).path == folder.path


def test_a_run_is_repeated_from_its_record_and_says_what_differs(
    small_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    suite = Suite(name="s", dataset="folder", methods=("ir", "average"), severities=(0,), metrics=("en",), seed=3)
    first = run_benchmark(suite, Options(data_root=small_pairs, out=tmp_path / "a", device="cpu", workers=1))
    record = first.path / "run.json"
    assert main(["--from", str(record), "--out", str(tmp_path / "b"), "--no-report", "--workers", "1"]) == 0
    (path,) = (tmp_path / "b/s").glob("seed3-*")
    again = RunFolder(path)
    pd.testing.assert_frame_equal(again.rows().drop(columns="seconds"), first.rows().drop(columns="seconds"))
    assert "nothing that decides its rows differs here" in caplog.text
    told = json.loads(record.read_text())
    told["parts"][0]["versions"]["torch"] = "1.0"
    told["pairs"]["1"]["content"] = "0" * 16
    record.write_text(json.dumps(told))
    caplog.clear()
    assert main(["--from", str(record), "--out", str(tmp_path / "c"), "--no-report", "--workers", "1"]) == 0
    assert "the image files of 1 changed" in caplog.text
    assert "(was 1.0)" in caplog.text
    assert main(["--from", str(record), "--methods", "gff", "--seed", "1"]) == 2
    assert "says what is run: leave out --seed, --methods" in capsys.readouterr().err
    assert main(["--from", str(tmp_path / "none.json")]) == 2
    assert "cannot be read as the record of a run" in capsys.readouterr().err
