"""A Swin block without gradients on a CPU: one pass over the image, in place, a window at a time.

All between reading the tokens of a window and writing them back happens in the processor's cache. There a window is a
matrix whose rows are channels (or hidden units, or keys) and whose columns are its 64 tokens, so that every step is a
matrix product, or a loop in which neighbouring tokens share a vector register. In bfloat16, on processors with
AVX512-BF16, the products of the linear layers take two terms at once: their operands are *pairs* of rounded numbers,
an int32 each. All that is compiled lies in this one file, since numba's cache sees no change in another.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload
from torch import Tensor, nn

WINDOW = 8
TOKENS = WINDOW * WINDOW
SHIFT = WINDOW // 2

FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
"""Of the processor that numba compiles for, in LLVM's words."""

LANES, ROWS = 16, 4
VECTORS = 4 if "+avx512f" in FEATURES else 1
"""A product forms the sums of 4 rows × this many vectors at once: so many fit in registers (32 of 16, or 16 of 8)."""

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

compiled = njit(error_model="numpy", fastmath={"contract"})


class Weights(NamedTuple):
    """Of a block, in float32; matrices also as :func:`_pairs`."""

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


def apply_block(x: Tensor, block: nn.Module, shifted: bool) -> None:
    """Apply a ``SwinBlock`` to the tokens N×H×W×C, contiguous float32, in place; H and W are multiples of 8.

    Under bfloat16 autocast the linear layers multiply rounded numbers if the processor has an instruction for it.
    """
    bfloat16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    bits = block.attn.biases()[: None if shifted else 1].transpose(-1, -2) * LOG2_E
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(threads)  # numba's first call sets OpenMP's number of threads, which is PyTorch's too
    weights = _weights(block, bfloat16 and "+avx512bf16" in FEATURES)
    _every_window(x.numpy(), weights, bits.contiguous().numpy(), SHIFT if shifted else 0)


