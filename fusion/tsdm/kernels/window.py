"""A Swin block without gradients on a CPU: one pass over the image, in place, a window at a time.

All between reading the tokens of a window and writing them back happens in the processor's cache. There a window is a
matrix whose rows are channels (or hidden units, or keys) and whose columns are its 64 tokens, so that every step is a
matrix product, or a loop in which neighbouring tokens share a vector register.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fusion.tsdm.kernels.layout import TOKENS, WINDOW
from fusion.tsdm.kernels.product import product, tokens
from tsdm_bench.compiled import loop

LOG2_E = 1 / math.log(2)
NORM_EPSILON = np.float32(1e-5)
"""PyTorch's default for LayerNorm."""

LOWEST_POWER = np.float32(-126)
ROUNDING = np.float32(1.5 * 2**23)
"""Added to a number of moderate size, it leaves the nearest integer in the float's low bits."""

POWER = tuple(np.float32(x) for x in (1.00000007, 0.69314697, 0.2402212, 0.05550714, 0.00967554, 0.00132763))
"""2^f for |f| ≤ 1/2: the polynomial of degree 5 whose largest relative error is least (7.5e-8)."""

ERF_P = np.float32(0.3275911 / math.sqrt(2))
ERF_A = tuple(np.float32(x / 2) for x in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
"""The error function within 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26), here of x/√2 and halved."""

GAUSS = np.float32(-LOG2_E / 2)


class Weights(NamedTuple):
    """Of a block, in float32; matrices also as pairs."""

    norm1: np.ndarray
    norm1_bias: np.ndarray
    qkv: np.ndarray
    qkv_bias: np.ndarray
    proj: np.ndarray
    proj_bias: np.ndarray
    norm2: np.ndarray
    norm2_bias: np.ndarray
    fc1: np.ndarray
    fc1_bias: np.ndarray
    fc2: np.ndarray
    fc2_bias: np.ndarray


@loop
def apply_windows(first: int, last: int, image: np.ndarray, weights: Weights, bits: np.ndarray, shift: int) -> None:
    """Apply a block to some of the windows of the tokens N×H×W×C, in place; shifted windows wrap around the image.

    ``bits`` are the biases kinds×heads×keys×queries in units of log 2.
    """
    for window in range(first, last):
        _apply(image, weights, bits, shift, window)


@loop
def _apply(image, weights, bits, shift, window):
    _, height, width, channels = image.shape
    rows, columns = height // WINDOW, width // WINDOW
    sample, row, column = window // (rows * columns), window // columns % rows, window % columns
    kind = 2 * (row == rows - 1) + (column == columns - 1) if shift else 0
    x = tokens(channels)
    for token in range(TOKENS):
        i, j = (row * WINDOW + token // WINDOW + shift) % height, (column * WINDOW + token % WINDOW + shift) % width
        for channel in range(channels):
            x[channel, token] = image[sample, i, j, channel]
    _add_attention(x, weights, bits[kind])
    _add_mlp(x, weights)
    for token in range(TOKENS):
        i, j = (row * WINDOW + token // WINDOW + shift) % height, (column * WINDOW + token % WINDOW + shift) % width
        for channel in range(channels):
            image[sample, i, j, channel] = x[channel, token]


@loop
def _add_attention(x, weights, bits):
    """x += proj(attention(qkv(norm1(x)))) for C×64; the queries' weights make the logits powers of two."""
    channels, heads = x.shape[0], bits.shape[0]
    depth = channels // heads
    out = _normalised(x, weights.norm1, weights.norm1_bias)
    qkv = _repeated(weights.qkv_bias)
    product(qkv, qkv, weights.qkv, out)
    logits = tokens(TOKENS)
    for head in range(heads):
        q, k, v = qkv[head * depth :], qkv[channels + head * depth :], qkv[2 * channels + head * depth :]
        product(logits, bits[head], k[:depth].T, q)
        norm = _softmax(logits)
        part = out[head * depth : (head + 1) * depth]
        part[:] = 0
        product(part, part, v[:depth], logits)
        for channel in range(depth):
            for token in range(TOKENS):
                part[channel, token] *= norm[token]
    _add_column(x, weights.proj_bias)
    product(x, x, weights.proj, out)


@loop
def _add_mlp(x, weights):
    """x += fc2(gelu(fc1(norm2(x))))."""
    hidden = _repeated(weights.fc1_bias)
    product(hidden, hidden, weights.fc1, _normalised(x, weights.norm2, weights.norm2_bias))
    _gelu(hidden)
    _add_column(x, weights.fc2_bias)
    product(x, x, weights.fc2, hidden)


@loop
def _repeated(column):
    out = tokens(len(column))
    for row in range(len(column)):
        for token in range(TOKENS):
            out[row, token] = column[row]
    return out


@loop
def _add_column(x, column):
    for row in range(len(column)):
        for token in range(TOKENS):
            x[row, token] += column[row]


@loop
def _normalised(x, weight, bias):
    """Each token less its mean and over its standard deviation, times ``weight`` plus ``bias`` (LayerNorm)."""
    share = np.float32(1 / x.shape[0])
    mean, deviation = np.zeros(TOKENS, np.float32), np.zeros(TOKENS, np.float32)
    for row in range(x.shape[0]):
        for token in range(TOKENS):
            mean[token] += x[row, token] * share
    for row in range(x.shape[0]):
        for token in range(TOKENS):
            difference = x[row, token] - mean[token]
            deviation[token] += difference * difference * share
    for token in range(TOKENS):
        deviation[token] = np.sqrt(deviation[token] + NORM_EPSILON)
    out = tokens(x.shape[0])
    for row in range(x.shape[0]):
        for token in range(TOKENS):
            out[row, token] = (x[row, token] - mean[token]) / deviation[token] * weight[row] + bias[row]
    return out


@loop
def _softmax(logits):
    """Replace keys×64 logits by 2^(logit - largest of the query); return one over the sum of these, by query."""
    largest, total = np.full(TOKENS, -np.inf, np.float32), np.zeros(TOKENS, np.float32)
    for key in range(logits.shape[0]):
        for token in range(TOKENS):
            largest[token] = _larger(logits[key, token], largest[token])
    for key in range(logits.shape[0]):
        for token in range(TOKENS):
            power = _power_of_two(logits[key, token] - largest[token])
            logits[key, token] = power
            total[token] += power
    return np.float32(1) / total


@loop
def _gelu(x):
    """x Φ(x) in place, as max(x, 0) less |x| Φ(-|x|)."""
    a0, a1, a2, a3, a4 = ERF_A
    for row in range(x.shape[0]):
        for token in range(TOKENS):
            value = x[row, token]
            size = abs(value)
            t = np.float32(1) / (np.float32(1) + ERF_P * size)
            tail = t * (a0 + t * (a1 + t * (a2 + t * (a3 + t * a4)))) * _power_of_two(GAUSS * value * value)
            x[row, token] = _larger(value, np.float32(0)) - size * tail


@loop
def _power_of_two(x):
    """2^x for x ≤ 127, and 2^-126 where that is more. The integer part is added to the exponent of the float."""
    x = LOWEST_POWER if x < LOWEST_POWER else x
    shifted = np.float32(x + ROUNDING)
    f = x - (shifted - ROUNDING)
    c0, c1, c2, c3, c4, c5 = POWER
    fraction = np.float32(c0 + f * (c1 + f * (c2 + f * (c3 + f * (c4 + f * c5)))))
    return np.int32(fraction.view(np.int32) + np.int32(shifted.view(np.int32) << 23)).view(np.float32)


@loop
def _larger(a, b):
    return a if a > b else b
