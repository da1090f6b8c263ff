"""ReCoNet: recurrent correction; here its fusing part, for pairs that are already registered."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "dlut-dimt/ReCoNet",
    "0870f5f37852ace85850d9fd2d4570eb57682d22",
    "archive/params.pth",
    name="ReCoNet_archive.pth",
    bytes=40395,
    sha256="d4f013c85e48d10d4f6c8b6574f16e4fe9cb5df48c77fc17c1e524f04bb3c290",
    licence="MIT",
)
STEPS = 3
DILATIONS = (1, 2, 3)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    fused = torch.maximum(ir, y)
    for _ in range(STEPS):
        x = torch.cat(
            [ir * _attention(ir, fused, state, "att_a_conv"), fused, y * _attention(y, fused, state, "att_b_conv")],
            dim=1,
        )
        features = [
            batch_norm(conv(x, state, f"dil_conv_{d}.0", dilation=d), state, f"dil_conv_{d}.1").relu()
            for d in DILATIONS
        ]
        x = conv(torch.cat(features, dim=1), state, "fus_conv.0")
        fused = torch.tanh(batch_norm(x, state, "fus_conv.1"))
    return fused


def _attention(source: Tensor, fused: Tensor, state: State, key: str) -> Tensor:
    return conv(torch.cat([torch.maximum(source, fused), (source + fused) / 2], dim=1), state, key).sigmoid()


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@inproceedings{huang2022reconet,
  author    = {Huang, Zhanbo and Liu, Jinyuan and Fan, Xin and Liu, Risheng and Zhong, Wei and Luo, Zhongxuan},
  title     = {{ReCoNet}: Recurrent Correction Network for Fast and Efficient Multi-Modality Image Fusion},
  booktitle = {European Conference on Computer Vision (ECCV)},
  pages     = {539--555},
  year      = {2022},
}"""

METHOD = Method(
    name="reconet",
    title="ReCoNet",
    kind="learned",
    description="Recurrent fusion with attention and dilated convolutions, without registration; luma, clamped.",
    source="Huang et al., ReCoNet: recurrent correction network for fast and efficient multi-modality image fusion, "
    "ECCV 2022; github.com/dlut-dimt/ReCoNet",
    citation=CITATION,
    year=2022,
    venue="ECCV",
    licence="MIT",
    luma=True,
    parameters=7_527,
    weights=(WEIGHTS,),
    load=_load,
)