def _weights(block: nn.Module, paired: bool) -> Weights:
    width, heads = block.attn.qkv.in_features, block.attn.relative_position_bias_table.shape[1]
    scale = np.ones(3 * width, np.float32)
    scale[:width] = LOG2_E * (width // heads) ** -0.5
    arrays = []
    for layer in (block.norm1, block.attn.qkv, block.attn.proj, block.norm2, block.mlp.fc1, block.mlp.fc2):
        weight, bias = (parameter.detach().float().numpy() for parameter in (layer.weight, layer.bias))
        if layer is block.attn.qkv:
            weight, bias = weight * scale[:, None], bias * scale
        arrays += [_pairs(weight) if paired and weight.ndim == 2 else weight, bias]
    return Weights(*arrays)


def _pairs(weights: np.ndarray) -> np.ndarray:
    """R×C float32 to R×C/2 int32: two neighbours of a row, rounded to bfloat16, the first in the lower half."""
    rounded = (weights.view(np.uint32) + np.uint32(0x8000)) >> np.uint32(16)
    return (rounded[:, 0::2] | rounded[:, 1::2] << np.uint32(16)).view(np.int32)


@njit(parallel=True, error_model="numpy", fastmath={"contract"}, cache=True)
def _every_window(image, weights, bits, shift):
    for index in prange(image.shape[0] * (image.shape[1] // WINDOW) * (image.shape[2] // WINDOW)):
        _one_window(image, weights, bits, shift, index)


@compiled
def _one_window(image, weights, bits, shift, index):
    """``bits`` are the biases kinds×heads×keys×queries in units of log 2; shifted windows wrap around the image."""
    _, height, width, channels = image.shape
    rows, columns = height // WINDOW, width // WINDOW
    sample, row, column = index // (rows * columns), index // columns % rows, index % columns
    kind = 2 * (row == rows - 1) + (column == columns - 1) if shift else 0
    x = _tokens(channels)
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


@compiled
def _add_attention(x, weights, bits):
    """x += proj(attention(qkv(norm1(x)))) for C×64; the queries' weights make the logits powers of two."""
    channels, heads = x.shape[0], bits.shape[0]
    depth = channels // heads
    out = _normalised(x, weights.norm1, weights.norm1_bias)
    qkv = _repeated(weights.qkv_bias)
    _product(qkv, qkv, weights.qkv, out)
    logits = _tokens(TOKENS)
    for head in range(heads):
        q, k, v = qkv[head * depth :], qkv[channels + head * depth :], qkv[2 * channels + head * depth :]
        _product(logits, bits[head], k[:depth].T, q)
        norm = _softmax(logits)
        part = out[head * depth : (head + 1) * depth]
        part[:] = 0
        _product(part, part, v[:depth], logits)
        for channel in range(depth):
            for token in range(TOKENS):
                part[channel, token] *= norm[token]
    _add_column(x, weights.proj_bias)
    _product(x, x, weights.proj, out)


@compiled
def _add_mlp(x, weights):
    """x += fc2(gelu(fc1(norm2(x))))."""
    hidden = _repeated(weights.fc1_bias)
    _product(hidden, hidden, weights.fc1, _normalised(x, weights.norm2, weights.norm2_bias))
    _gelu(hidden)
    _add_column(x, weights.fc2_bias)
    _product(x, x, weights.fc2, hidden)


@compiled
def _tokens(rows):
    """An empty R×64 array that begins with a line of the cache, so that no vector lies across two."""
    spare = np.empty(rows * TOKENS + LANES, np.float32)
    first = -(spare.ctypes.data // 4) % LANES
    return spare[first : first + rows * TOKENS].reshape((rows, TOKENS))


@compiled
def _repeated(column):
    out = _tokens(len(column))
    for row in range(len(column)):
        for token in range(TOKENS):
            out[row, token] = column[row]
    return out


@compiled
def _add_column(x, column):
    for row in range(len(column)):
        for token in range(TOKENS):
            x[row, token] += column[row]


@compiled
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
    out = _tokens(x.shape[0])
    for row in range(x.shape[0]):
        for token in range(TOKENS):
            out[row, token] = (x[row, token] - mean[token]) / deviation[token] * weight[row] + bias[row]
    return out


@compiled
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


@compiled
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


@compiled
def _power_of_two(x):
    """2^x for x ≤ 127, and 2^-126 where that is more. The integer part is added to the exponent of the float."""
    x = LOWEST_POWER if x < LOWEST_POWER else x
    shifted = np.float32(x + ROUNDING)
    f = x - (shifted - ROUNDING)
    c0, c1, c2, c3, c4, c5 = POWER
    fraction = np.float32(c0 + f * (c1 + f * (c2 + f * (c3 + f * (c4 + f * c5)))))
    return np.int32(fraction.view(np.int32) + np.int32(shifted.view(np.int32) << 23)).view(np.float32)


@compiled
def _larger(a, b):
    return a if a > b else b


@compiled
def _product(out, start, weights, x):
    """out = start + weights @ x for R×64, R×C (any strides, R a multiple of 4) and C×64; ``weights`` may be pairs."""
    factors = _factors(x, weights)
    for row in range(0, weights.shape[0], ROWS):
        for token in range(0, TOKENS, VECTORS * LANES):
            _product_tile(out, start, weights, factors, row, token)


def _factors(x, weights):
    """``x`` in the form that is multiplied with ``weights``: as it is, or as C/2×64 pairs of two rows each."""


@overload(_factors)
def _factors_by_type(x, weights):
    return (lambda x, weights: x) if weights.dtype == types.float32 else _paired_rows


def _paired_rows(x, weights):
    out = np.empty((x.shape[0] // 2, TOKENS), np.int32)
    for row in range(x.shape[0] // 2):
        for token in range(TOKENS):
            first, second = _rounding_up(x[2 * row, token]), _rounding_up(x[2 * row + 1, token])
            out[row, token] = (first >> 16 & 0xFFFF) | (second & -0x10000)
    return out


@compiled
def _rounding_up(x):
    """The bits of a float32 whose upper half is ``x`` rounded to bfloat16."""
    return np.int32(np.float32(x).view(np.int32) + 0x8000)


class _BFloat(ir.Type):
    """LLVM's bfloat, for which llvmlite has no name."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


_INDEX = ir.IntType(64)
_FLOATS, _PAIRS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
_BFLOATS = ir.VectorType(_BFloat(), 2 * LANES)


@intrinsic
def _product_tile(typing_context, out, start, weights, x, row, token):
    """:func:`_product` for 4 rows and the tokens of VECTORS vectors, written for LLVM: sums never leave registers."""
    return types.void(out, start, weights, x, row, token), _generate_product_tile


def _generate_product_tile(context, builder, signature, arguments):
    out, start, weights, x = (
        context.make_array(kind)(context, builder, array)
        for kind, array in zip(signature.args[:4], arguments[:4], strict=True)
    )
    row, token = arguments[4:]
    paired = signature.args[2].dtype == types.int32
    operand, name = (_BFLOATS, "llvm.x86.avx512bf16.dpbf16ps.512") if paired else (_FLOATS, "llvm.fma.v16f32")
    instruction = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_FLOATS, [_FLOATS, operand, operand]), name
    )

    def multiply_add(total, a, b):
        if paired:
            return builder.call(instruction, [total, builder.bitcast(a, _BFLOATS), builder.bitcast(b, _BFLOATS)])
        return builder.call(instruction, [a, b, total])

    def place(array, row, vector, kind):
        column = builder.add(token, _INDEX(vector * LANES))
        index = builder.add(builder.mul(row, _INDEX(TOKENS)), column)
        return builder.bitcast(builder.gep(array.data, [index]), kind.as_pointer())

    def weight_in_every_lane(row, column):
        rows, columns = cgutils.unpack_tuple(builder, weights.strides)
        offset = builder.add(builder.mul(row, rows), builder.mul(column, columns))
        weight = builder.load(cgutils.pointer_add(builder, weights.data, offset))
        unset = ir.Constant(_PAIRS if paired else _FLOATS, ir.Undefined)
        first = builder.insert_element(unset, weight, ir.IntType(32)(0))
        return builder.shuffle_vector(first, unset, ir.Constant(_PAIRS, None))

    rows = [builder.add(row, _INDEX(k)) for k in range(ROWS)]
    tile = [(row, vector, cgutils.alloca_once(builder, _FLOATS)) for row in rows for vector in range(VECTORS)]
    for row, vector, total in tile:
        builder.store(builder.load(place(start, row, vector, _FLOATS), align=4), total)
    with cgutils.for_range(builder, cgutils.unpack_tuple(builder, weights.shape)[1]) as loop:
        kind = _PAIRS if paired else _FLOATS
        factors = [builder.load(place(x, loop.index, vector, kind), align=4) for vector in range(VECTORS)]
        repeated = {row: weight_in_every_lane(row, loop.index) for row in rows}
        for row, vector, total in tile:
            builder.store(multiply_add(builder.load(total), factors[vector], repeated[row]), total)
    for row, vector, total in tile:
        builder.store(builder.load(total), place(out, row, vector, _FLOATS), align=4)
    return context.get_dummy_value()
