"""AUIF: base and detail of each image by unrolled optimisation steps."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.learned.planes import from_plane, gathered, neighbours, to_plane
from fusion.method import Method
from tsdm_bench.weights.card import github_file

BASE = github_file(
    "Zhaozixiang1228/IVIF-AUIF-Net",
    "8f54650ffbc0a9e655a0d4c6098751bedc319803",
    "Models/TCSVT_Encoder_Base.model",
    name="AUIF_Base.model",
    bytes=37619,
    sha256="c4fe51b85637e3befc89b27e3cbb7a765aea37871eb4da4f58b471680ce7eb72",
    licence="none",
)
DETAIL = github_file(
    "Zhaozixiang1228/IVIF-AUIF-Net",
    "8f54650ffbc0a9e655a0d4c6098751bedc319803",
    "Models/TCSVT_Encoder_Detail.model",
    name="AUIF_Detail.model",
    bytes=37619,
    sha256="92e1ad6a4b7e5a2acc442a3a57c3b0e48a2af262f487942e42d81334de204726",
    licence="none",
)
DECODER = github_file(
    "Zhaozixiang1228/IVIF-AUIF-Net",
    "8f54650ffbc0a9e655a0d4c6098751bedc319803",
    "Models/TCSVT_Decoder.model",
    name="AUIF_Decoder.model",
    bytes=1213,
    sha256="7966d490bb4003821c8f20ce1197c22d020ab986850571c5dfa02b0defad8ad3",
    licence="none",
)
STEPS = 10
BLUR_WIDTH, LAPLACIAN_WIDTH = 11, 19


def network(base: State, detail: State, decoder: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (0, 1) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    images = torch.cat([ir, y])  # both go through the same two branches
    features = _unroll(images, _box_mean(images, BLUR_WIDTH), base, "conv1")
    features = features + _unroll(images, _laplacian(images), detail, "conv2")
    first, second = features.chunk(2)
    fused = first + second
    return batch_norm(conv(fused, decoder, "decoder.1", pad="reflect"), decoder, "decoder.2").sigmoid()


def _unroll(image: Tensor, start: Tensor, state: State, key: str) -> Tensor:
    """Steps down the gradient of (image - x)² and of the responses of x to 64 learned kernels.

    Nothing happens between the kernels (1→64) and their rotated counterparts (64→1): as matrices they multiply to 9×9.
    """
    x = start
    for i in range(STEPS):
        step, kernel = f"{key}.{i}", state[f"{key}.{i}.kernel"]
        matrix = to_plane(kernel.flip(2, 3).transpose(0, 1)) @ from_plane(kernel)
        response = gathered(matrix @ neighbours(x), len(x), *x.shape[-2:])
        response = F.prelu(batch_norm(response, state, f"{step}.rest.0"), state[f"{step}.rest.1.weight"])
        x = x - state[f"{step}.eta"] * (response - state[f"{step}.theta"] * (image - x))
    return x


def _laplacian(x: Tensor) -> Tensor:
    """All ones with 1 - n at the centre of n = 19² points, divided by the sum of the magnitudes, 2(n - 1)."""
    points = LAPLACIAN_WIDTH**2
    return (_box_mean(x, LAPLACIAN_WIDTH) - x) * points / (2 * (points - 1))


def _box_mean(x: Tensor, width: int) -> Tensor:
    pad = width // 2
    return F.avg_pool2d(F.pad(x, (pad, pad, pad, pad), mode="reflect"), width, stride=1)


def _load(weights: dict[str, Path], device: torch.device):
    base, detail, decoder = (published_state(weights[file.name], device) for file in (BASE, DETAIL, DECODER))
    return lambda ir, y: network(base, detail, decoder, ir, y)


CITATION = r"""@article{zhao2022auif,
  author  = {Zhao, Zixiang and Xu, Shuang and Zhang, Jiangshe and Liang, Chengyang and Zhang, Chunxia and Liu,
             Junmin},
  title   = {Efficient and Model-Based Infrared and Visible Image Fusion via Algorithm Unrolling},
  journal = {IEEE Transactions on Circuits and Systems for Video Technology},
  volume  = {32},
  number  = {3},
  pages   = {1186--1196},
  year    = {2022},
  doi     = {10.1109/TCSVT.2021.3075745},
}"""

METHOD = Method(
    name="auif",
    title="AUIF",
    kind="learned",
    description="Algorithm unrolling into base and detail; luma.",
    source="Zhao et al., Efficient and model-based infrared and visible image fusion via algorithm unrolling, IEEE "
    "TCSVT 32(3) (2022); github.com/Zhaozixiang1228/IVIF-AUIF-Net",
    citation=CITATION,
    year=2022,
    venue="IEEE TCSVT",
    licence="none",
    luma=True,
    parameters=11_631,
    weights=(BASE, DETAIL, DECODER),
    load=_load,
)
