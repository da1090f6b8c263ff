"""Degradations: factors with severity ladders, the paper's random model, and the seeding that makes both repeatable."""

from __future__ import annotations

from degradation.condition import condition_generator, degrade
from degradation.factor import MAX_SEVERITY, MODALITIES, Factor, Modality
from degradation.kernels.sharpening import usm_sharpen
from degradation.random_model import PAPER, RandomModel, degrade_ir, degrade_vis

__all__ = [
    "MAX_SEVERITY",
    "MODALITIES",
    "PAPER",
    "Factor",
    "Modality",
    "RandomModel",
    "condition_generator",
    "degrade",
    "degrade_ir",
    "degrade_vis",
    "usm_sharpen",
]
