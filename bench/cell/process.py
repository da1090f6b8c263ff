"""Settings of a process that works on cells: made by whoever runs the work, never by a module that is imported."""

from __future__ import annotations

import ctypes
import sys

import cv2
import torch

from tsdm_bench.device import compute_in_float32

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def prepare_process(threads: int) -> None:
    """Let torch and OpenCV use ``threads`` threads here, and keep the memory of freed maps for the next ones.

    Products in float32 are computed in float32 on a GPU too.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    compute_in_float32()
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let glibc reuse freed maps: it would give them back to the system, at a thousand page faults for every new map.

    Other allocators are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 512 << 20)
