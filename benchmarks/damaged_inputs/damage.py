"""Random changes of files: as bytes, with pieces that mean something to their reader, and within archives."""

from __future__ import annotations

import functools
import io
import random
import zipfile
from collections.abc import Callable

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
BOMB = "<!DOCTYPE a [<!ENTITY x '" + "x" * 99 + "'><!ENTITY y '" + "&x;" * 99 + "'>]>"
LABEL_WORDS = (
    *(
        "<object>",
        "</object>",
        "<bndbox>",
        "<size>",
        "<name>Car</name>",
        "<xmin>nan</xmin>",
        BOMB,
        "&y;",
        "&lt;",
        "-->",
    ),
    *("<?xml version='1.0' encoding='utf-7'?>", "\ufeff", "\n", "\n\n", " ", "\t", "-1 ", "nan ", "inf ", "1e-9 "),
    *("7 0.5 0.5 0.1 0.1\n", "0 0.5 0.5 0.1\n", "0 1 2 3 4 5 6\n", "\x00", "\x1b[2J", "\u2028", "٣ ", "1_0 ", "0x1 "),
)
"""Pieces of label files that do something."""


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


def change_run(rng: random.Random, data: bytes) -> bytes:
    """Damage one or two files of an archived folder, or take one away."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name in rng.sample(sorted(files), rng.randint(1, 2)):
        changed = change_bytes(rng, files.pop(name))
        if rng.random() < 0.95:
            files[name] = changed
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


change_pickle_archive = functools.partial(change_archive, functools.partial(insert_pieces, OPCODES))
change_legacy = functools.partial(insert_pieces, OPCODES)
change_data_archive = functools.partial(change_archive, change_bytes)
change_yaml = functools.partial(insert_pieces, tuple(word.encode() for word in WORDS))
change_labels = functools.partial(insert_pieces, tuple(word.encode() for word in LABEL_WORDS))
