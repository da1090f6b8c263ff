"""Degradations: factors with severity ladders, the paper's random model, and the seeding that makes both repeatable."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from degradation.factor import MAX_SEVERITY, MODALITIES, Factor, Modality
from degradation.mixed_condition import MixedCondition, find_factor

if TYPE_CHECKING:
    from degradation.condition import condition_generator, degrade
    from degradation.kernels.sharpening import usm_sharpen
    from degradation.random_model import PAPER, RandomModel, degrade_ir, degrade_vis

__all__ = [
    "MAX_SEVERITY",
    "MODALITIES",
    "PAPER",
    "Factor",
    "MixedCondition",
    "Modality",
    "RandomModel",
    "condition_generator",
    "degrade",
    "degrade_ir",
    "degrade_vis",
    "find_factor",
    "usm_sharpen",
]


def __getattr__(name: str) -> object:
    """What computes is imported when it is asked for: the names of factors are known before."""
    for module in ("condition", "random_model", "kernels.sharpening") if name in __all__ else ():
        if hasattr(found := importlib.import_module(f"{__name__}.{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
