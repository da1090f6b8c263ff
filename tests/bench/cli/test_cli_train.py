"""Training at the command line: what it needs, what it says, what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

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


DETECTOR = """
dataset: synthetic
split: SPLIT
methods: [average, ir]
limit: 2
recipe: {architecture: yolov5n.yaml, epochs: 1, image_size: 64, batch: 2, mosaic: 0}
"""


def test_one_detector_per_method_is_trained_and_found_again(tmp_path, capsys):
    pytest.importorskip("ultralytics")
    (tmp_path / "detector.yaml").write_text(DETECTOR.replace("SPLIT", "''"))
    command = (
        "train",
        "detector",
        "--config",
        tmp_path / "detector.yaml",
        "--out",
        tmp_path / "out",
        "--device",
        "cpu",
    )
    assert run(*command) == 0
    files = sorted(path.name for path in (tmp_path / "out").glob("*.pt"))
    assert len(files) == 2
    capsys.readouterr()
    assert run(*command) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.endswith(".pt")]
    assert [line.split(":")[0] for line in printed] == ["average", "ir"]
    assert sorted(line.rpartition("/")[2] for line in printed) == files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DETECTOR.replace("SPLIT", "gone"), "synthetic has no labelled pairs of the split 'gone'"),
        (DETECTOR.replace("limit: 2", "limit: 0"), "limit = 0: input should be greater than or equal to 1"),
        (DETECTOR.replace("epochs", "epoch"), "recipe.epoch = 1: unexpected keyword argument"),
        (DETECTOR.replace("SPLIT", "''") + "initial: gone.pt", "no initial weights gone.pt"),
        (DETECTOR.replace("synthetic", "m3fd"), "training on m3fd needs --data-root"),
    ],
)
def test_a_bad_detector_configuration_is_named(tmp_path, capsys, text, message):
    (tmp_path / "detector.yaml").write_text(text)
    assert run("train", "detector", "--config", tmp_path / "detector.yaml", "--out", tmp_path / "out") == 2
    assert message in one_line(capsys)
