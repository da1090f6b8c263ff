"""Small runs with a detector per method, as tests of the retraining protocols need them."""

from __future__ import annotations

from pathlib import Path

import pytest

import detectors
from bench.run import retraining
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.run.store import RunFolder
from bench.suite import Suite

NARROW = str(Path(detectors.__file__).parent / "architectures" / "yolov5p.yaml")
TINY = {"architecture": NARROW, "epochs": 1, "image_size": 96, "batch": 4, "mosaic": 0.0, "warmup_epochs": 0}


def suite(**fields: object) -> Suite:
    detection = {"protocol": "retrain", "recipe": TINY} | fields.pop("detection", {})
    base = {"name": "small", "dataset": "folder", "methods": ("ir", "vis"), "factors": ("jpeg", "gaussian_blur")}
    base |= {"severities": (0, 4), "metrics": ("en",), "detector": {"weights": "none needed"}}
    return Suite(**base | {"detection": detection} | fields)


def run(root: Path, out: Path, **fields: object) -> RunFolder:
    weights_dir = fields.pop("weights_dir", None)
    options = Options(data_root=root, out=out, weights_dir=weights_dir, device="cpu", workers=1)
    return run_benchmark(suite(**fields), options)


def fail_first_training(monkeypatch: pytest.MonkeyPatch, trainings: list) -> None:
    """Let the first training of a detector fail, which is noted in ``trainings`` as None."""
    train = retraining.train_detector

    def fail_first(*args, **kwargs):
        if not trainings:
            trainings.append(None)
            raise RuntimeError("out of memory")
        return train(*args, **kwargs)

    monkeypatch.setattr(retraining, "train_detector", fail_first)
