"""Reading PyTorch files that pickle whole objects, without executing anything that they ask for.

Only the calls that rebuild tensors are carried out, by functions of our own. Every other class becomes an inert stub
that remembers its name; a file that *calls* anything else is refused. So is one that asks for more memory than its own
size can account for, before it is taken.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdm_bench.errors import one_line, words_of

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


PICKLE_BYTES = 1 << 21
"""Enough for 10,000 tensors; objects take up to 200 times as much memory as their pickle, and a second a megabyte."""
COPIES = 4
"""Tensors that share a storage become so many copies of it at most (a module and its state dict make two)."""
SMALL = 1 << 20
"""Bytes of copies that any file may ask for."""
MOST_AXES = 16
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
"""Opcodes that give an object a number, under which it can be fetched again."""


class Refused(Exception):
    """Why a file is not read."""


class _Call:
    """A function that a file may call; made anew for each mention, so that no file can change it for another."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class _InertType(type):
    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        raise Refused(f"it asks to call {cls.__name__}")


class Inert(metaclass=_InertType):
    """An object of a foreign class: its attributes lie in ``__dict__``, and it does nothing."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> Inert:
        """Take whatever a pickle gives, and keep none of it."""
        return object.__new__(cls)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Pickled dict subclasses fill themselves this way; their items are not kept."""

    def extend(self, items: Any) -> None:
        """Pickled list subclasses fill themselves this way; their items are not kept."""

    append = extend


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, prefix: str, file_bytes: int) -> None:
        program = archive.read(f"{prefix}/data.pkl")
        _check_program(program)
        super().__init__(io.BytesIO(program), encoding="utf-8")
        self.archive, self.prefix = archive, prefix
        self.storages: dict[str, Tensor] = {}
        self.bytes_left = COPIES * file_bytes + SMALL
        self.items_left = len(program)
        self.calls = {
            ("torch._utils", "_rebuild_tensor"): self.rebuild_tensor,
            ("torch._utils", "_rebuild_tensor_v2"): self.rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("torch", "Size"): self.container(tuple),
            ("collections", "OrderedDict"): self.container(OrderedDict),
            ("builtins", "set"): self.container(set),
            ("__builtin__", "set"): self.container(set),
        }

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        if (module, name) in self.calls:
            return _Call(self.calls[module, name])
        return _InertType(f"{module}.{name}", (Inert,), {})

    def container(self, kind: type) -> Callable[..., Any]:
        """``kind``, for items that are all written in the file: the same ones cannot be copied again and again."""

        def build(*arguments: Any) -> Any:
            self.items_left -= sum(len(items) for items in arguments)
            if self.items_left < 0:
                raise Refused("it copies its lists again and again")
            return kind(*arguments)

        return build

    def rebuild_tensor(self, storage: Tensor, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
        """A copy of the part of ``storage`` that a file calls a tensor, in memory that nothing can enlarge."""
        if len(size) > MOST_AXES or len(size) != len(stride):
            raise Refused("a tensor has too many axes")
        if offset < 0 or any(n < 0 for n in size) or any(s < 0 for s in stride):
            raise Refused("a tensor has a negative offset, size or stride")
        elements = math.prod(size)
        if elements and offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) >= len(storage):
            raise Refused("a tensor reaches beyond its storage")
        self.bytes_left -= elements * storage.itemsize
        if self.bytes_left < 0:
            raise Refused("its tensors repeat their storages: they are larger than the file can hold")
        copy = _fixed(bytearray(elements * storage.itemsize), storage.dtype).view(size)
        return copy.copy_(torch.as_strided(storage, size, stride, offset)) if elements else copy

    def persistent_load(self, identifier: Any) -> Tensor:
        """One flat tensor per storage: ``("storage", dtype, key, location, elements)``."""
        kind, dtype, key, _, elements = identifier
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise Refused(f"it holds a {kind!r} of type {dtype!r}, not a tensor storage")
        if key not in self.storages:
            data = self.archive.read(f"{self.prefix}/data/{key}")
            if elements < 0 or len(data) < elements * dtype.itemsize:
                raise Refused(f"storage {key} is cut short")
            self.storages[key] = _fixed(bytearray(data[: elements * dtype.itemsize]), dtype)
        if self.storages[key].dtype != dtype:
            raise Refused(f"storage {key} has two types")
        return self.storages[key]


def _fixed(data: bytearray, dtype: torch.dtype) -> Tensor:
    """``data`` as a flat tensor whose memory cannot grow.

    A pickle can reach ``Tensor.__setstate__``, and that enlarges memory of torch's own, but not a buffer of Python's.
    """
    return torch.frombuffer(data or bytearray(dtype.itemsize), dtype=dtype)[: len(data) // dtype.itemsize]


def _check_program(program: bytes) -> None:
    """Refuse a pickle whose memory does not follow from its length; Python's reader takes declared sizes at their word.

    ``LONG_BINPUT`` with a large number allocates a table of that length, ``BYTEARRAY8`` as many bytes as it says.
    """
    for opcode, argument, _ in pickletools.genops(program):  # refuses what is longer than what is left
        if opcode.name in PUTS and isinstance(argument, int) and argument > len(program):
            raise Refused(f"it numbers an object {argument:,}")
        if isinstance(argument, int) and abs(argument) >> 63:  # chosen numbers of one hash make a dict slow
            raise Refused("it has a number of more than 64 bits")


def check_archive(archive: zipfile.ZipFile, file_bytes: int) -> None:
    """Refuse an archive whose members, unpacked, are longer than itself (``torch.save`` stores them as they are), or
    whose pickle is longer than any network needs.
    """
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > file_bytes:
        raise Refused(f"it would unpack to {unpacked:,} bytes from {file_bytes:,}, and torch.save does not compress")
    program = max(
        (member.file_size for member in archive.infolist() if member.filename.endswith("data.pkl")), default=0
    )
    if program > PICKLE_BYTES:
        raise Refused(f"its pickle has {program:,} bytes, {PICKLE_BYTES:,} at most")


def load_tensors(path: Path) -> Any:
    """What ``torch.save`` wrote to ``path``: containers, numbers, strings and tensors (on the CPU, each its own copy).

    Objects of any other class come back as :class:`Inert` stubs whose attributes can be read but that run nothing.
    Raises ``ValueError`` for a file that calls anything but the rebuilding of tensors, that is damaged, that asks for
    more memory than its size accounts for, or that was written before PyTorch 1.6 (no zip archive), and ``OSError``
    where it cannot be opened.
    """
    path = Path(path)
    path.open("rb").close()  # what happens to the file itself is no fault of its content
    try:
        with zipfile.ZipFile(path) as archive:
            file_bytes = path.stat().st_size
            check_archive(archive, file_bytes)
            pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise Refused("it has no data.pkl of torch.save")
            if f"{pickles[0].partition('/')[0]}/byteorder" in archive.namelist():
                order = archive.read(f"{pickles[0].partition('/')[0]}/byteorder")
                if order != b"little":
                    raise Refused("it was written on a big-endian machine")
            return _Unpickler(archive, pickles[0].partition("/")[0], file_bytes).load()
    except zipfile.BadZipFile:
        reason = "it is no archive of torch.save (PyTorch 1.6 or newer)"
    except Refused as error:
        reason = words_of(error, 200)
    except Exception as error:  # a damaged pickle can fail in any way
        reason = f"it is damaged: {words_of(one_line(error), 200)}"
    raise ValueError(f"{path} was not read: {reason}; expected tensors in a state dict, or safetensors")
