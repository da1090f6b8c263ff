"""Kinds of files: whole ones, how they are damaged and read, and the errors that are documented for them."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import damage
import numpy as np
import whole_files
from whole_files import DATA_SET

from bench.datasets.download import download
from bench.datasets.labels import LabelFault, read_classes, read_voc, read_yolo
from bench.run.store import RunFolder
from bench.suite import load_suite
from tsdm_bench.errors import UsageError
from tsdm_bench.images import ImageProblem, image_size, read_result, read_rgb
from tsdm_bench.weights.safe_pickle import load_tensors
from tsdm_bench.weights.state import load_array, load_state
from tsdm_bench.weights.tensor_bundle import read_tensor_bundle


@dataclass(frozen=True)
class Kind:
    """Files of one kind: whole ones, how they are read, and the errors that are documented for damaged ones."""

    suffix: str
    whole: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    documented: tuple[type[Exception], ...]
    change: Callable[[random.Random, bytes], bytes]


def read_bundle(path: Path) -> object:
    content = path.read_bytes()
    index_bytes = int.from_bytes(content[:4], "little")
    index, data = path.with_name("net.index"), path.with_name("net.data")
    index.write_bytes(content[4 : 4 + index_bytes])
    data.write_bytes(content[4 + index_bytes :])
    return read_tensor_bundle(index, data)


def read_suite(path: Path) -> object:
    return load_suite(str(path))


def read_archive(path: Path) -> object:
    root = path.parent / "root"
    root.mkdir()
    path.rename(root / f"{DATA_SET.name}.zip")
    return download(DATA_SET, root, progress=False)


def read_picture(path: Path) -> object:
    pixels = read_result(path)
    assert image_size(path) == pixels.shape[:2]
    return read_rgb(path) if pixels.dtype == np.uint8 else pixels


def read_labels(path: Path) -> object:
    """A list of classes is refused by an error, the others say what is wrong beside what they understand."""
    if not path.read_bytes().lstrip().startswith(b"<"):
        read_classes(path)
    for found in (read_voc(path, (48, 64), ("Person", "Car")), read_yolo(path, (48, 64), ("Person", "Car"))):
        assert all(line.isprintable() for line in found.faults + found.notes), found
        assert all(box.x < 64 and box.y < 48 and box.x + box.w > 0 and box.y + box.h > 0 for box in found.boxes), found
    return path


def read_run(path: Path) -> object:
    """All that a report reads of a run."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent / "run")
    run = RunFolder.existing(path.parent / "run")
    return [
        read() for read in (run.record, run.rows, run.detections, run.identities, run.failures, run.pairs, run.truth)
    ]


KINDS: dict[str, Kind] = {
    "pictures": Kind(".png", whole_files.pictures, read_picture, (ImageProblem,), damage.change_bytes),
    "labels": Kind(".txt", whole_files.labels, read_labels, (LabelFault,), damage.change_labels),
    "pickles": Kind(".pth", whole_files.pickled_modules, load_tensors, (ValueError,), damage.change_pickle_archive),
    "checkpoints": Kind(".pth", whole_files.checkpoints, load_state, (ValueError,), damage.change_pickle_archive),
    "legacy": Kind(".pth", whole_files.legacy_checkpoints, load_state, (ValueError,), damage.change_legacy),
    "safetensors": Kind(".safetensors", whole_files.safetensors_files, load_state, (ValueError,), damage.change_bytes),
    "arrays": Kind(".npy", whole_files.arrays, load_array, (ValueError,), damage.change_bytes),
    "bundles": Kind(".bundle", whole_files.tensor_bundles, read_bundle, (ValueError,), damage.change_bytes),
    "yaml": Kind(".yaml", whole_files.suites, read_suite, (UsageError,), damage.change_yaml),
    "runs": Kind(".zip", whole_files.run_folders, read_run, (UsageError,), damage.change_run),
    "archives": Kind(".zip", whole_files.data_archives, read_archive, (UsageError,), damage.change_data_archive),
}
