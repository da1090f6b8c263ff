"""Labels in COCO's form: one JSON file for all images of a set, classes by the names of its categories."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from bench.datasets.labels import Entry, LabelFault, Labels, collect, content
from bench.datasets.pair import Box
from tsdm_bench.errors import printable
from tsdm_bench.images import short

NOWHERE = Path(os.devnull, "no labels")
"""Can never exist."""
LARGEST_FILE = 1 << 28
"""Bytes; the labels of M3FD have below ten million."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Image(BaseModel):
    id: int
    file_name: str
    width: int = 0
    height: int = 0


class _Category(BaseModel):
    id: int
    name: str


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[Number, Number, Number, Number]
    iscrowd: int = 0


class _File(BaseModel):
    """What is read of the form; other fields (areas, outlines) say nothing that is used here."""

    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True)
class _Listed:
    """The labels of one image as they stand in a file."""

    width: int
    height: int
    objects: list[tuple[int, str, _Annotation]]
    """The place in the list of annotations, counted from 1, with the name of the class."""


@dataclass(frozen=True)
class CocoLabels:
    """The labels of a dataset in one or several files of COCO's form; an image goes by the stem of its file name."""

    files: tuple[Path, ...]
    names: Sequence[str]
    """The classes of the dataset, to which those of the files are matched ignoring case."""
    absent: Labels | None = None

    def path(self, image: str) -> Path:
        """The file that lists an image."""
        unread = [file for file in self.files if isinstance(_read_file(file), str)]
        return next((file for file in self.files if image in _listed(file)), (unread or [NOWHERE])[0])

    def of(self, image: str, size: tuple[int, int] | None) -> Labels:
        """The labels of an image; a file that cannot be understood is a fault of every image that no other lists."""
        holding = [file for file in self.files if image in _listed(file)]
        if not holding:
            faults = {file: read for file in self.files if isinstance(read := _read_file(file), str)}
            return Labels(faults=tuple(f"{short(file)}: {fault}" for file, fault in faults.items()))
        if len(holding) > 1:
            both = " and ".join(map(short, holding))
            return Labels(faults=(f"{both} both list {printable(image)}; remove it from one",))
        listed = _listed(holding[0])[image]
        stated = (listed.height, listed.width)
        if size is not None and 0 not in stated and stated != size:
            fault = f"made for an image of {listed.width}×{listed.height}, but {image} is {size[1]}×{size[0]}"
            return Labels(faults=(f"{short(holding[0])}: {fault}; scale the boxes",))
        canonical = {name.lower(): name for name in self.names}
        calls = [(number, _entry, number, name, found, canonical) for number, name, found in listed.objects]
        return collect(holding[0], size, calls, unit="annotation")


def problem(path: Path) -> str:
    """Why a file is none of COCO's form; empty where it is one."""
    read = _read_file(path)
    return read if isinstance(read, str) else ""


def _entry(number: int, name: str, found: _Annotation, canonical: Mapping[str, str]) -> Entry:
    if name.lower() not in canonical:
        raise LabelFault(f"class {name!r} is none of {', '.join(canonical.values())}")
    return Entry(number, Box(canonical[name.lower()], *found.bbox), bool(found.iscrowd))


def _listed(file: Path) -> Mapping[str, _Listed]:
    read = _read_file(file)
    return {} if isinstance(read, str) else read


def _read_file(file: Path) -> Mapping[str, _Listed] | str:
    """The images of a file by their stems, or why it cannot be understood."""
    try:
        status = file.stat()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return _read_version(file, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read_version(file: Path, size: int, modified_ns: int) -> Mapping[str, _Listed] | str:
    """A file is parsed once for all of its images, and again when it has changed."""
    try:
        data = _File.model_validate(json.loads(content(file, LARGEST_FILE)))
    except LabelFault as fault:
        return str(fault)
    except ValidationError as error:
        first = error.errors()[0]
        return f"not COCO's form: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    except (ValueError, RecursionError) as error:  # JSON, or the encoding of its text
        return f"not readable JSON ({printable(str(error))[:100]})"
    categories = {category.id: category.name for category in data.categories}
    of_id = {image.id: _Listed(image.width, image.height, []) for image in data.images}
    for number, annotation in enumerate(data.annotations, start=1):
        if annotation.image_id not in of_id or annotation.category_id not in categories:
            return f"annotation {number} names an image or a category that the file does not list"
        name = categories[annotation.category_id]
        of_id[annotation.image_id].objects.append((number, name, annotation))
    found = {PurePosixPath(image.file_name).stem: of_id[image.id] for image in data.images}
    if min(len(found), len(of_id)) < len(data.images):
        return "lists an image twice"
    return found
