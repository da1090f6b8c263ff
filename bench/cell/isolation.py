"""What a method leaves behind in the process it runs in is undone, so that no method changes the rows of another."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import cv2
import numpy as np
import torch


@contextlib.contextmanager
def untouched_process() -> Iterator[None]:
    """Restore threads, default types, modes of torch, numpy's error handling, random states and the working folder.

    A method that changes them for itself is free to do so: the change ends with its call.

    >>> with untouched_process():
    ...     torch.set_default_dtype(torch.float64)
    >>> torch.get_default_dtype()
    torch.float32
    """
    threads, cv2_threads, folder = torch.get_num_threads(), cv2.getNumThreads(), os.getcwd()
    dtype, deterministic = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    draws = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with np.errstate(), torch.set_grad_enabled(torch.is_grad_enabled()):
            yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if cv2.getNumThreads() != cv2_threads:
            cv2.setNumThreads(cv2_threads)
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic)
        random.setstate(draws[0])
        np.random.set_state(draws[1])
        torch.set_rng_state(draws[2])
        with contextlib.suppress(OSError):
            os.chdir(folder)
