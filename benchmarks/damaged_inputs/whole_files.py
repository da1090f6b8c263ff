"""Small whole files of every kind that a stranger may hand us: what is damaged, kind by kind."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from bench.cell.rows import CellResult, Failure
from bench.datasets import DATASETS
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.suite import SUITES, load_suite

TNO = DATASETS["tno"]
DATA_SET = replace(TNO, archive=replace(TNO.archive, pairs=1, md5=""))
"""A data set of one pair."""


def saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def checkpoints(**options: object) -> list[bytes]:
    torch.manual_seed(0)
    state = OrderedDict((f"layer{i}.weight", torch.rand(2, 3 + i)) for i in range(3))
    base = torch.arange(24.0).view(4, 6)
    nested = {"network": state, "epoch": 3, "history": [{"loss": 0.5}], "size": base.shape}
    return [saved(state, **options), saved(nested, **options), saved({"a": base[1:, ::2], "b": base.half()}, **options)]


def pickled_modules() -> list[bytes]:
    return [*checkpoints(), saved({"model": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), "epoch": 1})]


def legacy_checkpoints() -> list[bytes]:
    return checkpoints(_use_new_zipfile_serialization=False)


def safetensors_files() -> list[bytes]:
    from safetensors.torch import save

    return [
        save({"a.weight": torch.rand(2, 3), "b": torch.arange(5)}),
        save({"c": torch.rand(4).half()}, {"format": "pt"}),
    ]


def arrays() -> list[bytes]:
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
    return [path.read_bytes() for path in sorted(SUITES.iterdir(), key=str) if path.name.endswith(".yaml")]


def data_archives() -> list[bytes]:
    """A data set with one pair, as its archive is published."""
    import cv2

    archive = DATA_SET.archive
    picture = cv2.imencode(".png", np.arange(48 * 64, dtype=np.uint8).reshape(48, 64))[1].tobytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for part in archive.parts:
            packed.writestr(f"{archive.inside}/{part}/1.png", picture)
        packed.writestr(f"{archive.inside}/README.md", b"read me")
    return [buffer.getvalue()]


def pictures() -> list[bytes]:
    """PNG of 8 and 16 bits, grey and colour, JPEG with an orientation, BMP, TIFF, WebP, a palette and a GIF."""
    grey = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    colour = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2)
    found = [cv2.imencode(".png", image)[1].tobytes() for image in (grey, colour, grey.astype(np.uint8))]
    small = Image.fromarray((colour >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    turned = {"exif": exif}
    for format_name, options in (("JPEG", turned), ("BMP", {}), ("TIFF", {}), ("WEBP", {}), ("PNG", turned)):
        buffer = io.BytesIO()
        small.save(buffer, format_name, **options)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    small.convert("P").save(buffer, "PNG", transparency=3)
    return [*found, buffer.getvalue()]


def labels() -> list[bytes]:
    """Pascal VOC, YOLO and a list of classes."""
    box = "<xmin>3</xmin><ymin>4</ymin><xmax>30</xmax><ymax>40</ymax>"
    item = f"<object><name>Car</name><difficult>0</difficult><bndbox>{box}</bndbox></object>"
    voc = f"<annotation><size><width>64</width><height>48</height><depth>3</depth></size>{item}</annotation>"
    return [voc.encode(), b"0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.05 0.1\n", "Person\nCar\nVélo\n".encode()]


def run_folders() -> list[bytes]:
    """A small run with detections, and one without, both with a failure; each as an archive."""
    found = []
    small = {"limit": 1, "methods": ["ir", "average"], "factors": ["jpeg"], "severities": [0, 1], "metrics": ["en"]}
    for overrides in (small, small | {"detector": None}):
        with tempfile.TemporaryDirectory() as out:
            folder = run_benchmark(load_suite("demo", overrides), Options(out=Path(out), device="cpu", workers=1))
            folder.append([CellResult(failures=[Failure("a", "clean", 0, "both", "ir", "it failed")])])
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for path in sorted(folder.path.rglob("*")):
                    if path.suffix in (".parquet", ".json", ".jsonl") and not path.name.startswith("."):
                        archive.write(path, path.relative_to(folder.path))
        found.append(buffer.getvalue())
    return found
