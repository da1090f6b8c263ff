"""The matrix product of the compiled Swin block: R×C weights times C×64, for the 64 tokens of a window.

The sums of 4 rows × ``VECTORS`` vectors stay in registers. With bfloat16 the operands are *pairs* of rounded numbers,
an int32 each, and an instruction of AVX512-BF16 adds two products at once.
"""

from __future__ import annotations

import numpy as np

from fusion.tsdm.kernels.layout import TOKENS
from tsdm_bench.compiled import loop
from tsdm_bench.vectors import (
    FEATURES,
    aligned,
    index,
    instruction,
    intrinsic,
    ir,
    multiply_add,
    overload,
    place,
    repeated,
    types,
    vector,
)

LANES, ROWS = 16, 4
VECTORS = 4 if "avx512f" in FEATURES else 1
"""A product forms the sums of 4 rows × this many vectors at once: so many fit in registers (32 of 16, or 16 of 8)."""
PITCH = 4 * TOKENS
"""Bytes from one row of tokens to the next."""
STEP = 4 * LANES * VECTORS
PAIRS = "avx512bf16" in FEATURES
"""Whether the processor multiplies pairs of bfloat16."""


def pairs(weights: np.ndarray) -> np.ndarray:
    """R×C float32 to R×C/2 int32: two neighbours of a row, rounded to bfloat16, the first in the lower half."""
    rounded = (weights.view(np.uint32) + np.uint32(0x8000)) >> np.uint32(16)
    return (rounded[:, 0::2] | rounded[:, 1::2] << np.uint32(16)).view(np.int32)


@loop
def product(out: np.ndarray, start: np.ndarray, weights: np.ndarray, x: np.ndarray) -> None:
    """out = start + weights @ x for R×64, R×C (any strides, R a multiple of 4) and C×64; ``weights`` may be pairs."""
    _multiply(out, start, weights, _factors(x, weights))


@loop
def _multiply(out, start, weights, factors):
    # Whoever calls keeps the arrays alive whose addresses are passed on.
    sums, first, factor, x = out.ctypes.data, start.ctypes.data, weights.ctypes.data, factors.ctypes.data
    pitch, step = weights.strides
    for row in range(0, weights.shape[0], ROWS):
        for token in range(0, PITCH, STEP):
            _tile(
                weights, sums, first, row * PITCH + token, factor, row * pitch, pitch, step, x, token, weights.shape[1]
            )


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


@loop
def _rounding_up(x):
    """The bits of a float32 whose upper half is ``x`` rounded to bfloat16."""
    return np.int32(np.float32(x).view(np.int32) + 0x8000)


@loop
def tokens(rows: int) -> np.ndarray:
    """An empty R×64 array that begins with a line of the cache."""
    return aligned((rows, TOKENS))


@intrinsic
def _tile(typing_context, kind, sums, start, to, weights, row, pitch, step, x, token, terms):
    """:func:`product` for 4 rows and the tokens of VECTORS vectors, by addresses and distances in bytes.

    ``kind`` is the array of weights, whose type tells numbers from pairs. The best loops found in plain numba take 2.5
    times as long (110 and 43 Gflop/s with AVX-512, 107 and 42 with AVX2).
    """
    return types.void(kind, sums, start, to, weights, row, pitch, step, x, token, terms), _generate_tile


def _generate_tile(context, builder, signature, arguments):
    sums, start, to, weights, row, pitch, step, x, token, terms = arguments[1:]
    numbers, whole = vector(LANES), ir.VectorType(ir.IntType(32), LANES)
    paired = signature.args[0].dtype == types.int32
    operand, weight = (whole, ir.IntType(32)) if paired else (numbers, ir.FloatType())
    tile = [(i, j) for i in range(ROWS) for j in range(VECTORS)]

    def there(i, j):
        return index(i * PITCH + j * 4 * LANES)

    before = builder.block
    body, after = builder.append_basic_block("term"), builder.append_basic_block("sums")
    begun = [builder.load(place(builder, start, to, there(*each), kind=numbers), align=4) for each in tile]
    builder.branch(body)
    builder.position_at_end(body)
    term, totals = builder.phi(ir.IntType(64)), [builder.phi(numbers) for _ in tile]
    line = builder.add(token, builder.mul(term, index(PITCH)))
    factors = [builder.load(place(builder, x, line, there(0, j), kind=operand), align=4) for j in range(VECTORS)]
    columns = builder.add(row, builder.mul(term, step))
    places = [place(builder, weights, columns, builder.mul(pitch, index(i)), kind=weight) for i in range(ROWS)]
    scales = [repeated(builder, builder.load(each, align=4), LANES) for each in places]
    multiply = _add_pairs if paired else multiply_add
    added = [multiply(builder, factors[j], scales[i], total) for (i, j), total in zip(tile, totals, strict=True)]
    following = builder.add(term, index(1))
    for phi, first, again in zip((term, *totals), (index(0), *begun), (following, *added), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(again, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, terms), body, after)
    builder.position_at_end(after)
    for each, total in zip(tile, added, strict=True):
        builder.store(total, place(builder, sums, to, there(*each), kind=numbers), align=4)
    return context.get_dummy_value()


def _add_pairs(builder, a, b, total):
    """``total`` plus two products per lane, of pairs of bfloat16."""

    class BFloat(ir.Type):
        """LLVM's bfloat, for which llvmlite has no name."""

        def _to_string(self) -> str:
            return "bfloat"

        def __eq__(self, other: object) -> bool:
            return type(other).__name__ == "BFloat"

        def __hash__(self) -> int:
            return hash("BFloat")

    operand = ir.VectorType(BFloat(), 2 * LANES)
    add = instruction(builder, "llvm.x86.avx512bf16.dpbf16ps.512", [total.type, operand, operand])
    return builder.call(add, [total, builder.bitcast(a, operand), builder.bitcast(b, operand)])
