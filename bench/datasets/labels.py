"""Label files: Pascal VOC and YOLO. What is in them is understood exactly, or it is a fault named by file and line."""

from __future__ import annotations

import math
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.datasets.pair import Box
from tsdm_bench.errors import printable
from tsdm_bench.images import short

LARGEST_FILE = 1 << 24
"""Bytes; a label file of an image has some hundred."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SLACK = 0.01
"""A fraction of the image's side by which a coordinate may leave it: tools round."""
SIDES = ("left", "top", "right", "bottom")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
YES_NO = {"0": False, "1": True, "false": False, "true": True, "": False, "unspecified": False}


class LabelFault(ValueError):
    """Why a label file, or a part of it, cannot be understood."""


class Labels(NamedTuple):
    """What a label file says about its image."""

    boxes: tuple[Box, ...] = ()
    difficult: tuple[Box, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One object as it stands in a file."""

    line: int
    box: Box
    difficult: bool = False


def read_voc(path: Path, size: tuple[int, int] | None, names: Sequence[str] | None = None) -> Labels:
    """Objects of a Pascal VOC XML file (1-based inclusive corners → left, top, width, height from 0).

    ``size`` is that of the image (H, W), which the one stated in the file must be. With ``names`` the classes are
    matched to them ignoring case, and another class is a fault.
    """
    try:
        data = content(path)
        try:
            root = ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError) as error:  # LookupError: an encoding nobody knows
            raise LabelFault(f"not readable XML ({error})") from None
        if root.tag != "annotation":
            raise LabelFault(f"a VOC file begins with <annotation>, this one with <{root.tag}>")
        _check_size(root.find("size"), size)
    except LabelFault as fault:
        return Labels(faults=(f"{short(path)}: {printable(str(fault))}",))
    starts = [data.count(b"\n", 0, match.start()) + 1 for match in re.finditer(rb"<object[\s>/]", data)]
    objects = root.findall("object")
    lines = starts if len(starts) == len(objects) else [1] * len(objects)  # UTF-16, or a comment with such a tag
    canonical = {name.lower(): name for name in names} if names is not None else None
    numbered = zip(lines, objects, strict=True)
    return collect(path, size, [(line, _voc_entry, item, line, canonical) for line, item in numbered])


def _check_size(stated: ElementTree.Element | None, size: tuple[int, int] | None) -> None:
    """Boxes of an image that was resized later lie elsewhere. A size of 0, as some tools write it, states nothing."""
    if stated is None or size is None:
        return
    width, height = (_number(stated.findtext(side, "0").strip() or "0", side) for side in ("width", "height"))
    if (width or size[1], height or size[0]) != (size[1], size[0]):
        raise LabelFault(
            f"made for an image of {width:g}×{height:g}, but the image is {size[1]}×{size[0]}; scale boxes and <size>"
        )


def _voc_entry(item: ElementTree.Element, line: int, canonical: dict[str, str] | None) -> Entry:
    label = _class_name(item.findtext("name", ""))
    if canonical is not None:
        if label.lower() not in canonical:
            raise LabelFault(f"class {label!r} is none of {', '.join(canonical.values())}")
        label = canonical[label.lower()]
    boxes = item.findall("bndbox")
    if len(boxes) != 1:
        raise LabelFault(f"an object needs one <bndbox>, this one has {len(boxes)}")
    left, top, right, bottom = (_number(boxes[0].findtext(corner, "").strip(), corner) for corner in CORNERS)
    if right < left or bottom < top:
        raise LabelFault(f"swapped corners: ({left:g}, {top:g}) should be above and left of ({right:g}, {bottom:g})")
    difficult = item.findtext("difficult", "").strip().lower()
    if difficult not in YES_NO:
        raise LabelFault(f"<difficult> is {difficult!r}; expected 0 or 1")
    return Entry(line, Box(label, left - 1, top - 1, right - left + 1, bottom - top + 1), YES_NO[difficult])


def read_yolo(path: Path, size: tuple[int, int] | None, names: Sequence[str]) -> Labels:
    """Objects of a YOLO text file (``class cx cy w h`` as fractions) in pixels of an image of ``size`` (H, W).

    Without a size the boxes mean nothing, but the faults hold.
    """
    size = size or (1, 1)
    try:
        text = read_text(path)
    except LabelFault as fault:
        return Labels(faults=(f"{short(path)}: {fault}",))
    lines = [(number, line.split()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return collect(path, size, [(number, _yolo_entry, words, number, size, names) for number, words in lines])


def _yolo_entry(words: list[str], line: int, size: tuple[int, int], names: Sequence[str]) -> Entry:
    expected = f"expected 'class cx cy w h' with a class below {len(names)} and fractions of the image"
    if len(words) != 5:
        kind = " (a polygon, rotated box or pose?)" if len(words) > 6 else " (a score?)" if len(words) == 6 else ""
        raise LabelFault(f"{expected}, got {len(words)} values{kind}")
    if not re.fullmatch(r"\d{1,9}", words[0], re.ASCII) or int(words[0]) >= len(names):
        raise LabelFault(f"{expected}, got class {words[0]}")
    cx, cy, w, h = (_number(word, name) for word, name in zip(words[1:], ("cx", "cy", "w", "h"), strict=True))
    if not all(-SLACK <= value <= 1 + SLACK for value in (cx, cy, w, h)):
        raise LabelFault(f"{expected}, got {' '.join(words[1:])} (pixels?)")
    height, width = size
    return Entry(line, Box(names[int(words[0])], (cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height))


def read_classes(path: Path) -> tuple[str, ...]:
    """The class names of a ``classes.txt``, one a line, numbered from 0. Raises :class:`LabelFault` naming the line."""
    where = short(path)
    try:
        lines = [line.strip() for line in read_text(path).rstrip().split("\n")]
    except LabelFault as fault:
        raise LabelFault(f"{where}: {fault}") from None
    seen: dict[str, int] = {}
    for number, name in enumerate(lines, start=1):
        try:
            name = _class_name(name)
        except LabelFault as fault:
            raise LabelFault(
                f"{where} line {number}: {fault} (a line is the name of a class, counted from 0)"
            ) from None
        if (other := seen.setdefault(spelling(name), number)) != number:
            raise LabelFault(
                f"{where} line {number}: class {name!r} is that of line {other} again; name each class once"
            )
    return tuple(lines)


def spelling(name: str) -> str:
    """What is the same in two spellings of a class: ``Traffic-Light`` and ``traffic light``."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, or of a UTF-16 one that says so by its mark; line ends are ``\\n``.

    Raises :class:`LabelFault` where it is another encoding, or no ordinary file.
    """
    data = content(path)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise LabelFault("not UTF-8 text; save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def content(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of an ordinary file of a sane size; raises :class:`LabelFault` where there is none."""
    try:
        if not path.is_file():
            raise LabelFault("not an ordinary file (a folder, pipe or broken link)")
        if path.stat().st_size > largest:
            raise LabelFault(f"larger than {largest >> 20} MiB, which no label file is")
        return path.read_bytes()
    except OSError as error:
        raise LabelFault(f"cannot be read: {error.strerror}") from None


def _class_name(text: str) -> str:
    name = text.strip()
    if not name:
        raise LabelFault("the name of the class is empty")
    if printable(name) != name:
        raise LabelFault(f"the name of the class, {printable(name)!r}, cannot be printed")
    return name


def _number(text: str, what: str) -> float:
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise LabelFault(f"{what} is {text!r}; expected a number such as 12.5")
    return value


def collect(path: Path, size: tuple[int, int] | None, calls: list[tuple], unit: str = "line") -> Labels:
    """All entries of a file: what each call gives, its fault, or a note where it says the same as one before it.

    A call is the number of the entry, in a ``unit`` that a reader can find, a function that gives its :class:`Entry` or
    raises :class:`LabelFault`, and the arguments of that function. ``size`` is that of the image (H, W).
    """
    entries: dict[Box, Entry] = {}
    faults, notes = [], []
    for line, parse, *arguments in calls:
        where = f"{short(path)} {unit} {line}"
        try:
            entry = parse(*arguments)
            if over := _overhang(entry.box, size):
                notes.append(f"{where}: the box reaches {over:.3g} pixels over the border of the image; kept as it is")
        except LabelFault as fault:
            faults.append(f"{where}: {printable(str(fault))}")
            continue
        before = entries.setdefault(entry.box, entry)
        if before is not entry and before.difficult != entry.difficult:
            faults.append(f"{where}: the object of {unit} {before.line} again, but once it is difficult and once not")
        elif before is not entry:
            notes.append(f"{where}: the object of {unit} {before.line} again; it counts once")
    found = entries.values()
    boxes, difficult = (tuple(entry.box for entry in found if entry.difficult is which) for which in (False, True))
    return Labels(boxes, difficult, tuple(faults), tuple(notes))


def _overhang(box: Box, size: tuple[int, int] | None) -> float:
    """Pixels by which a box leaves its image, 0 where that is rounding. Raises where it cannot be meant so."""
    if box.w <= 0 or box.h <= 0:
        raise LabelFault("the box has no area")
    if size is None:
        return 0.0
    height, width = size
    slack_x, slack_y = max(SLACK * width, 1.0), max(SLACK * height, 1.0)
    cx, cy = box.x + box.w / 2, box.y + box.h / 2
    centred = -slack_x <= cx <= width + slack_x and -slack_y <= cy <= height + slack_y
    if not centred or box.w > width + slack_x or box.h > height + slack_y:
        shown = ", ".join(f"{name} {value:g}" for name, value in zip(SIDES, _sides(box), strict=True))
        raise LabelFault(f"the box lies outside the image of {width}×{height} pixels ({shown})")
    left, top, right, bottom = _sides(box)
    over = max(-left / slack_x, (right - width) / slack_x, -top / slack_y, (bottom - height) / slack_y)
    return max(-left, right - width, -top, bottom - height) if over > 1 else 0.0


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.x + box.w, box.y + box.h
