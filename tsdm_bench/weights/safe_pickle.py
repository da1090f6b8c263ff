"""Reading PyTorch files that pickle whole objects, without executing anything that they ask for.

Only the calls that rebuild tensors are carried out, by functions of our own. Every other class becomes an inert stub
that remembers its name; a file that *calls* anything else is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

STORAGE_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Refused(Exception):
    pass


class _Call:
    """A function that a file may call; made anew for each mention, so that no file can change it for another."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class _InertType(type):
    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        raise _Refused(f"it asks to call {cls.__name__}")


class Inert(metaclass=_InertType):
    """An object of a foreign class: its attributes lie in ``__dict__``, and it does nothing."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> Inert:
        return object.__new__(cls)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Pickled dict subclasses fill themselves this way; their items are not kept."""

    def extend(self, items: Any) -> None:
        """Pickled list subclasses fill themselves this way; their items are not kept."""

    append = extend


def _rebuild_tensor(storage: Tensor, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if offset < 0 or any(n < 0 for n in size) or any(s < 0 for s in stride):
        raise _Refused("a tensor has a negative offset, size or stride")
    if math.prod(size) and last >= len(storage):
        raise _Refused("a tensor reaches beyond its storage")
    return torch.as_strided(storage, size, stride, offset).clone()


def _rebuild_parameter(data: Tensor, *_: Any) -> Tensor:
    return data


CALLS = {
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{prefix}/data.pkl")), encoding="utf-8")
        self.archive, self.prefix = archive, prefix
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        if (module, name) in CALLS:
            return _Call(CALLS[module, name])
        return _InertType(f"{module}.{name}", (Inert,), {})

    def persistent_load(self, identifier: Any) -> Tensor:
        """One flat tensor per storage: ``("storage", dtype, key, location, elements)``."""
        kind, dtype, key, _, elements = identifier
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise _Refused(f"it holds a {kind!r} of type {dtype!r}, not a tensor storage")
        if key not in self.storages:
            data = self.archive.read(f"{self.prefix}/data/{key}")
            if len(data) < elements * dtype.itemsize:
                raise _Refused(f"storage {key} is cut short")
            self.storages[key] = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self.storages[key]


def load_tensors(path: Path) -> Any:
    """What ``torch.save`` wrote to ``path``: containers, numbers, strings and tensors (on the CPU, each its own copy).

    Objects of any other class come back as :class:`Inert` stubs whose attributes can be read but that run nothing.
    Raises ``ValueError`` for a file that calls anything but the rebuilding of tensors, that is damaged, or that was
    written before PyTorch 1.6 (no zip archive).
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise _Refused("it has no data.pkl of torch.save")
            if f"{pickles[0].partition('/')[0]}/byteorder" in archive.namelist():
                order = archive.read(f"{pickles[0].partition('/')[0]}/byteorder")
                if order != b"little":
                    raise _Refused("it was written on a big-endian machine")
            return _Unpickler(archive, pickles[0].partition("/")[0]).load()
    except FileNotFoundError:
        raise
    except zipfile.BadZipFile:
        reason = "it is no archive of torch.save (PyTorch 1.6 or newer)"
    except _Refused as error:
        reason = str(error)
    except Exception as error:  # a damaged pickle can fail in any way
        reason = f"it is damaged: {type(error).__name__}: {error}"
    raise ValueError(f"{path} was not read: {reason}; expected tensors in a state dict, or safetensors")
