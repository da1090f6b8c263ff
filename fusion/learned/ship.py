"""SHIP: high-order interaction of both images, over space by products of spectra and between channels."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, instance_norm, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "zheng980629/SHIP",
    "6b95318c7700fce74a476e057f077ecd90ff85b3",
    "pretrained_model/SHIP_model.pth",
    name="SHIP.pth",
    bytes=2397047,
    sha256="e61783e79144d5c9da6681b833ad64624ed2e61f6a533fd18ab896349e3f7329",
    licence="none",
)
ORDERS = 3
LAYER_NORM_EPSILON = 1e-5
CENTRAL = 0.8
"""Share of the sum of its taps that a difference convolution takes off its centre."""
UPRIGHT, DIAGONAL = (1, 3, 4, 5, 7), (0, 2, 4, 6, 8)
"""Where the five taps of each kind lie in a 3×3 kernel, row by row."""


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma from about 0, without an upper bound, of infrared and visible luma, each N×1×H×W in [0, 1]."""
    v, i = _features(state, "vis", y), _features(state, "inf", ir)
    fused = []
    for order in range(1, ORDERS + 1):
        v, i = _over_space(state, f"interaction{order}.spatial", v, i)
        v = _between_channels(state, f"interaction{order}.channel", v, i)
        fused.append(v)
    x = conv(_invertible(state, "postprocess.0", torch.cat(fused, dim=1), 24), state, "postprocess.1")
    x = conv(x, state, "reconstruction.conv_in")
    for block in range(2):
        key = f"reconstruction.process.{block}"
        mean = _two(state, f"{key}.process", x).mean((2, 3), keepdim=True)
        gate = conv(conv(mean, state, f"{key}.conv_du.0").relu(), state, f"{key}.conv_du.2").sigmoid()
        x = x + mean * gate
    return conv(x, state, "reconstruction.conv_last")


def _two(state: State, key: str, x: Tensor) -> Tensor:
    """Two 3×3 convolutions with a ReLU between."""
    return conv(conv(x, state, f"{key}.0").relu_(), state, f"{key}.2")


def _features(state: State, stream: str, image: Tensor) -> Tensor:
    x = conv(image, state, f"{stream}.conv")
    for block in (1, 2):
        key = f"{stream}.block{block}"
        x = conv(x, state, f"{key}.process")
        x = _two(state, f"{key}.Res", x) + F.conv2d(x, _difference_kernel(state, f"{key}.CDC"), padding=1)
    return x


def _difference_kernel(state: State, key: str) -> Tensor:
    """The identity and the mixture of both difference convolutions, as one 3×3 kernel."""
    share = state[f"{key}.HP_branch"].sigmoid()
    kernels = []
    for name, places, part in (("h_conv", UPRIGHT, share), ("d_conv", DIAGONAL, 1 - share)):
        taps = state[f"{key}.{name}.conv.weight"].flatten(2)
        full = taps.new_zeros(*taps.shape[:2], 9)
        full[..., places] = taps
        full[..., 4] -= CENTRAL * taps.sum(-1)
        kernels.append(part * full)
    kernel = kernels[0] + kernels[1]
    kernel[..., 4] += torch.eye(len(kernel), device=kernel.device)
    return kernel.unflatten(-1, (3, 3)).contiguous(memory_format=torch.channels_last)


