"""Reading a TensorFlow checkpoint (a "tensor bundle") without TensorFlow.

A bundle is two files. ``.index`` is a LevelDB table: blocks of prefix-compressed key/value entries, found through an
index block whose place is in the last 48 bytes. Its keys are tensor names and its values ``BundleEntryProto`` messages
(dtype, shape, offset, size). ``.data-00000-of-00001`` holds the raw little-endian tensors. Formats: LevelDB's
``table_format.md`` and TensorFlow's ``tensor_bundle.proto``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tsdm_bench.errors import one_line, printable

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57
UNCOMPRESSED = 0
LONGEST_KEY = 1000
"""Bytes of a name; names that share their beginnings could fill the memory otherwise."""
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""TensorFlow's ``DataType`` numbers of the types that weights have."""


def read_tensor_bundle(index: Path, data: Path) -> dict[str, np.ndarray]:
    """All tensors of the bundle by name; ``ValueError`` where the files are no (single-shard, uncompressed) bundle."""
    table, payload = Path(index).read_bytes(), Path(data).read_bytes()
    try:
        return _read(table, payload, index)
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{index} is damaged: {one_line(error)}; take the file from its source again") from error


def _read(table: bytes, payload: bytes, index: Path) -> dict[str, np.ndarray]:
    footer = table[-FOOTER_BYTES:]
    if len(table) < FOOTER_BYTES or int.from_bytes(footer[-8:], "little") != MAGIC:
        raise ValueError(f"{index} is not the index of a TensorFlow checkpoint: expected a LevelDB table")
    _, _, after_metaindex = _handle(footer, 0)
    offset, size, _ = _handle(footer, after_metaindex)
    tensors: dict[bytes, bytes] = {}
    for _, handle in _entries(_block(table, offset, size, index)):
        offset, size, _ = _handle(handle, 0)
        for key, value in _entries(_block(table, offset, size, index)):
            if key in tensors or len(key) > LONGEST_KEY:
                name = printable(key[:40].decode(errors="replace"))
                raise ValueError(f"{index} is damaged: the name {name} is there twice, or has no end")
            tensors[key] = value
    # the empty key holds the header of the bundle
    names = {key.decode(): value for key, value in tensors.items() if key}
    return {name: _tensor(value, payload, printable(name), index) for name, value in names.items()}


def _tensor(entry: bytes, payload: bytes, name: str, index: Path) -> np.ndarray:
    fields = dict(_fields(entry))
    kind, shard, offset, size = (_whole(fields.get(number, 0), index) for number in (1, 3, 4, 5))
    dimensions = [_bytes(each, index) for number, each in _fields(_bytes(fields.get(2, b""), index)) if number == 2]
    shape = [_whole(dict(_fields(dimension)).get(1, 0), index) for dimension in dimensions]
    dtype = DTYPES.get(kind)
    if dtype is None or shard != 0:
        raise ValueError(f"{index}: {name} has data type {kind} in shard {shard}, which is not read")
    if offset + size > len(payload) or size != np.dtype(dtype).itemsize * math.prod(shape):
        raise ValueError(
            f"{index}: {name} {str(shape)[:80]} does not fit its data file; take both files from one checkpoint"
        )
    return np.frombuffer(payload, dtype, math.prod(shape), offset).reshape(shape)


def _whole(value: int | bytes, index: Path) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{index} is damaged: it has text where a number belongs")
    return value


def _bytes(value: int | bytes, index: Path) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"{index} is damaged: it has a number where a list belongs")
    return value


def _block(table: bytes, offset: int, size: int, index: Path) -> bytes:
    if offset + size >= len(table) or table[offset + size] != UNCOMPRESSED:
        raise ValueError(f"{index} has a compressed or cut-off block; expected an uncompressed TensorFlow index")
    return table[offset : offset + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each entry; a key is stored as the length it shares with the previous key and the rest."""
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _handle(data: bytes, position: int) -> tuple[int, int, int]:
    """Offset and size of a block, and the position after the handle."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return offset, size, position


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol-buffer message (varint, fixed32, fixed64 or bytes)."""
    position = 0
    value: int | bytes
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(message, position)
        elif wire_type == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        else:
            width = {1: 8, 5: 4}[wire_type]
            value, position = int.from_bytes(message[position : position + width], "little"), position + width
        yield number, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number (least significant group first) and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError("a number has no end")
