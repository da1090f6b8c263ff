"""Vector instructions for loops that numba compiles: written for LLVM, of numba's public interface only.

For the few inner loops in which a compiler does not keep the sums in registers by itself. Such a function takes
addresses (``array.ctypes.data``) and distances in bytes; whoever calls it keeps the arrays alive.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tsdm_bench.compiled import loop, numba


def _features() -> frozenset[str]:
    """What the processor that numba compiles for can do, in LLVM's words; empty without numba."""
    if numba is None or numba.config.CPU_NAME == "generic" or not numba.config.ENABLE_AVX:
        return frozenset()
    chosen = numba.config.CPU_FEATURES
    if chosen is not None:
        return frozenset(word[1:] for word in chosen.split(",") if word.startswith("+"))
    host = importlib.import_module("llvmlite.binding").get_host_cpu_features()
    return frozenset(name for name, there in host.items() if there)


FEATURES = _features()
LANES = 16 if "avx512f" in FEATURES else 8
"""float32 values in a vector register."""
BYTES = 4 * LANES

ir: Any = None
types: Any = None
intrinsic: Any = lambda function: function  # noqa: E731
overload: Any = lambda function: lambda implementation: implementation  # noqa: E731
if numba is not None:  # else the plain forms serve, and these only let the modules be imported
    from numba import extending

    ir, types = importlib.import_module("llvmlite.ir"), numba.types
    intrinsic, overload = extending.intrinsic, extending.overload


def index(value: int) -> Any:
    """A whole number in LLVM's words."""
    return ir.Constant(ir.IntType(64), value)


def vector(lanes: int = LANES) -> Any:
    """The type of ``lanes`` float32 values."""
    return ir.VectorType(ir.FloatType(), lanes)


def order(places: list[int]) -> Any:
    """Of the lanes of two vectors, for LLVM's ``shufflevector``."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)


def place(builder: Any, address: Any, *further: Any, kind: Any) -> Any:
    """The pointer to ``kind`` at an address plus some distances in bytes."""
    for distance in further:
        address = builder.add(address, distance)
    return builder.inttoptr(address, kind.as_pointer())


def multiply_add(builder: Any, a: Any, b: Any, total: Any) -> Any:
    """``a`` times ``b`` plus ``total``, rounded once."""
    return builder.call(instruction(builder, f"llvm.fma.v{total.type.count}f32", [total.type] * 3), [a, b, total])


def instruction(builder: Any, name: str, kinds: list[Any]) -> Any:
    """LLVM's function ``name`` of values of these kinds; the result is of the first kind."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(kinds[0], kinds), name)


def repeated(builder: Any, value: Any, lanes: int = LANES) -> Any:
    """A vector that has ``value`` in every lane."""
    unset = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(unset, value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, unset, order([0] * lanes))


@loop
def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An empty float32 array that begins with a line of the cache, so that no vector lies across two."""
    size = 1
    for side in shape:
        size *= side
    spare = np.empty(size + 16, np.float32)
    first = -(spare.ctypes.data // 4) % 16
    return spare[first : first + size].reshape(shape)
