"""Loading weights without executing anything that a file says, and without more memory than its size accounts for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from tsdm_bench.errors import words_of
from tsdm_bench.weights.safe_pickle import COPIES, SMALL, check_archive


def load_state(path: Path) -> dict[str, Any]:
    """The tensors of a file: ``.safetensors``, or a PyTorch file read with ``weights_only`` (plain tensors, nested
    dicts, numbers), in the CPU's memory.

    Raises ``ValueError`` for a file that holds anything else (it would have to be executed), is damaged or declares
    more than it holds, and ``OSError`` where it cannot be opened.
    """
    path = Path(path)
    path.open("rb").close()  # what happens to the file itself is no fault of its content
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_archive(archive, path.stat().st_size)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if sum(tensor.numel() * tensor.element_size() for tensor in _tensors(state)) > _most_bytes(path):
            raise ValueError("its tensors repeat their storages: they are larger than the file can hold")
        return state
    except Exception as error:  # a damaged file can fail in any way
        raise ValueError(
            f"{path} holds no plain tensors ({words_of(error, 120)}); expected a state dict or safetensors"
        ) from error


def load_array(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, its size checked before memory is taken; the errors of :func:`load_state`."""
    path = Path(path)
    path.open("rb").close()
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of arrays")
        return np.array(array)
    except Exception as error:
        raise ValueError(f"{path} holds no array ({words_of(error, 120)}); expected a .npy file of numbers") from error


def _most_bytes(path: Path) -> int:
    return COPIES * path.stat().st_size + SMALL


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested dicts and lists; ``weights_only`` lets no others through that hold any."""
    waiting, seen = [state], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, (Mapping, list, tuple, set)) and id(item) not in seen:
            seen.add(id(item))
            waiting += item.values() if isinstance(item, Mapping) else item
