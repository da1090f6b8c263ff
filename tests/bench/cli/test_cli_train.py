"""Training at the command line: what it needs, what it says, what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import detectors
from bench.cli import main
from fusion.tsdm.networks.student import Student
from fusion.tsdm.training.checkpoints import load_network

pytest.importorskip("lightning.fabric")

SMALL = """
data:
  {sources: [SOURCE], patch: [16, 16], crops_per_pair: 1, validation_fraction: 0.34, validation_side: 16, workers: 1}
batch: 2
epochs: 1
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TSDM_BENCH_DATA", "TSDM_BENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """``mine/``: three pairs named as in the paper."""
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number:05d}_IR.png"), image[..., 0])
        cv2.imwrite(str(folder / f"{number:05d}_VI.png"), image)
    return folder.parent


def config(tmp_path: Path, source: str = "mine", more: str = "") -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(SMALL.replace("SOURCE", source) + more)
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def one_line(capsys: pytest.CaptureFixture) -> str:
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("run_bench.py: ")]
    assert len(error) == 1
    return error[0]


def test_teacher_then_student_then_fused_images(tmp_path, data_root, capsys):
    weights, runs = tmp_path / "weights", tmp_path / "runs"
    where = ("--data-root", data_root, "--weights-dir", weights, "--device", "cpu")
    assert run("train", "teacher", "--config", config(tmp_path), "--out", runs / "teacher", *where) == 0
    teacher = weights / "tsdm_teacher.safetensors"
    assert run("train", "export", runs / "teacher" / "best.pt", "--out", teacher) == 0
    late = "loss: {adversarial_from_epoch: 9}\n"
    student = ("train", "student", "--config", config(tmp_path, more=late), "--out", runs / "student", *where)
    assert run(*student) == 0
    assert run(*student, "--set", "epochs=2", "--resume") == 0
    packed = weights / "tsdm_student.safetensors"
    assert run("train", "export", runs / "student" / "last.pt", "--out", packed, "--half") == 0
    card = packed.with_suffix(".md").read_text()
    assert "mine 2 + 1 (pairs for training + kept out)" in card
    assert "**kept out of training**: 00002" in card
    assert "**epoch**: 2 of 2" in card
    with torch.no_grad():
        assert load_network(Student(), packed)(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8)).isfinite().all()
    assert "done: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("teacher", "--config", "gone.yaml"), "no configuration gone.yaml; give a YAML file or one of: teacher"),
        (("teacher", "--set", "epochs"), "--set epochs: expected NAME=VALUE"),
        (("teacher", "--set", "speed=9"), "speed = 9: no such field"),
        (("teacher", "--set", "data.sources=[nowhere]"), "'nowhere' is neither a dataset ("),
        (("teacher", "--set", "data.sources=[roadscene]"), "training on roadscene needs --data-root"),
        (("export", "gone.pt", "--out", "x.safetensors"), "no checkpoint at gone.pt"),
        (("export", "gone.pt", "--out", "x.pt"), "expected a file name that ends in .safetensors"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run("train", *arguments) == 2
    assert message in one_line(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_student_without_its_teacher_says_where_it_was_looked_for(tmp_path, data_root, capsys):
    settings = ("--config", config(tmp_path, more="teacher: gone.safetensors\nloss: {adversarial_from_epoch: 9}\n"))
    assert run("train", "student", *settings, "--data-root", data_root, "--out", tmp_path / "run") == 2
    assert "gone.safetensors" in one_line(capsys)


def test_a_damaged_image_is_named(tmp_path, data_root, capsys):
    (data_root / "mine" / "00001_VI.png").write_bytes(b"no image")
    settings = ("--config", config(tmp_path), "--data-root", data_root, "--out", tmp_path / "run", "--device", "cpu")
    assert run("train", "teacher", *settings) == 2
    assert "00001_VI.png cannot be read as an image" in one_line(capsys)


def test_a_half_pair_is_named_before_training_starts(tmp_path, data_root, capsys):
    (data_root / "mine" / "00001_VI.png").unlink()
    settings = ("--config", config(tmp_path), "--data-root", data_root, "--out", tmp_path / "run")
    assert run("train", "teacher", *settings) == 2
    assert "00001_IR.png has no visible partner" in one_line(capsys)
    assert not (tmp_path / "run").exists()


NARROW = str(Path(detectors.__file__).parent / "architectures" / "yolov5p.yaml")
DETECTOR = {
    "name": "tiny",
    "dataset": "synthetic",
    "methods": ["average", "ir"],
    "metrics": ["en"],
    "limit": 2,
    "detector": {"weights": "none needed"},
    "detection": {
        "protocol": "retrain",
        "limit": 8,
        "recipe": {"architecture": NARROW, "epochs": 1, "image_size": 64, "batch": 8, "mosaic": 0},
    },
}


def detector_suite(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(DETECTOR | changes))
    return path


def test_the_detectors_of_a_suite_are_trained_found_again_and_used_by_its_run(tmp_path, capsys):
    pytest.importorskip("ultralytics")
    suite, out = detector_suite(tmp_path), tmp_path / "out"
    command = ("train", "detector", "--config", suite, "--out", out, "--device", "cpu")
    assert run(*command) == 0
    trained = sorted((out / "tiny/trained/detectors").glob("*.pt"))
    assert len(trained) == 2
    stamps = [path.stat().st_mtime_ns for path in trained]
    capsys.readouterr()
    assert run(*command) == 0
    printed = dict(line.split(": ") for line in capsys.readouterr().out.splitlines() if line.endswith(".pt"))
    assert list(printed) == ["average", "ir"]
    assert sorted(printed.values()) == [str(path.resolve()) for path in trained]
    assert [path.stat().st_mtime_ns for path in trained] == stamps
    assert run("--suite", suite, "--out", out, "--device", "cpu", "--workers", 1, "--no-report") == 0
    used = (out / "tiny/latest").resolve() / "detectors"
    assert {path.name: path.read_bytes() for path in used.glob("*.pt")} == {p.name: p.read_bytes() for p in trained}
    told = capsys.readouterr().err
    assert "train for" not in told
    assert "fuse with" not in told  # what the training images were is known, too


OLD_FORM = "dataset: synthetic\nsplit: train\nmethods: [average]\nrecipe: {epochs: 1}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", "gone.yaml"), "no suite file gone.yaml"),
        (("--config", "m3fd"), "suite m3fd has one detector for all methods; add --set detection.protocol=retrain"),
        (("--config", "old.yaml"), "`train detector` takes a suite that retrains, see docs/training.md"),
        (("--config", "tiny.yaml", "--set", "methods"), "--set methods: expected NAME=VALUE"),
        (("--config", "tiny.yaml", "--set", "detection.limit=0"), "detection.limit = 0: input should be greater"),
        (("--config", "tiny.yaml", "--set", "detection.recipe.epochs=0"), "needs at least 1 epoch"),
        (("--config", "tiny.yaml", "--set", "dataset=m3fd"), "--data-root"),
        (("--config", "tiny.yaml", "--set", "detection.initial=gone.pt"), "no initial weights for the detectors"),
        (("--config", "tiny.yaml", "--set", "detection.limit=7"), "7 labelled training pairs of synthetic"),
        (("--config", "tiny.yaml", "--device", "cuda:99"), "--device cuda"),
    ],
)
def test_a_suite_that_cannot_train_detectors_is_told_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    detector_suite(tmp_path)
    (tmp_path / "old.yaml").write_text(OLD_FORM)
    monkeypatch.chdir(tmp_path)
    assert run("train", "detector", *arguments) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "results").exists()


def test_help_and_mistakes_import_nothing_heavy():
    program = """
import sys
from bench.cli import main
for arguments in (["--help"], ["student", "--set", "epochs"], ["detector", "--config", "gone.yaml"]):
    try:
        main(["train", *arguments])
    except SystemExit:
        pass
assert not {"torch", "cv2", "numba", "pandas"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
