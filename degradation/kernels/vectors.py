"""What the compiled filters are made of: vectors of float32 in LLVM's words, and lines with a mirror at their ends.

numba's cache does not notice a change in this file: after one, touch the files that import it.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target

FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
"""Of the processor that numba compiles for."""
LANES, GROUP = (16, 8) if "+avx512f" in FEATURES else (8, 4)
"""Values in a vector, and rows that are summed at once: what neighbours have in common is read once."""
INDEX, VECTOR = ir.IntType(64), ir.VectorType(ir.FloatType(), LANES)
ORDER = ir.VectorType(ir.IntType(32), LANES)
FIRST = INDEX(0)

compiled = numba.njit(cache=True, error_model="numpy", fastmath={"contract"})


@compiled
def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An empty float32 array that begins with a line of the cache, so that no vector lies across two."""
    size = 1
    for side in shape:
        size *= side
    spare = np.empty(size + LANES, np.float32)
    first = -(spare.ctypes.data // 4) % LANES
    return spare[first : first + size].reshape(shape)


@compiled
def mirrored(i: int, size: int) -> int:
    """The place that a mirror at both ends shows at ``i``, ends not repeated."""
    if size == 1:
        return 0
    while i < 0 or i >= size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, total: ir.Value) -> ir.Value:
    """``a`` times ``b`` plus ``total``, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
    return builder.call(function, [a, b, total])


def repeated(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A vector that has ``value`` in every lane."""
    unset = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(unset, value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, unset, ir.Constant(ORDER, None))


def places(context, builder, kind, array, pitch=None):
    """A function of (row, rows further, column) that gives where a vector of a two-dimensional array lies.

    ``pitch`` is the distance of two rows in bytes, where it is known beforehand.
    """
    array = context.make_array(kind)(context, builder, array)
    pitch = INDEX(pitch) if pitch else cgutils.unpack_tuple(builder, array.strides)[0]

    def place(row, further, column=FIRST):
        first = cgutils.pointer_add(builder, builder.gep(array.data, [column]), builder.mul(row, pitch))
        offset = builder.mul(pitch, INDEX(further))
        return cgutils.pointer_add(builder, first, offset, VECTOR.as_pointer())

    return place
