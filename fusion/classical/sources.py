"""Each source alone: what a user has without any fusion, and the yardstick of every method."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from fusion.method import Method


def infrared_only(ir: Tensor, vis: Tensor) -> Tensor:
    """The infrared image as a grey picture (N×1×H×W; the wrapper repeats it to RGB)."""
    return ir


def visible_only(ir: Tensor, vis: Tensor) -> Tensor:
    """The visible image, unchanged (N×3×H×W)."""
    return vis


def load_infrared(weights: dict[str, Path], device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """The infrared image as a method."""
    return infrared_only


def load_visible(weights: dict[str, Path], device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """The visible image as a method."""
    return visible_only


INFRARED = Method(
    name="ir",
    title="Infrared",
    kind="source",
    description="The infrared image alone, repeated to grey RGB.",
    source="the pair itself",
    load=load_infrared,
)

VISIBLE = Method(
    name="vis",
    title="Visible",
    kind="source",
    description="The visible image alone, unchanged.",
    source="the pair itself",
    load=load_visible,
)
