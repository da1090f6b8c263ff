"""Small whole files of every kind that a stranger may hand us, how they are damaged, and how they are read."""

from __future__ import annotations

import functools
import io
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tsdm_bench.errors import UsageError

LIMITS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 10**9, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
OPCODES = (
    *(
        b"r\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\x01\0\0\0",
        b"K\xff",
        b"J\xff\xff\xff\xff",
        b"\x8a\x09" + b"\x7f" * 9,
    ),
    *(b"R", b"b", b"Q", b"\x81", b"\x85", b"\x86", b"\x87", b"t", b"(", b"2", b"0", b"h\x00", b"h\x05", b"N", b"."),
    *(b"}", b"]", b"u", b"e", b"a", b"s", b"cos\nsystem\n", b"cbuiltins\nset\n", b"ctorch\nSize\n"),
)
"""Pieces of a pickle that do something."""
WORDS = (
    *("&a ", "*a", "<<: *a", "[", "]", "{", "}", ": ", "- ", "? ", "| ", "> ", "!!int ", "!!timestamp ", "!!binary "),
    *(
        "'",
        '"',
        "\t",
        "\n",
        "\n  ",
        "---\n",
        "...\n",
        "%YAML 9.9\n",
        "~",
        "0x",
        "1e999",
        ".nan",
        "../x",
        "!!set ",
        "# ",
    ),
    *("\u2028", "\x85", "\x00", "\x1b[2J"),
)
"""Pieces of YAML that do something."""


@dataclass(frozen=True)
class Kind:
    """Files of one kind: whole ones, how they are read, and the errors that are documented for damaged ones."""

    suffix: str
    whole: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    documented: tuple[type[Exception], ...]
    change: Callable[[random.Random, bytes], bytes]


# ---- damage ----------------------------------------------------------------------------------------------------------