def _over_space(state: State, key: str, v: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
    """Circular convolution of the maps of both, then products with the infrared ones of three orders."""
    size = v.shape[-2:]
    fused = torch.fft.irfft2(torch.fft.rfft2(v) * torch.fft.rfft2(i), s=size)
    for order in range(1, ORDERS + 1):
        fused = _two(state, f"{key}.reflashFused{order}", _normalised(state, f"{key}.norm{order}", fused) * i)
        i = _two(state, f"{key}.reflashInfrared{order}", i)
    return _normalised(state, f"{key}.norm{ORDERS + 1}", fused) * i + v, i


def _normalised(state: State, key: str, x: Tensor) -> Tensor:
    """Layer normalisation over the channels of each pixel."""
    weight, bias = state[f"{key}.body.weight"], state[f"{key}.body.bias"]
    return F.layer_norm(x.permute(0, 2, 3, 1), weight.shape, weight, bias, LAYER_NORM_EPSILON).permute(0, 3, 1, 2)


def _between_channels(state: State, key: str, v: Tensor, i: Tensor) -> Tensor:
    x = torch.cat([v, i], dim=1)
    weight = _gate(state, f"{key}.chaAtten", x.mean((2, 3), keepdim=True))
    for order in range(1, ORDERS + 1):
        x = _two(state, f"{key}.reflashFused{order}", x * weight)
        weight = _gate(state, f"{key}.reflashChaAtten{order}", weight)
    x = _invertible(state, f"{key}.postprocess.0", x * weight, 16)
    return conv(x, state, f"{key}.postprocess.1") + v


def _gate(state: State, key: str, x: Tensor) -> Tensor:
    return _two(state, key, x).softmax(1)


def _invertible(state: State, key: str, x: Tensor, split: int) -> Tensor:
    """A coupling layer: channels mixed by a matrix in its LU form, then each part changed by the other."""
    lower, upper = state[f"{key}.invconv.lower"].tril(-1), state[f"{key}.invconv.upper"].triu(1)
    diagonal = torch.diag(state[f"{key}.invconv.sign_s"] * state[f"{key}.invconv.log_s"].exp())
    matrix = state[f"{key}.invconv.p"] @ (lower + torch.eye(len(lower), device=lower.device)) @ (upper + diagonal)
    a, b = F.conv2d(x, matrix[:, :, None, None]).split([split, x.shape[1] - split], dim=1)
    a = a + _dense(state, f"{key}.F", b)
    scale = (0.8 * (2 * _dense(state, f"{key}.H", a).sigmoid() - 1)).exp()
    return torch.cat([a, b * scale + _dense(state, f"{key}.G", a)], dim=1)


def _dense(state: State, key: str, x: Tensor) -> Tensor:
    first = F.leaky_relu(_unit(state, f"{key}.conv1", x), 0.2)
    second = F.leaky_relu(_unit(state, f"{key}.conv2", first), 0.2)
    return F.leaky_relu_(conv(torch.cat([x, first, second], dim=1), state, f"{key}.conv3"), 0.2)


def _unit(state: State, key: str, x: Tensor) -> Tensor:
    """Two convolutions, the first half of whose channels is normalised over the image, beside a 1×1 one."""
    normed, plain = conv(x, state, f"{key}.conv_1").chunk(2, dim=1)
    y = F.leaky_relu_(torch.cat([instance_norm(normed, state, f"{key}.norm"), plain], dim=1), 0.1)
    return F.leaky_relu_(conv(y, state, f"{key}.conv_2"), 0.1) + conv(x, state, f"{key}.identity")


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)["params"]
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@inproceedings{zheng2024ship,
  author    = {Zheng, Naishan and Zhou, Man and Huang, Jie and Hou, Junming and Li, Haoying and Xu, Yuan and Zhao,
             Feng},
  title     = {Probing Synergistic High-Order Interaction in Infrared and Visible Image Fusion},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2024},
  doi       = {10.1109/CVPR52733.2024.02492},
}"""

METHOD = Method(
    name="ship",
    title="SHIP",
    kind="learned",
    description="Spatial and channel interaction of three orders, through products of spectra; luma, clamped.",
    source="Zheng, Zhou, Huang, Hou, Li, Xu & Zhao, Probing synergistic high-order interaction in infrared and visible "
    "image fusion, CVPR 2024; github.com/zheng980629/SHIP",
    citation=CITATION,
    year=2024,
    venue="CVPR",
    licence="none",
    luma=True,
    trained_on=("m3fd_fusion",),
    parameters=547_509,
    weights=(WEIGHTS,),
    load=_load,
)
