"""Trainings of a few steps on small random pairs."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np

from fusion.tsdm.training.config import StudentConfig, TeacherConfig
from fusion.tsdm.training.hardware import Hardware
from fusion.tsdm.training.loop import train

CPU = Hardware(accelerator="cpu")
DATA = {
    "sources": ("test",),
    "patch": (16, 16),
    "crops_per_pair": 2,
    "validation_pairs": 1,
    "validation_side": 24,
    "workers": 0,
}


def pairs(count: int, read_hook=lambda: None) -> list[SimpleNamespace]:
    """Smooth random pairs of 32×40 pixels."""

    def read(number: int):
        read_hook()
        noise = np.random.default_rng(number).integers(0, 256, (32, 40, 4), dtype=np.uint8)
        image = cv2.GaussianBlur(noise, (0, 0), 3)
        return image[..., 0], image[..., 1:]

    return [SimpleNamespace(image=f"{i:05d}", read=lambda i=i: read(i)) for i in range(count)]


def teacher_config(**changes) -> TeacherConfig:
    return TeacherConfig(**{"data": DATA, "batch": 2, "epochs": 2} | changes)


def student_config(**changes) -> StudentConfig:
    fields = {"data": DATA, "batch": 2, "epochs": 2, "loss": {"adversarial_from_epoch": 100}}
    return StudentConfig(**fields | changes)


def run(config, folder, **options):
    return train(config, pairs(3), pairs(1), folder, hardware=CPU, progress_bar=False, **options)