def change_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to four changes of a file that is taken as bytes."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found) + 1)
        length = min(len(found) - at, 1 + int(rng.expovariate(0.1)))
        match rng.randrange(7):
            case 0 if length:
                found[at] ^= 1 << rng.randrange(8)
            case 1 if length:
                found[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2:
                width = rng.choice((2, 4, 8))
                value = rng.choice(LIMITS) % (1 << 8 * width)
                found[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
            case 3:
                del found[at : at + length]
            case 4:
                found[at:at] = found[at : at + length] * rng.choice((1, 2, 50))
            case 5:
                found[at:at] = rng.randbytes(length)
            case 6 if rng.random() < 0.3:
                del found[at:]
    return bytes(found)


def insert_pieces(pieces: tuple[bytes, ...], rng: random.Random, data: bytes) -> bytes:
    """Put one to three pieces that mean something into ``data``, or damage it as bytes."""
    if rng.random() < 0.4:
        return change_bytes(rng, data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        data = data[:at] + rng.choice(pieces) * rng.choice((1, 1, 1, 30)) + data[at + rng.randrange(3) :]
    return data


def change_archive(change_member: Callable[[random.Random, bytes], bytes], rng: random.Random, data: bytes) -> bytes:
    """Damage an archive as bytes, or one of its members or names, with right checksums."""
    if rng.random() < 0.3:
        return change_bytes(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    chosen = rng.randrange(len(members)) if rng.random() < 0.5 else 0
    name, content = members[chosen]
    if rng.random() < 0.15:
        other = members[0][0]
        name = rng.choice(("../" + name, "/" + name, name + "\n", name * 9, name.upper(), "x", other, name + "/"))
    else:
        content = change_member(rng, content)
    members[chosen] = name, content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((0, 0, 0, 8))) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


change_pickle_archive = functools.partial(change_archive, functools.partial(insert_pieces, OPCODES))
change_data_archive = functools.partial(change_archive, change_bytes)
change_yaml = functools.partial(insert_pieces, tuple(word.encode() for word in WORDS))


# ---- whole files -----------------------------------------------------------------------------------------------------


def saved(content: object, **options: object) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def checkpoints(**options: object) -> list[bytes]:
    import torch

    torch.manual_seed(0)
    state = OrderedDict((f"layer{i}.weight", torch.rand(2, 3 + i)) for i in range(3))
    base = torch.arange(24.0).view(4, 6)
    nested = {"network": state, "epoch": 3, "history": [{"loss": 0.5}], "size": base.shape}
    return [saved(state, **options), saved(nested, **options), saved({"a": base[1:, ::2], "b": base.half()}, **options)]


def pickled_modules() -> list[bytes]:
    import torch

    return [*checkpoints(), saved({"model": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), "epoch": 1})]


def legacy_checkpoints() -> list[bytes]:
    return checkpoints(_use_new_zipfile_serialization=False)


def safetensors_files() -> list[bytes]:
    import torch
    from safetensors.torch import save

    return [
        save({"a.weight": torch.rand(2, 3), "b": torch.arange(5)}),
        save({"c": torch.rand(4).half()}, {"format": "pt"}),
    ]


def arrays() -> list[bytes]:
    import numpy as np

    found = []
    for array in (np.arange(12.0).reshape(3, 4), np.zeros((2, 2, 2), np.float32, "F"), np.arange(5, dtype=">i2")):
        buffer = io.BytesIO()
        np.save(buffer, array)
        found.append(buffer.getvalue())
    return found


def tensor_bundles() -> list[bytes]:
    """Index and data in one file, the index first, its length in four bytes before it."""

    def varint(value: int) -> bytes:
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def field(number: int, value: int | bytes) -> bytes:
        head = varint(number << 3 | (0 if isinstance(value, int) else 2))
        return head + (varint(value) if isinstance(value, int) else varint(len(value)) + value)

    def block(entries: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
        return body + bytes(4) + (1).to_bytes(4, "little")

    data, entries = bytes(range(64)), [(b"", field(1, 1))]
    for name, shape, at, size in ((b"conv/bias", (4,), 0, 16), (b"conv/kernel", (2, 1, 1, 3), 16, 24)):
        axes = b"".join(field(2, field(1, size)) for size in shape)
        entries.append(
            (name, field(1, 1) + field(2, axes) + field(4, at) + field(5, 4 * (4 if len(shape) == 1 else 6)))
        )
    content, empty = block(entries), block([])
    listing = block([(b"d", varint(0) + varint(len(content)))])
    table = b"".join(part + bytes(5) for part in (content, empty, listing))
    places = [(len(content) + 5, len(empty)), (len(content) + len(empty) + 10, len(listing))]
    footer = b"".join(varint(at) + varint(size) for at, size in places).ljust(40, b"\0")
    index = table + footer + 0xDB4775248B80FB57.to_bytes(8, "little")
    return [len(index).to_bytes(4, "little") + index + data]


def suites() -> list[bytes]:
    from bench.suite import SUITES

    return [path.read_bytes() for path in sorted(SUITES.iterdir(), key=str) if path.name.endswith(".yaml")]


def data_archives() -> list[bytes]:
    """A data set with one pair, as its archive is published."""
    import cv2
    import numpy as np

    archive = _data_set().archive
    picture = cv2.imencode(".png", np.arange(48 * 64, dtype=np.uint8).reshape(48, 64))[1].tobytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for part in archive.parts:
            packed.writestr(f"{archive.inside}/{part}/1.png", picture)
        packed.writestr(f"{archive.inside}/README.md", b"read me")
    return [buffer.getvalue()]


# ---- reading ---------------------------------------------------------------------------------------------------------


def _data_set():
    from bench.datasets import DATASETS

    return replace(DATASETS["tno"], archive=replace(DATASETS["tno"].archive, pairs=1, md5=""))


def read_pickle(path: Path) -> object:
    from tsdm_bench.weights.safe_pickle import load_tensors

    return load_tensors(path)


def read_state(path: Path) -> object:
    from tsdm_bench.weights.state import load_state

    return load_state(path)


def read_array(path: Path) -> object:
    from tsdm_bench.weights.state import load_array

    return load_array(path)


def read_bundle(path: Path) -> object:
    from tsdm_bench.weights.tensor_bundle import read_tensor_bundle

    content = path.read_bytes()
    index_bytes = int.from_bytes(content[:4], "little")
    index, data = path.with_name("net.index"), path.with_name("net.data")
    index.write_bytes(content[4 : 4 + index_bytes])
    data.write_bytes(content[4 + index_bytes :])
    return read_tensor_bundle(index, data)


def read_suite(path: Path) -> object:
    from bench.suite import load_suite

    return load_suite(str(path))


def read_archive(path: Path) -> object:
    from bench.datasets.download import download

    data_set, root = _data_set(), path.parent / "root"
    root.mkdir()
    path.rename(root / f"{data_set.name}.zip")
    return download(data_set, root, progress=False)


KINDS: dict[str, Kind] = {
    "pickles": Kind(".pth", pickled_modules, read_pickle, (ValueError,), change_pickle_archive),
    "checkpoints": Kind(".pth", checkpoints, read_state, (ValueError,), change_pickle_archive),
    "legacy": Kind(".pth", legacy_checkpoints, read_state, (ValueError,), functools.partial(insert_pieces, OPCODES)),
    "safetensors": Kind(".safetensors", safetensors_files, read_state, (ValueError,), change_bytes),
    "arrays": Kind(".npy", arrays, read_array, (ValueError,), change_bytes),
    "bundles": Kind(".bundle", tensor_bundles, read_bundle, (ValueError,), change_bytes),
    "yaml": Kind(".yaml", suites, read_suite, (UsageError,), change_yaml),
    "archives": Kind(
        ".zip", data_archives, read_archive, (UsageError,), functools.partial(change_archive, change_bytes)
    ),
}
