"""ReFusion: transformer blocks whose attention is between channels, trained by a learned loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.learned.saving import saved_by, stretched
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "HaowenBai/ReFusion",
    "54b733420e67042aa6ddd146ec3edef902122930",
    "models/ReFusion_IVIF.pth",
    name="ReFusion_IVIF.pth",
    bytes=281203,
    sha256="1b8358d8dab5e95c9d3f668782abda85359685669444946001ac41ea96891b2c",
    licence="none",
)
HEADS = 8
LAYER_NORM_EPSILON, LENGTH_EPSILON = 1e-5, 1e-12


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (0, 1) of infrared and visible luma, each N×1×H×W in [0, 1]; no layer has a bias."""
    return torch.cat([_one(state, *pair) for pair in zip(ir.split(1), y.split(1), strict=True)])


def _one(state: State, ir: Tensor, y: Tensor) -> Tensor:
    streams = []
    for number, image in ((1, ir), (2, y)):
        x = conv(image, state, f"project_in_{number}")
        streams.append(_block(state, f"encoder{number}.1", _block(state, f"encoder{number}.0", x)))
    x = _merged(state, *streams)
    del streams
    x = _block(state, "decoder.1", _block(state, "decoder.0", x))
    x = F.leaky_relu_(conv(x, state, "project_out_0"), 0.01)
    return conv(x, state, "project_out_1").sigmoid()


def _block(state: State, key: str, x: Tensor) -> Tensor:
    """A transformer block: attention between channels, then a gated layer."""
    q, k, v = _depthwise(state, f"{key}.attn.qkv", _normalised(state, f"{key}.norm1", x)).chunk(3, dim=1)
    x = x + _attention(q, k, v, state[f"{key}.attn.temperature"], state[f"{key}.attn.project_out.weight"])
    hidden = conv(_normalised(state, f"{key}.norm2", x), state, f"{key}.ffn.project_in")
    a, b = _spread(state, f"{key}.ffn.dwconv", hidden).chunk(2, dim=1)
    return x + conv(F.gelu(a) * b, state, f"{key}.ffn.project_out")


def _normalised(state: State, key: str, x: Tensor) -> Tensor:
    """Layer normalisation over the channels of each pixel."""
    weight, bias = state[f"{key}.body.weight"], state[f"{key}.body.bias"]
    return F.layer_norm(x.permute(0, 2, 3, 1), weight.shape, weight, bias, LAYER_NORM_EPSILON).permute(0, 3, 1, 2)


def _depthwise(state: State, key: str, x: Tensor) -> Tensor:
    """A 1×1 convolution and a 3×3 one on each channel by itself."""
    return _spread(state, f"{key}_dwconv", conv(x, state, key))


def _spread(state: State, key: str, x: Tensor) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], padding=1, groups=x.shape[1])


def _attention(q: Tensor, k: Tensor, v: Tensor, temperature: Tensor, projection: Tensor) -> Tensor:
    """Each of eight groups of channels of ``v`` mixed by the likeness of the channels of ``q`` and ``k``, projected.

    The maps of one image, 1×C×H×W. Likeness is the cosine over all pixels, so that the whole is one matrix C×C that
    the projection takes up: a 1×1 convolution of ``v``.
    """
    channels = q.shape[1]
    q, k = (x.permute(0, 2, 3, 1).reshape(-1, channels) for x in (q, k))
    lengths = [x.square().sum(0).sqrt().clamp(min=LENGTH_EPSILON) for x in (q, k)]
    cosine = (q.T @ k) / (lengths[0][:, None] * lengths[1])
    size = channels // HEADS
    parts = [
        (cosine[at : at + size, at : at + size] * temperature[at // size]).softmax(-1)
        for at in range(0, channels, size)
    ]
    weight = projection.flatten(1) @ torch.block_diag(*parts)
    return F.conv2d(v, weight[:, :, None, None])


def _merged(state: State, e1: Tensor, e2: Tensor) -> Tensor:
    """Both streams attend to each other, are joined, and gate a part of themselves into the 32 joined channels."""
    q1, k1, v1 = _depthwise(state, "FM.qkv1", e1).chunk(3, dim=1)
    q2, k2, v2 = _depthwise(state, "FM.qkv2", e2).chunk(3, dim=1)
    e1 = e1 + _attention(q2, k1, v1, state["FM.temperature1"], state["FM.project_mid1.weight"])
    e2 = e2 + _attention(q1, k2, v2, state["FM.temperature2"], state["FM.project_mid2.weight"])
    del q1, k1, v1, q2, k2, v2
    joined = torch.cat([e1, e2], dim=1)
    gates = _spread(state, "FM.project_E_d", conv(joined, state, "FM.project_E")).chunk(2, dim=1)
    for number, (gate, own) in enumerate(zip(gates, (e1, e2), strict=True), 1):
        own = _spread(state, f"FM.project_E{number}_d", conv(own, state, f"FM.project_E{number}"))
        joined = joined + conv(own.mul_(F.gelu(gate)), state, f"FM.project_out{number}")
    return joined


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@article{bai2024refusion,
  author  = {Bai, Haowen and Zhao, Zixiang and Zhang, Jiangshe and Wu, Yichen and Deng, Lilun and Cui, Yukun and
             Jiang, Baisong and Xu, Shuang},
  title   = {{ReFusion}: Learning Image Fusion From Reconstruction With Learnable Loss via Meta-Learning},
  journal = {International Journal of Computer Vision},
  year    = {2024},
  doi     = {10.1007/s11263-024-02256-8},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Bai et al., ReFusion: learning image fusion from reconstruction with learnable loss via meta-learning, "
    "IJCV (2024); github.com/HaowenBai/ReFusion",
    "citation": CITATION,
    "year": 2024,
    "venue": "IJCV",
    "licence": "none",
    "luma": True,
    "parameters": 59_856,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="refusion",
    title="ReFusion",
    description="Channel attention within and between both streams, infrared–visible weights; luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="refusion_official",
    title="ReFusion (official output)",
    description="As the authors' test script saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched),
    **_FACTS,
)
