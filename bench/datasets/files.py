"""Image files and label files on disk, and the pairing of two folders by file stem."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.Image import open as open_image  # bound here: ultralytics replaces Image.open by one that asks for plug-ins

from bench.datasets.pair import Box, Pair
from bench.errors import UsageError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


class ImageProblem(Exception):
    """A file that cannot serve as half of a pair; the message names it."""


def short(path: Path) -> str:
    """The last three parts of a path: enough to find the file, short enough for one line."""
    return os.path.join(*path.parts[-3:])


def read_rgb(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W×3 uint8 RGB (grey files are replicated, alpha is dropped).

    Raises :class:`ImageProblem` naming the file where it is missing, unreadable, truncated or deeper than 8 bits.
    """
    # PIL, not OpenCV: OpenCV fills the lost part of a truncated file with grey and only warns.
    try:
        with open_image(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ImageProblem(
                    f"{short(path)} has more than 8 bits per channel (mode {image.mode}); convert it to 8 bits first"
                )
            return np.array(image.convert("RGB"))
    except FileNotFoundError:
        raise ImageProblem(f"{short(path)} is missing") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageProblem(f"{short(path)} cannot be read as an image: {error}") from None


def read_grey(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W uint8 grey (BT.601 luma of colour files; the same errors as :func:`read_rgb`)."""
    return cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY)


def read_pair(ir: Path, vis: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read both halves (H×W, H×W×3, uint8); raises :class:`ImageProblem` where their sizes differ."""
    infrared, visible = read_grey(ir), read_rgb(vis)
    if infrared.shape != visible.shape[:2]:
        sizes = [
            f"{short(path)} is {image.shape[1]}×{image.shape[0]}" for path, image in ((ir, infrared), (vis, visible))
        ]
        raise ImageProblem(f"{sizes[0]} but {sizes[1]}; a pair must be aligned and of one size")
    return infrared, visible


def images_by_stem(folder: Path) -> dict[str, Path]:
    """The image files directly in ``folder`` by stem, sorted; empty where there is no such folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}


def pair_up(
    ir: dict[str, Path],
    vis: dict[str, Path],
    *,
    scene: Callable[[str], str],
    boxes: Callable[[str], tuple[Box, ...] | None] = lambda image: None,
    split: Callable[[str], str] = lambda image: "",
) -> list[Pair]:
    """Match two folders by stem. A half without a partner stays in the list: reading it tells which file is missing."""
    pairs = []
    for image in sorted(ir.keys() | vis.keys()):
        if image in ir and image in vis:
            read = partial(read_pair, ir[image], vis[image])
            problem = ""
        else:
            kind, path = ("visible", ir[image]) if image in ir else ("infrared", vis[image])
            problem = f"{short(path)} has no {kind} partner of the same name"
            read = partial(_refuse, problem)
        pairs.append(Pair(image, scene(image), read, boxes(image), split(image), problem))
    return pairs


def _refuse(problem: str) -> tuple[np.ndarray, np.ndarray]:
    raise ImageProblem(problem)


def find_folder(root: Path, names: Iterable[str], required: Iterable[str]) -> Path | None:
    """The first of ``root/name`` (then ``root`` itself) that contains every sub-folder of ``required``."""
    for folder in (*(root / name for name in names), root):
        if all((folder / part).is_dir() for part in required):
            return folder
    return None


def read_voc(path: Path, names: tuple[str, ...] | None = None) -> tuple[Box, ...]:
    """Objects of a Pascal VOC XML file (1-based inclusive corners → left, top, width, height from 0).

    With ``names`` the classes are matched to them ignoring case; others are dropped. Raises ``UsageError`` naming the
    file where it is not such XML.
    """
    canonical = {name.lower(): name for name in names or ()}
    try:
        objects = ElementTree.parse(path).getroot().findall("object")
        boxes = []
        for item in objects:
            label = item.findtext("name", "").strip()
            if names is not None:
                label = canonical.get(label.lower(), "")
            left, top, right, bottom = (
                float(item.findtext(f"bndbox/{corner}", "")) for corner in ("xmin", "ymin", "xmax", "ymax")
            )
            if label and right >= left and bottom >= top:
                boxes.append(Box(label, left - 1, top - 1, right - left + 1, bottom - top + 1))
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise UsageError(f"{short(path)} is not a readable VOC annotation ({error}); repair or remove it") from None
    return tuple(boxes)


def read_yolo(path: Path, names: tuple[str, ...], size: tuple[int, int]) -> tuple[Box, ...]:
    """Objects of a YOLO text file (``class cx cy w h`` as fractions) in pixels of an image of ``size`` (H, W).

    Raises ``UsageError`` naming file and line where a line is not of that form or its class has no name.
    """
    height, width = size
    boxes = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            index, cx, cy, w, h = line.split()[:5]
            label = names[int(index)]
            cx, cy, w, h = (float(value) for value in (cx, cy, w, h))
        except (ValueError, IndexError):
            raise UsageError(
                f"{short(path)} line {number}: expected 'class cx cy w h' with a class below {len(names)}, got {line!r}"
            ) from None
        boxes.append(Box(label, (cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height))
    return tuple(boxes)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of an image from its header, (0, 0) where it has none."""
    try:
        with open_image(path) as image:
            return image.height, image.width
    except OSError:
        return 0, 0
