"""LUT-Fuse: the fused luma is looked up in a 4-D table, indexed with the help of a small context network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, instance_norm, published_state
from fusion.learned.saving import stretched
from fusion.method import Method, rgb_to_ycbcr, ycbcr_to_rgb
from tsdm_bench.weights.card import github_file
from tsdm_bench.weights.state import load_array

TABLE = github_file(
    "zyb5/LUT-Fuse",
    "ab5878e2465520bd20711e7d793d97253b8b7a70",
    "ckpts/fine_tuned_lut.npy",
    name="LUTFuse_fine_tuned_lut.npy",
    bytes=262272,
    sha256="e237e9807915e2252b3a3f5905e7badefdb89c07ac1e80dbc390a526e31ed6a0",
    licence="MIT",
)
CONTEXT = github_file(
    "zyb5/LUT-Fuse",
    "ab5878e2465520bd20711e7d793d97253b8b7a70",
    "ckpts/generator_context.pth",
    name="LUTFuse_generator_context.pth",
    bytes=38648,
    sha256="e79da8ecfdc3512a1c9f55efc1d47238154b596df2db48b6f01b235fdf575900",
    licence="MIT",
)
GRID = 16  # points per axis of the table, 16 grey levels apart
OFFICIAL_MULTIPLE = 16
"""Sides of what the authors' script fuses; which way and how it resizes does not change pairs of such sides."""
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def network(state: State, table: Tensor, ir: Tensor, vis: Tensor) -> Tensor:
    """Fused colour image N×3×H×W (not clamped) of infrared N×1×H×W and visible RGB N×3×H×W in [0, 1]."""
    y, cb, cr = rgb_to_ycbcr(vis)
    fused = _look_up(table, (y, stretched(_gradient(y)), _context(state, ir, vis), ir))
    return ycbcr_to_rgb(fused, cb, cr)


def _context(state: State, ir: Tensor, vis: Tensor) -> Tensor:
    first = _layer(torch.cat([vis, ir], dim=1) * 255, state, "input_layer", 0)
    x = first
    for index in (0, 3, 6):
        x = _layer(x, state, "mid_layer", index)
    return conv(x + first, state, "output_layer.1").sigmoid()


def _layer(x: Tensor, state: State, key: str, index: int) -> Tensor:
    x = F.leaky_relu(conv(x, state, f"{key}.{index}"), 0.2)
    return instance_norm(x, state, f"{key}.{index + 2}")


def _gradient(y: Tensor) -> Tensor:
    """Sobel magnitude."""
    kernel = y.new_tensor(SOBEL)
    return F.conv2d(y, torch.stack([kernel, kernel.T])[:, None], padding=1).norm(dim=1, keepdim=True)


def _look_up(table: Tensor, axes: tuple[Tensor, ...]) -> Tensor:
    """Quadrilinear interpolation between the 16 corners of the cell that the four N×1×H×W coordinates lie in."""
    positions = [axis.clamp(0, 1) * 255 / GRID for axis in axes]
    lower = [position.long() for position in positions]
    fractions = [position - low for position, low in zip(positions, lower, strict=True)]
    result = torch.zeros_like(axes[0])
    for corner in product((0, 1), repeat=len(axes)):
        index, weight = torch.zeros_like(lower[0]), torch.ones_like(result)
        for upper, low, fraction in zip(corner, lower, fractions, strict=True):
            index = index * GRID + (low + upper).clamp(max=GRID - 1)
            weight = weight * (fraction if upper else 1 - fraction)
        result += weight * table[index]
    return result


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[CONTEXT.name], device)
    table = torch.from_numpy(load_array(weights[TABLE.name])).to(device).flatten()
    return lambda ir, vis: network(state, table, ir, vis)


def _load_official(weights: dict[str, Path], device: torch.device):
    fuse = _load(weights, device)

    def fuse_resized(ir: Tensor, vis: Tensor) -> Tensor:
        size = ir.shape[-2:]
        small = [max(OFFICIAL_MULTIPLE, side - side % OFFICIAL_MULTIPLE) for side in size]
        return _resize(fuse(_resize(ir, small), _resize(vis, small)).clamp(0, 1), size)

    return fuse_resized


def _resize(x: Tensor, size: Sequence[int]) -> Tensor:
    return x if x.shape[-2:] == tuple(size) else F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


CITATION = r"""@inproceedings{yi2025lutfuse,
  author    = {Yi, Xunpeng and Zhang, Yibing and Xiang, Xinyu and Yan, Qinglong and Xu, Han and Ma, Jiayi},
  title     = {{LUT-Fuse}: Towards Extremely Fast Infrared and Visible Image Fusion via Distillation to
             Learnable Look-Up Tables},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)},
  year      = {2025},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "citation": CITATION,
    "source": "Yi et al., LUT-Fuse: towards extremely fast infrared and visible image fusion via distillation to "
    "learnable look-up tables, ICCV 2025; github.com/zyb5/LUT-Fuse",
    "year": 2025,
    "venue": "ICCV",
    "licence": "MIT",
    "parameters": 7_825 + GRID**4,
    "weights": (TABLE, CONTEXT),
}
METHOD = Method(
    name="lutfuse",
    title="LUT-Fuse",
    description="Learned 4-D look-up table over luma, gradient, context and infrared; colour of the visible image, "
    "clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="lutfuse_official",
    title="LUT-Fuse (official size)",
    description="As the authors' test script treats sizes: both images resized to multiples of 16 (bilinear, "
    "downwards), fused, clamped; here the result is resized back, so that it can be compared with the pair.",
    load=_load_official,
    **_FACTS,
)
