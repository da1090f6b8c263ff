"""The two layers that every published network here is made of, applied straight from its state dict.

The networks are functions of a state dict under the authors' own key names, so that a published file is the model:
nothing is renamed, and a key that is missing is an error where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdm_bench.weights.state import load_state
from tsdm_bench.weights.tensor_bundle import read_tensor_bundle

State = dict[str, Tensor]
Padding = Literal["zeros", "reflect", "replicate"]

BATCH_NORM_EPSILON = 1e-5
NEGLIGIBLE = 1e-20
"""Weights below it, decayed during training, change no 8-bit image, but their products are denormal and slow."""


def conv(x: Tensor, state: State, key: str, pad: Padding = "zeros", stride: int = 1, dilation: int = 1) -> Tensor:
    """Convolution that keeps the size at stride 1, with ``{key}.weight`` and, where there is one, ``{key}.bias``."""
    weight = state[f"{key}.weight"]
    width = dilation * (weight.shape[-1] // 2)
    if width and pad != "zeros":
        x, width = F.pad(x, (width, width, width, width), mode=pad), 0
    x = F.conv2d(x, weight, state.get(f"{key}.bias"), stride, width, dilation)
    return x.contiguous(memory_format=torch.channels_last)


def stacked(x: Tensor, state: State, keys: Sequence[str]) -> Tensor:
    """Convolutions one after the other, with a ReLU behind each but the last."""
    for key in keys[:-1]:
        x = conv(x, state, key).relu_()
    return conv(x, state, keys[-1])


def batch_norm(x: Tensor, state: State, key: str) -> Tensor:
    """Batch normalisation with the stored statistics."""
    return F.batch_norm(
        x,
        state[f"{key}.running_mean"],
        state[f"{key}.running_var"],
        state[f"{key}.weight"],
        state[f"{key}.bias"],
        eps=BATCH_NORM_EPSILON,
    )


def instance_norm(x: Tensor, state: State, key: str) -> Tensor:
    """Normalisation with the statistics of each image: batch normalisation of a batch of one, which stays
    channels-last, where torch's instance normalisation copies the map twice.
    """
    images = [
        F.batch_norm(
            image, None, None, state[f"{key}.weight"], state[f"{key}.bias"], training=True, eps=BATCH_NORM_EPSILON
        )
        for image in x.split(1)
    ]
    return torch.cat(images) if len(images) > 1 else images[0]


def published_state(path: Path, device: torch.device) -> dict[str, Any]:
    """What an author's file holds, ready for :func:`conv`: on ``device``, and in the memory layout that is fastest."""
    return _prepared(load_state(path), device)


def tensorflow_state(index: Path, data: Path, device: torch.device) -> State:
    """The convolutions of a TensorFlow checkpoint, ready for :func:`conv`: ``scope/kernel`` (height, width, in, out)
    becomes ``scope.weight`` (out, in, height, width), and ``scope/bias`` becomes ``scope.bias``.
    """
    state = {}
    for name, values in read_tensor_bundle(index, data).items():
        scope = name.rpartition("/")[0]
        tensor = torch.tensor(values)
        state[f"{scope}.weight" if tensor.ndim == 4 else f"{scope}.bias"] = (
            tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor
        )
    return _prepared(state, device)


def _prepared(state: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """On ``device``, with negligible weights zero and kernels channels-last: a convolution and all that follows it then
    runs channels-last, which is 1.3 to 1.6 times as fast on a CPU.
    """
    prepared = {}
    for key, value in state.items():
        if isinstance(value, dict):
            value = _prepared(value, device)
        elif isinstance(value, Tensor):
            if value.is_floating_point():
                value = torch.where(value.abs() < NEGLIGIBLE, 0, value)
                if value.ndim == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
            value = value.to(device)
        prepared[key] = value
    return prepared
