"""One detector that reads colour and infrared as four channels (early fusion within the network)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.unfused import Unfused

if TYPE_CHECKING:
    from torch import Tensor


def _load(paths: dict[str, Path], device: Any) -> Callable[[Tensor, Tensor], Tensor]:
    import torch

    def stack(ir: Tensor, vis: Tensor) -> Tensor:
        """Red, green, blue, infrared: N×4×H×W."""
        return torch.cat([vis, ir], dim=1)

    return stack


STACK = Unfused(
    name="stack",
    title="Stack (4 channels)",
    description="no fusion: one detector reads red, green, blue and infrared as four channels",
    source="early fusion, as in Liu et al., Multispectral Deep Neural Networks for Pedestrian Detection, BMVC 2016",
    load=_load,
    channels=4,
    own_detector=True,
)
