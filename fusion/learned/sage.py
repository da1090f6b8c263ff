"""SAGE: a small U-shaped student of a network that sees Segment Anything features in training only."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "RollingPlain/SAGE_IVIF",
    "377fdbef6b8b6ccbd1139358ad66bb41ea084dc1",
    "checkpoints/checkpoints.pt",
    name="SAGE.pt",
    bytes=579020,
    sha256="ecfde477ca4cd65401f207d5dc91ce6c475a49891d768dbdb7a66366255ee836",
    licence="MIT",
)


def network(state: State, vis: Tensor, ir: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of visible luma and infrared, each N×1×H×W in [0, 1]."""
    full = _module(torch.cat([vis, ir], dim=1), state, "module1")
    half = _module(F.max_pool2d(full, 2), state, "module2")
    quarter = _module(F.max_pool2d(half, 2), state, "module3")
    x = _module(_join(quarter, half, state, "adjust_channels4"), state, "module4")
    x = _module(_join(x, full, state, "adjust_channels5"), state, "module5")
    return torch.tanh(conv(x, state, "final_decoder.0"))


def _module(x: Tensor, state: State, key: str) -> Tensor:
    for i in (0, 3, 6):
        x = _layer(x, state, key, i)
    return x


def _join(x: Tensor, skip: Tensor, state: State, key: str) -> Tensor:
    """``x`` enlarged to the size of ``skip``, and the two reduced to 32 channels."""
    x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    return _layer(torch.cat([x, skip], dim=1), state, key, 0)


def _layer(x: Tensor, state: State, key: str, index: int) -> Tensor:
    return F.leaky_relu(batch_norm(conv(x, state, f"{key}.{index}"), state, f"{key}.{index + 1}"), 0.01)


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, y, ir)


CITATION = r"""@inproceedings{wu2025sage,
  author    = {Wu, Guanyao and Liu, Haoyu and Fu, Hongming and Peng, Yichuan and Liu, Jinyuan and Fan, Xin and Liu,
             Risheng},
  title     = {Every {SAM} Drop Counts: Embracing Semantic Priors for Multi-Modality Image Fusion and Beyond},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {17882--17891},
  year      = {2025},
  doi       = {10.1109/CVPR52734.2025.01666},
}"""

METHOD = Method(
    name="sage",
    title="SAGE (student)",
    kind="learned",
    description="Student network distilled from one with Segment Anything priors; luma, clamped.",
    source="Wu et al., Every SAM drop counts: embracing semantic priors for multi-modality image fusion and beyond, "
    "CVPR 2025; github.com/RollingPlain/SAGE_IVIF",
    citation=CITATION,
    year=2025,
    venue="CVPR",
    licence="MIT",
    luma=True,
    parameters=135_617,
    weights=(WEIGHTS,),
    load=_load,
)
