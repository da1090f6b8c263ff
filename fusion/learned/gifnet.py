"""GIFNet: one network for every kind of fusion, with window attention between the tasks that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "AWCXV/GIFNet",
    "c8ad04ae3bfefcebfa9abe94d1d5895c8db56a44",
    "model/Final.model",
    name="GIFNet.model",
    bytes=3408450,
    sha256="bfc1dfef0d5b386b0c04f172daf8f6af52ba395f26dc3dd5757425fd32eb1038",
    licence="none",
)
SWIN = "extractor_multask.SwinTransformerSpecific"
WINDOW, HEADS, RADIUS = 8, 2, 2
SHIFT = (0, WINDOW // 2)  # of the windows of each block
WINDOW_ROWS = 4
"""Rows of windows that are attended to at once: bounds the memory, and keeps it in the processor's cache."""
EPSILON = 1e-5


class Norm(NamedTuple):
    """Normalisation over a whole image as a gain and an offset per channel, and how the result is scaled back."""

    gain: Tensor
    offset: Tensor
    scale: Tensor
    bias: Tensor


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (0, 1) of infrared and visible luma, each N×1×H×W in [0, 1].

    As the authors run every task: the multi-focus path, helped by the infrared–visible one in its first block. What the
    result does not depend on is not computed. Maps of one image lie in memory pixel by pixel (H×W×C).
    """
    return torch.cat([_one(state, *pair) for pair in zip(ir.split(1), y.split(1), strict=True)])


def _one(state: State, ir: Tensor, y: Tensor) -> Tensor:
    x = torch.cat([ir, y], dim=1)
    for number in (1, 2, 3):
        new = conv(x, state, f"getSharedFeatures.conv_{number}.conv2d", pad="reflect").relu_()
        x = torch.cat([x, new], dim=1)
    return _decode(state, x, _extract(state, x))


def _extract(state: State, features: Tensor) -> Tensor:
    """The features of both tasks, 1×98×H×W."""
    height, width = features.shape[-2:]
    padded = F.pad(features, (0, -width % 4, 0, -height % 4), mode="reflect")
    helper, own = (
        _pixels(conv(padded, state, f"{SWIN}.patch_embed_{task}.proj", pad="reflect")) for task in ("ivif", "mfif")
    )
    del padded
    helper = _block(state, 0, "", helper, own)
    own = _block(state, 0, "_mfif", own, own)
    own.addcmul_(helper, state[f"{SWIN}.layer1.weights_mfif.0"])
    del helper
    own = _block(state, 1, "_mfif", own, own)
    maps = conv(own.permute(2, 0, 1)[None], state, f"{SWIN}.patch_unembed.proj.0", pad="reflect")
    return maps[..., :height, :width]


def _decode(state: State, features: Tensor, both: Tensor) -> Tensor:
    # A 1×1 convolution of the two side by side, without laying them there.
    weight = state["cnnDecoder.fuseComplementFeatures.mlp.0.weight"]
    channels = features.shape[1]
    x = F.conv2d(features, weight[:, :channels]).add_(F.conv2d(both, weight[:, channels:])).relu_()
    x = conv(x, state, "cnnDecoder.fuseComplementFeatures.mlp.2")
    for number in (1, 4, 7):
        x = conv(x, state, f"cnnDecoder.decoder.{number}", pad="reflect").relu_()
    return torch.tanh(conv(x, state, "cnnDecoder.decoder.10", pad="reflect")) / 2 + 0.5


def _pixels(maps: Tensor) -> Tensor:
    """1×C×H×W as H×W×C."""
    return maps[0].permute(1, 2, 0).contiguous()


def _block(state: State, number: int, task: str, x: Tensor, asking: Tensor) -> Tensor:
    """A transformer block of one task on H×W×C, whose windows are asked by ``asking``: the other task's map, or ``x``.

    A few rows of windows at a time. Between values there is, beside attention, a 5×5 convolution of each channel.
    """
    key, shift = f"{SWIN}.layer1.blocks.{number}", SHIFT[number]
    height, width, channels = x.shape
    norm = _norm(state, f"{key}.norm1{task}", x)
    norm_of_asking = norm if asking is x else _norm(state, f"{key}.norm1_mfif", asking)
    asks = _folded(state, f"{key}.attn.QK_mfif", norm_of_asking, slice(0, channels))
    answers = _folded(state, f"{key}.attn.QK{task}", norm, slice(channels, None))
    values = F.linear(x, *_folded(state, f"{key}.attn.V{task}", norm, slice(None)))
    bias = _position_bias(state, f"{key}.attn.attn")
    rows, columns = (_mirrored(size, shift, x.device) for size in (height, width))
    near = _reflected(torch.arange(-RADIUS, width + RADIUS, device=x.device), width)
    kernel, kernel_bias = (state[f"{key}.attn.conv{task}.{part}"] for part in ("weight", "bias"))
    result = torch.empty_like(x)
    for top in range(0, len(rows), WINDOW * WINDOW_ROWS):
        strip = rows[top : top + WINDOW * WINDOW_ROWS]
        q = F.linear(asking[strip][:, columns], *asks)
        k = F.linear(x[strip][:, columns], *answers)
        attended = _attend(q, k, values[strip][:, columns], bias)
        first, last = max(top - shift, 0), min(top - shift + len(strip), height)
        attended = attended[first - top + shift : last - top + shift, shift : shift + width]
        around = _reflected(torch.arange(first - RADIUS, last + RADIUS, device=x.device), height)
        local = F.conv2d(values[around][:, near].permute(2, 0, 1)[None], kernel, kernel_bias, groups=channels)
        mixed = F.linear(_pixels(local).add_(attended), *_matrix(state, f"{key}.attn.proj{task}"))
        new = x[first:last] + (mixed.mul_(norm.scale).add_(norm.bias))
        hidden = F.linear(new, *_matrix(state, f"{key}.mlp{task}.mlp.0")).relu_()
        result[first:last] = new.add_(F.linear(hidden, *_matrix(state, f"{key}.mlp{task}.mlp.2")))
    return result


def _norm(state: State, key: str, x: Tensor) -> Norm:
    """One mean and one variance for the whole image; two layers of one number make of them how to scale back."""
    variance, mean = torch.var_mean(x, correction=0)
    deviation = (variance + EPSILON).sqrt()
    gain = state[f"{key}.weight"].flatten() / deviation
    scale = state[f"{key}.meta1.weight"].flatten() * deviation + state[f"{key}.meta1.bias"]
    bias = state[f"{key}.meta2.weight"].flatten() * mean + state[f"{key}.meta2.bias"]
    return Norm(gain, state[f"{key}.bias"].flatten() - mean * gain, scale, bias)


def _matrix(state: State, key: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a 1×1 convolution for :func:`torch.nn.functional.linear`."""
    return state[f"{key}.weight"].flatten(1), state[f"{key}.bias"]


