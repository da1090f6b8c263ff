"""Ultra-light IVIF: 4,467 parameters, gradients and gates of eight channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.learned.saving import saved_by, stretched, truncated
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "OldGlycine/Ultra-lightweight-IVIF-with-only-4.5K-parameters",
    "cdb8c38f533011e4efb6054eaed1a1e1e71f1903",
    "model/Fuse87_b4_lr1e-2_ep50_lf0.1_recons2.pth",
    name="UltraLight_4k5_Fuse87.pth",
    bytes=85984,
    sha256="1cb1a401f4d0005ad0b4388f55e2c0a683fc12f0605830271ff5c0a517d286ca",
    licence="MIT",
)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in [-1, 1] of infrared and visible luma, each N×1×H×W in [0, 1]."""
    i, v = conv(ir, state, "layer.ir_enc.0").relu_(), conv(y, state, "layer.vi_enc.0").relu_()
    both = i + v
    maps = [part for stream, own in (("ir", i), ("vi", v)) for part in (_decode(state, stream, own, both), own)]
    x = torch.cat(maps, dim=1)
    for layer in ("out_conv1.0", "out_conv2.0"):
        x = conv(x, state, f"fus_out.{layer}").relu_()
    return conv(x, state, "fus_out.out_conv3.0").clamp_(-1, 1)


def _decode(state: State, stream: str, own: Tensor, both: Tensor) -> Tensor:
    x = _gated(state, f"layer.{stream}_att1", own) + _gated(state, f"layer.{stream}_att2", both)
    for number in (1, 2):
        x += F.conv2d(own, state[f"layer.{stream}_fea.conv{number}.weight"], padding=1, groups=own.shape[1]).abs()
    return conv(x, state, f"layer.{stream}_dec.0").relu_()


def _gated(state: State, key: str, x: Tensor) -> Tensor:
    return x * F.hardsigmoid(conv(x, state, f"{key}.att.0"))


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)["state_dict"]
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@misc{ultralight2025,
  author       = {{OldGlycine}},
  title        = {Ultra-Lightweight {IVIF} With Only {4.5K} Parameters},
  howpublished = {\url{https://github.com/OldGlycine/Ultra-lightweight-IVIF-with-only-4.5K-parameters}},
  year         = {2025},
}"""
_FACTS: dict[str, Any] = {
    "trained_on": ("msrs",),
    "kind": "learned",
    "source": "no paper; github.com/OldGlycine/Ultra-lightweight-IVIF-with-only-4.5K-parameters",
    "citation": CITATION,
    "year": 2025,
    "venue": "repository",
    "licence": "MIT",
    "luma": True,
    "parameters": 4_467,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="ultralight",
    title="Ultra-light (4.5K)",
    description="Gates and trained gradients on eight channels; luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="ultralight_official",
    title="Ultra-light (official output)",
    description="As the authors' test script saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched, truncated),
    **_FACTS,
)
