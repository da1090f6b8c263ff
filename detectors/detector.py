"""One detector under one protocol: 8-bit RGB images in, boxes with dataset classes and scores out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from detectors.backends.letterbox import Placement, letterbox, letterbox_levels, to_image
from detectors.backends.network import Network
from detectors.backends.onnx_backend import open_onnx
from detectors.backends.ultralytics_backend import download_named, open_ultralytics
from detectors.card import DETECTORS
from detectors.class_map import resolve_class_map
from detectors.detection import Detection
from tsdm_bench.places import place_of
from tsdm_bench.tensors import as_pixels
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.download import fetch
from tsdm_bench.weights.location import cache_dir

Pixels = TypeVar("Pixels", np.ndarray, Tensor)
MOST_CANDIDATES = 30_000
"""Boxes that enter the suppression at most, best first, as in ultralytics."""


@dataclass(frozen=True)
class Detector:
    """An opened detector with its settings; made by :func:`open_detector`."""

    name: str
    path: Path
    sha256: str
    class_map: dict[str, str]
    """Label of the network → class of the dataset; detections of other labels are dropped."""
    classes: tuple[str, ...]
    image_size: int
    confidence: float
    iou: float
    max_detections: int
    device: str
    network: Network = field(repr=False)

    @property
    def blind_to(self) -> tuple[str, ...]:
        """Dataset classes that no label of the network maps to: they are never detected."""
        return tuple(name for name in self.classes if name not in self.class_map.values())

    def detect(self, images: Iterable[np.ndarray]) -> list[list[Detection]]:
        """Detections of each image, best score first; H×W×3 uint8 RGB, or as many channels as the network takes.

        A box may carry several classes, as in the validation of the YOLO family; suppression works within a class.
        On the CPU images go through one by one, so that the result does not depend on how they are grouped.
        """
        images = [_checked(image, self.network.channels) for image in images]
        results: list[list[Detection]] = [[] for _ in images]
        for group in self._groups(images):
            placed = [self._letterbox(letterbox, images[i]) for i in group]
            pixels = torch.from_numpy(np.stack([each for each, _ in placed])).permute(0, 3, 1, 2)
            for i, found in zip(group, self._run(pixels, [placement for _, placement in placed]), strict=True):
                results[i] = found
        return results

    def detect_levels(self, levels: Tensor) -> list[list[Detection]]:
        """:func:`detect` for N×C×H×W uint8: what lies on a GPU stays there, where the network runs there."""
        if levels.device.type == "cpu" or not self.network.on_device:
            return self.detect([as_pixels(image) for image in levels.cpu()])
        placed, placement = self._letterbox(letterbox_levels, levels)
        parts = placed.split(len(levels) if self.network.batched else 1)
        return [found for part in parts for found in self._run(part, [placement] * len(part))]

    def _groups(self, images: list[np.ndarray]) -> list[list[int]]:
        """Indices of images that may go through the network together."""
        if not self.network.batched or self.device == "cpu":
            return [[i] for i in range(len(images))]
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, image in enumerate(images):
            by_shape.setdefault(image.shape, []).append(i)
        return list(by_shape.values())

    def _letterbox(self, place: Callable[..., tuple[Pixels, Placement]], images: Pixels) -> tuple[Pixels, Placement]:
        return place(images, self.network.size, self.network.conventions.fit, self.network.stride)

    def _run(self, placed: Tensor, placements: list[Placement]) -> list[list[Detection]]:
        """Detections in placed images N×3×H×W uint8."""
        conventions = self.network.conventions
        batch = (placed.flip(1) if conventions.bgr else placed).float() * np.float32(conventions.scale).item()
        raws = self.network.run(batch.contiguous())
        size = (placed.shape[2], placed.shape[3])
        return [self._read(raw, size, placement) for raw, placement in zip(raws, placements, strict=True)]

    def _read(self, raw: Tensor, size: tuple[int, int], placement: Placement) -> list[Detection]:
        """Decode one raw output where it lies, bring its scores to dataset classes, drop the weak and the duplicate."""
        boxes, scores, final = self.network.conventions.decode(raw, size, len(self.network.labels))
        scores = self._by_class(scores)
        row, column = (scores > self.confidence).nonzero(as_tuple=True)
        score, best = scores[row, column].sort(descending=True, stable=True)
        score, best = score[:MOST_CANDIDATES], best[:MOST_CANDIDATES]
        boxes, column = boxes[row[best]], column[best]
        kept = torch.arange(len(score), device=score.device) if final else _suppress(boxes, score, column, self.iou)
        kept = kept[: self.max_detections]
        table = torch.cat([column[kept, None], score[kept, None], boxes[kept]], dim=1).cpu().numpy()
        corners = to_image(table[:, 2:].astype(np.float64), placement)
        return [
            Detection(self.classes[int(c)], float(s), float(x1), float(y1), float(x2 - x1), float(y2 - y1))
            for (c, s), (x1, y1, x2, y2) in zip(table[:, :2], corners, strict=True)
        ]

    def _by_class(self, scores: Tensor) -> Tensor:
        """Scores N×labels as N×dataset classes; of several labels that mean one class the best counts."""
        by_class = scores.new_zeros(len(scores), len(self.classes))
        for index, label in self.network.labels.items():
            if label in self.class_map:
                column = by_class[:, self.classes.index(self.class_map[label])]
                torch.maximum(column, scores[:, index], out=column)
        return by_class


def open_detector(
    spec: str | Path,
    *,
    classes: tuple[str, ...],
    weights_dir: Path | None = None,
    device: str = "cpu",
    image_size: int = 640,
    confidence: float = 0.001,
    iou: float = 0.7,
    max_detections: int = 300,
    class_map: Mapping[str | int, str] | None = None,
) -> Detector:
    """Open a detector for a dataset with ``classes``.

    ``spec`` is the name of a card, a path, the name of a file in ``weights_dir``, or the name of an official
    ultralytics detector (``yolo11n``); what has an address is downloaded once where there is a network. ``.onnx``
    files run in onnxruntime, everything else in ultralytics. The defaults of ``confidence``, ``iou`` and
    ``max_detections`` are those of the YOLO validation. ``image_size`` holds where the file does not fix its own.
    Raises ``FileNotFoundError`` where there is no such file, ``ValueError`` where it is damaged, no detector, or knows
    no class of the dataset.
    """
    path = find_weights(spec, weights_dir)
    opener = open_onnx if path.suffix == ".onnx" else open_ultralytics
    network = opener(path, device=device, image_size=image_size)
    return Detector(
        name=path.stem,
        path=path,
        sha256=_sha256(path),
        class_map=resolve_class_map(network.labels, classes, class_map, path.name),
        classes=tuple(classes),
        image_size=max(network.size),
        confidence=confidence,
        iou=iou,
        max_detections=max_detections,
        device=device,
        network=network,
    )


def find_weights(spec: str | Path, weights_dir: Path | None) -> Path:
    """The file of ``spec``: of a card, checked against it and downloaded where it is not here yet, else by path.

    A string without a folder that names a detector card, or one of its weight files, means the file of that card;
    ``./name`` and a ``Path`` mean the file at that path. Other names are looked for here, in ``weights_dir`` and in the
    cache, and among the official detectors of ultralytics; such a name may leave out ``.pt``. Raises
    ``FileNotFoundError`` where there is no such file and it cannot be downloaded, ``ValueError`` where a file is not
    that of its card.
    """
    if file := _carded(spec):
        try:
            return fetch(file, weights_dir)
        except ConnectionError as error:
            raise FileNotFoundError(str(error)) from None
    spec = str(place_of(spec))
    names = [spec] if Path(spec).suffix else [spec, f"{spec}.pt"]
    folders = [Path(), *([weights_dir] if weights_dir else []), cache_dir()]
    for place in (folder / name for folder in folders for name in names if name):
        if place.exists():
            return place
    if spec == Path(spec).name and (downloaded := download_named(spec, cache_dir())):
        return downloaded
    raise FileNotFoundError(
        f"no detector {spec!r}: expected a path, a file in {weights_dir or 'the weights directory'}, or one of "
        f"`run_bench.py list detectors` such as yolo11n; give one of these"
    )


def _carded(spec: str | Path) -> WeightFile | None:
    """The weight file that ``spec`` names: the first one of a card of that name, else a file of that name."""
    if isinstance(spec, Path):
        return None
    if spec in DETECTORS and DETECTORS[spec].weights:
        return DETECTORS[spec].weights[0]
    return next((file for card in DETECTORS.values() for file in card.weights if file.name == spec), None)


def _sha256(path: Path) -> str:
    """Hash of the file, or of all files of an exported folder in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _checked(image: np.ndarray, channels: int) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels or 0 in image.shape:
        raise ValueError(f"expected an H×W×{channels} uint8 RGB image, got {image.dtype} of shape {image.shape}")
    return image


def _suppress(boxes: Tensor, score: Tensor, column: Tensor, iou: float) -> Tensor:
    """Indices kept by greedy suppression within each class, best first.

    Classes are kept apart by shifting each far away; the shift must exceed every coordinate.
    """
    if len(boxes) == 0:
        return column.new_zeros(0)
    from torchvision.ops import nms  # takes a second, which runs without detection need not wait for

    shift = column[:, None] * (boxes.abs().amax().double() * 2 + 1)
    return nms((boxes + shift).float(), score, iou)
