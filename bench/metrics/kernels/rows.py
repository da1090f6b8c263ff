"""Loops over the rows of maps, compiled by numba on their first call and run on as many threads as torch uses."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numba
import torch
from torch import Tensor

DEVICE = "cpu"

# A contraction (a·b + c rounded once) is the only liberty taken with the order of operations. Threads are Python's:
# numba's own would double the time to compile and do not survive a fork.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def loops_run_on(x: Tensor) -> bool:
    """Whether compiled loops can work on a map; on other devices the same is done in torch."""
    return x.device.type == DEVICE


def over_rows(kernel: Callable[..., None], rows: int, *arguments: Any) -> None:
    """``kernel(first, last, *arguments)`` on parts of ``range(rows)``, tensors passed as arrays.

    What a kernel writes for one row depends on no other row, so that the number of threads changes no bit.
    """
    arrays = [each.numpy() if isinstance(each, Tensor) else each for each in arguments]
    threads = torch.get_num_threads()
    (_, end), *parts = itertools.pairwise(rows * part // threads for part in range(threads + 1))
    others = [_pool(threads, os.getpid()).submit(kernel, *part, *arrays) for part in parts]
    kernel(0, end, *arrays)
    for each in others:
        each.result()


@lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1)
