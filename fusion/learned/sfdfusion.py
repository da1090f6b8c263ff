"""SFDFusion: amplitude and phase fused in the frequency domain, beside gates and gradients in the spatial one."""

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
    "lqz2/SFDFusion",
    "769ab0489a8440c8d375740b4fe01c51b566a4ec",
    "models/model-1_1_10_1.pth",
    name="SFDFusion.pth",
    bytes=573384,
    sha256="65307415ea2f05ee158cce94e0b3ee4565fef77cfcee2707c81cf4be5f078032",
    licence="none",
)
OFFSET = 1e-8  # on both parts of the fused spectrum


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1], W even; not stretched."""
    i, v = conv(ir, state, "dmrm.ir_embed.0").relu_(), conv(y, state, "dmrm.vi_embed.0").relu_()
    both = i + v
    x = torch.cat([_spatial(state, "ir", i, both), _spatial(state, "vi", v, both), _frequency(state, ir, y)], dim=1)
    for layer in ("encoder.0", "down_conv.0.0", "down_conv.1.0", "down_conv.2.0"):
        x = conv(x, state, f"fus_block.{layer}").relu_()
    return torch.tanh(conv(x, state, "fus_block.down_conv.3.0"))


def _spatial(state: State, stream: str, own: Tensor, both: Tensor) -> Tensor:
    x = _gated(state, f"dmrm.{stream}_att1", own) + _gated(state, f"dmrm.{stream}_att2", both)
    for axis in ("convx", "convy"):  # trained, no longer the Sobel kernels that they began as
        x += F.conv2d(own, state[f"dmrm.grad_{stream}.{axis}.weight"], padding=1, groups=own.shape[1]).abs()
    return x


def _gated(state: State, key: str, x: Tensor) -> Tensor:
    return x * conv(x, state, f"{key}.att.0").sigmoid()


def _frequency(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Eight maps of the image whose spectrum has the amplitude and phase that small networks make of both."""
    spectra = torch.fft.rfft2(torch.cat([ir, y], dim=1))
    amplitude = _merged(state, "ff1", spectra.abs())
    phase = _merged(state, "ff2", spectra.angle())
    spectrum = torch.complex(amplitude * phase.cos() + OFFSET, amplitude * phase.sin() + OFFSET)
    image = torch.fft.irfft2(spectrum, s=ir.shape[-2:]).abs()
    image = image.expand(-1, 2, -1, -1)  # maximum and mean over its one channel
    return conv(conv(image, state, "ifft.conv1.0").relu_(), state, "ifft.conv1.2").relu_()


def _merged(state: State, key: str, x: Tensor) -> Tensor:
    for number in (0, 2):
        x = F.leaky_relu(conv(x, state, f"{key}.conv1.{number}"), 0.1)
    return x


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)["fuse_net"]
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@inproceedings{hu2024sfdfusion,
  author    = {Hu, Kun and Zhang, Qingle and Yuan, Maoxun and Zhang, Yitian},
  title     = {{SFDFusion}: An Efficient Spatial-Frequency Domain Fusion Network for Infrared and Visible Image
             Fusion},
  booktitle = {European Conference on Artificial Intelligence (ECAI)},
  year      = {2024},
}"""
_FACTS: dict[str, Any] = {
    "trained_on": ("msrs",),
    "kind": "learned",
    "source": "Hu et al., SFDFusion: an efficient spatial-frequency domain fusion network for infrared and visible "
    "image fusion, ECAI 2024; github.com/lqz2/SFDFusion",
    "citation": CITATION,
    "year": 2024,
    "venue": "ECAI",
    "licence": "none",
    "luma": True,
    "multiple": 2,
    "parameters": 139_695,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="sfdfusion",
    title="SFDFusion",
    description="Spatial and frequency branches; luma, clamped, without the stretch of the authors' forward pass.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="sfdfusion_official",
    title="SFDFusion (official output)",
    description="As the authors' network returns and saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched, truncated),
    **_FACTS,
)