def _folded(state: State, key: str, norm: Norm, part: slice) -> tuple[Tensor, Tensor]:
    """Some outputs of a 1×1 convolution of the normalised map, as one of the map itself."""
    weight, bias = (values[part] for values in _matrix(state, key))
    return weight * norm.gain, bias + weight @ norm.offset


def _position_bias(state: State, key: str) -> Tensor:
    """What a small network adds to the attention by the relative position of two pixels of a window: heads×64×64."""
    hidden = F.linear(state[f"{key}.relative_positions"], state[f"{key}.meta.0.weight"], state[f"{key}.meta.0.bias"])
    return F.linear(hidden.relu(), state[f"{key}.meta.2.weight"], state[f"{key}.meta.2.bias"]).permute(2, 0, 1)


def _mirrored(size: int, shift: int, device: torch.device) -> Tensor:
    """Which lines stand in whole windows: ``shift`` mirrored ones before the first, and behind the last what lacks."""
    end = size + (shift - size % WINDOW) % WINDOW if shift else size + -size % WINDOW
    return _reflected(torch.arange(-shift, end, device=device), size)


def _reflected(index: Tensor, size: int) -> Tensor:
    """Indices beyond the border mirrored at the outermost line."""
    index = index.abs()
    return torch.where(index < size, index, 2 * (size - 1) - index)


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention of two heads within 8×8 windows of H×W×C maps whose sides are multiples of 8."""
    height, width, channels = q.shape
    depth = channels // HEADS

    def windows(x: Tensor) -> Tensor:
        cells = x.view(height // WINDOW, WINDOW, width // WINDOW, WINDOW, HEADS, depth)
        return cells.permute(0, 2, 4, 1, 3, 5).reshape(-1, HEADS, WINDOW * WINDOW, depth)

    scores = torch.matmul(windows(q) / depth**0.5, windows(k).transpose(2, 3)).add_(bias)
    attended = torch.matmul(scores.softmax(-1), windows(v))
    cells = attended.view(height // WINDOW, width // WINDOW, HEADS, WINDOW, WINDOW, depth)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(height, width, channels)


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@inproceedings{cheng2025gifnet,
  author    = {Cheng, Chunyang and Xu, Tianyang and Feng, Zhenhua and Wu, Xiaojun and Tang, Zhangyong and Li, Hui
             and Zhang, Zeyang and Atito, Sara and Awais, Muhammad and Kittler, Josef},
  title     = {One Model for {ALL}: Low-Level Task Interaction Is a Key to Task-Agnostic Image Fusion},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2025},
}"""

METHOD = Method(
    name="gifnet",
    title="GIFNet",
    kind="learned",
    description="Low-level task interaction, one model for all kinds of fusion; the whole image at once; luma.",
    source="Cheng et al., One model for ALL: low-level task interaction is a key to task-agnostic image fusion, CVPR "
    "2025; github.com/AWCXV/GIFNet",
    citation=CITATION,
    year=2025,
    venue="CVPR",
    licence="none",
    luma=True,
    parameters=822_780,
    weights=(WEIGHTS,),
    load=_load,
)
