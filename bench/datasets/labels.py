"""Label files: Pascal VOC and YOLO."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from bench.datasets.pair import Box
from tsdm_bench.errors import UsageError
from tsdm_bench.images import short


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
