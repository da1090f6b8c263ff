"""What every backend gives: a function from a batch of placed images to raw outputs, with the names of its classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from detectors.backends.conventions import Conventions


@dataclass(frozen=True)
class Network:
    """An opened detector network.

    ``run(batch)`` maps N×channels×H×W float32 to one raw output per image, in the form that ``conventions`` decode.
    """

    labels: dict[int, str]
    conventions: Conventions
    run: Callable[[Tensor], list[Tensor]]
    size: tuple[int, int]
    """Height and width of the input."""
    stride: int | None
    """With a stride the input may be any multiple of it up to ``size``; without one it must be exactly ``size``."""
    batched: bool
    """Whether several images may go through at once."""
    on_device: bool = False
    """Whether images are taken, and outputs given, where the network lies; else in the CPU's memory."""
    channels: int = 3
    """Of the images; a fourth one holds the infrared image."""
