"""A place may begin with ~ in every command and function: a shell does not expand --ir=~/ir, nor does Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.cli import main
from detectors.detector import find_weights
from tsdm_bench.errors import UsageError
from tsdm_bench.images import write_png

SUITE = "{name: own, dataset: folder, methods: [vis], factors: [], severities: [0]}"
OF_A_RUN = {
    "compare": lambda place: bench.compare([place, place]),
    "export": lambda place: bench.export(place, "csv"),
    "figure": lambda place: bench.figure(place),
    "publish": lambda place: bench.publish(place, "~/out"),
    "repeat": lambda place: bench.repeat(place),
    "report": lambda place: bench.report(place),
    "show_leaderboard": lambda place: bench.show_leaderboard(place),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for kind in ("ir", "vis"):
        (tmp_path / kind).mkdir()
        write_png(tmp_path / kind / "1.png", np.arange(48 * 64, dtype=np.uint8).reshape(48, 64))
    (tmp_path / "own.yaml").write_text(SUITE)
    return tmp_path


def test_pairs_from_python(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fuse("average", "~/ir", "~/vis", "~/fused", device="cpu")
    assert len(bench.score("~/ir", "~/vis", "~/fused", "en").values) == 1
    bench.degrade("~/own.yaml", "~/degraded", data_root="~", workers=1)
    monkeypatch.setenv("TSDM_BENCH_DATA", "~")
    bench.degrade("~/own.yaml", "~/again", workers=1)
    assert {"fused", "degraded", "again"} < {path.name for path in home.iterdir()}
    assert not (home / "~").exists()


@pytest.mark.parametrize("function", OF_A_RUN.values(), ids=OF_A_RUN)
def test_runs_from_python(function: Callable, home: Path) -> None:
    with pytest.raises(UsageError) as told:
        function("~/nowhere")
    assert str(home / "nowhere") in str(told.value)


def test_on_the_command_line(home: Path) -> None:
    assert main(["fuse", "--method=average", "--ir=~/ir", "--vis=~/vis", "--out=~/fused"]) == 0
    assert main(["score", "--ir=~/ir", "--vis=~/vis", "--fused=~/fused", "--metrics=en", "--csv=~/scores.csv"]) == 0
    assert (home / "scores.csv").is_file()
    assert main(["datasets", "verify", "folder", "--data-root=~"]) == 0
    assert not (home / "~").exists()


def test_a_detector_of_ones_own(home: Path) -> None:
    (home / "own.onnx").touch()
    assert find_weights("~/own.onnx", None) == home / "own.onnx"


def test_weights_lie_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "IFCNN-MAX.pth").write_bytes(b"another")
    monkeypatch.setenv("TSDM_BENCH_WEIGHTS", "~")
    with pytest.raises(UsageError, match=f"{home}/IFCNN-MAX.pth is not IFCNN-MAX.pth"):
        bench.fuse("ifcnn", "~/ir", "~/vis", "~/fused", device="cpu")
