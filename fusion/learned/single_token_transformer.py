"""The transformer of YDTR, DATFuse and ITFuse: Swin blocks whose window holds one token."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State

LAYER_NORM_EPSILON = 1e-5
TOKENS_AT_ONCE = 4096
"""Bounds the memory of the four times wider hidden layer, and keeps it in the processor's cache."""


def transform(x: Tensor, state: State, blocks: int = 2) -> Tensor:
    """So many blocks on the tokens of an N×C×H×W map.

    A token is C consecutive values of the row-major memory (mostly neighbouring pixels of one channel), not the C
    channels of a pixel: the published code re-views the map without permuting it. Tokens do not see each other.
    """
    tokens = x.contiguous().view(-1, x.shape[1])
    return torch.cat([_blocks(part, state, blocks) for part in tokens.split(TOKENS_AT_ONCE)]).view(x.shape)


def _blocks(tokens: Tensor, state: State, blocks: int) -> Tensor:
    """In a window of one token softmax is 1, so that attention is the value projection, the last third of ``qkv``;
    query, key and position bias have no effect.
    """
    channels = tokens.shape[1]
    for number in range(blocks):
        key = f"basicLayer.blocks.{number}"
        value_weight, value_bias = (state[f"{key}.attn.qkv.{name}"][-channels:] for name in ("weight", "bias"))
        value = F.linear(_layer_norm(tokens, state, f"{key}.norm1"), value_weight, value_bias)
        tokens = tokens + _linear(value, state, f"{key}.attn.proj")
        hidden = F.gelu(_linear(_layer_norm(tokens, state, f"{key}.norm2"), state, f"{key}.mlp.fc1"))
        tokens = tokens + _linear(hidden, state, f"{key}.mlp.fc2")
    return tokens


def _linear(x: Tensor, state: State, key: str) -> Tensor:
    return F.linear(x, state[f"{key}.weight"], state[f"{key}.bias"])


def _layer_norm(x: Tensor, state: State, key: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f"{key}.weight"], state[f"{key}.bias"], LAYER_NORM_EPSILON)
