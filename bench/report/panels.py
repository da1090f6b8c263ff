"""Detection panels as papers print them: sources and methods in a grid, with boxes, zooms, misses and false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.datasets.pair import Box
from bench.report.lettering import add_legend, text_style
from detectors.detector import Detection
from detectors.evaluation.matching import AREAS, match_boxes
from tsdm_bench.errors import printable

SHOWN_FROM = 0.25
"""Detections below this score are not drawn; the usual threshold of YOLO pictures."""
COLUMNS = 4
TILE_INCHES = 2.6
CAPTION_INCHES = 0.26
MISS_COLOUR, ALARM_COLOUR = "#ffe600", "#ff2d2d"
CLASS_COLOURS = ("#1e90ff", "#2ecc40", "#c264ff", "#ff9a1f", "#00c8c8", "#ff69b4", "#8b6cff", "#a0a000")
"""Bright enough for night scenes, and none like the two above."""
INSET_SHARE = 0.36
"""Side of a zoom inset as a fraction of the tile."""
ZOOM_CONTEXT = 1.6
"""A zoom shows this many times the object."""
SMALLEST_ZOOM = 40
"""Pixels."""
CORNERS = ("lower right", "lower left", "upper right", "upper left")
STYLE = {"font.size": 8}


class Outcome(NamedTuple):
    """What a detector made of one image: detections that are right, detections that are not, objects not found."""

    hits: list[Detection]
    alarms: list[Detection]
    misses: list[Box]


def outcome(boxes: Sequence[Box], detections: Sequence[Detection], shown_from: float = SHOWN_FROM) -> Outcome:
    """Sort detections above a score into hits and false alarms (class by class, IoU ≥ 0.5), and name the misses."""
    everywhere = np.array([AREAS["all"]])
    result = Outcome([], [], [])
    for label in sorted({box.label for box in boxes} | {found.label for found in detections}):
        found = sorted((d for d in detections if d.label == label and d.score >= shown_from), key=lambda d: -d.score)
        objects = [box for box in boxes if box.label == label]
        sides = np.array([d[2:] for d in found], dtype=float).reshape(-1, 4)
        truth = np.array([box[1:] for box in objects], dtype=float).reshape(-1, 4)
        taken = match_boxes(sides, truth, everywhere)[0][0, 0]
        result.hits.extend(d for d, of in zip(found, taken, strict=True) if of >= 0)
        result.alarms.extend(d for d, of in zip(found, taken, strict=True) if of < 0)
        result.misses.extend(box for index, box in enumerate(objects) if index not in taken)
    return result


def counted(
    detections: Sequence[Detection], boxes: Sequence[Box], difficult: Sequence[Box], threshold: float = 0.5
) -> list[Detection]:
    """The detections without those of difficult objects, which are neither hits nor false alarms."""

    def on(detection: Detection, objects: Sequence[Box]) -> bool:
        sides = np.array(detection[2:])
        return any(box.label == detection.label and _overlap(sides, np.array(box[1:])) >= threshold for box in objects)

    return [detection for detection in detections if on(detection, boxes) or not on(detection, difficult)]


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes (x, y, w, h)."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (float(first[2] * first[3] + second[2] * second[3]) - shared)


def draw_panel(
    images: Mapping[str, np.ndarray],
    detections: Mapping[str, Sequence[Detection]],
    boxes: Sequence[Box] | None,
    *,
    title: str = "",
    titles: Mapping[str, str] | None = None,
    zooms: Sequence[tuple[float, float, float, float]] | None = None,
    shown_from: float = SHOWN_FROM,
    columns: int = COLUMNS,
) -> Figure:
    """One pair under one condition as a figure: a tile for each of ``images`` in their order.

    ``images`` maps method names (``ir`` and ``vis`` among them) to H×W or H×W×3 uint8 RGB; ``detections`` gives the
    boxes of each (a tile without an entry shows none). With ``boxes``, the labelled objects, hits are drawn in the
    colour of their class, false alarms dashed red, misses dotted yellow. ``zooms`` are regions (x, y, w, h) in pixels
    shown magnified in every tile, two at most; without it they are chosen by :func:`choose_zooms`.
    """
    titles, boxes_known = titles or {}, boxes is not None
    outcomes = {name: outcome(boxes or (), detections.get(name, ()), shown_from) for name in images}
    height, width = next(iter(images.values())).shape[:2]
    if zooms is None:
        zooms = choose_zooms(boxes or (), [outcomes[name] for name in images if name in detections], (height, width))
    shown = [*outcomes.values()]
    everything = [item for of in shown for group in (of.hits, of.alarms, of.misses) for item in group]
    labels = dict.fromkeys(item.label for item in everything)
    colours = {label: CLASS_COLOURS[i % len(CLASS_COLOURS)] for i, label in enumerate(sorted(labels))}
    columns = min(columns, len(images))
    lines = math.ceil(len(images) / columns)
    tile_height = TILE_INCHES * height / width
    above = 0.35 if title else 0.05
    total = above + lines * (tile_height + CAPTION_INCHES) + 0.35
    with matplotlib.rc_context(STYLE | text_style()):
        figure = Figure(figsize=(columns * TILE_INCHES, total), dpi=150)
        for index, (name, image) in enumerate(images.items()):
            line, column = divmod(index, columns)
            bottom = total - above - line * (tile_height + CAPTION_INCHES) - tile_height
            place = (column / columns + 0.003, bottom / total, 1 / columns - 0.006, tile_height / total)
            axes = figure.add_axes(place)
            _draw_tile(axes, image, outcomes[name], colours, boxes_known)
            _draw_zooms(axes, image, outcomes[name], colours, zooms, boxes_known)
            caption = f"({_letters(index)}) {titles.get(name, name)}"
            if boxes_known and name in detections:
                of = outcomes[name]
                caption += f" · {len(of.hits)} found, {len(of.misses)} missed, {len(of.alarms)} false"
            axes.text(0.5, -0.03, printable(caption), transform=axes.transAxes, ha="center", va="top", fontsize=7)
        if title:
            figure.suptitle(printable(title), fontsize=9, fontweight="bold", y=1 - 0.1 / total, va="top")
        _legend(figure, colours, boxes_known)
    return figure


def _draw_tile(
    axes: Axes, image: np.ndarray, of: Outcome, colours: Mapping[str, str], boxes_known: bool, text: bool = True
) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if not text else "antialiased")
    axes.set_axis_off()
    height, width = image.shape[:2]
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    for miss in of.misses:
        _outline(axes, miss, MISS_COLOUR, linestyle=":")
    for alarm in of.alarms:
        # Without labels nothing is known to be false.
        colour, style = (ALARM_COLOUR, "--") if boxes_known else (colours[alarm.label], "-")
        _outline(axes, alarm, colour, linestyle=style)
        _name(axes, alarm, colour, text)
    for hit in of.hits:
        _outline(axes, hit, colours[hit.label])
        _name(axes, hit, colours[hit.label], text)


def _outline(axes: Axes, box: Box | Detection, colour: str, **style: Any) -> None:
    axes.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=colour, linewidth=1.0, **style))


def _name(axes: Axes, found: Detection, colour: str, text: bool) -> None:
    if text:
        axes.text(
            found.x,
            found.y,
            f"{printable(found.label)} {found.score:.2f}",
            fontsize=4,
            color="white",
            va="bottom",
            clip_on=True,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
        )


def _draw_zooms(
    axes: Axes,
    image: np.ndarray,
    of: Outcome,
    colours: Mapping[str, str],
    zooms: Sequence[tuple[float, float, float, float]],
    boxes_known: bool,
) -> None:
    """Magnified regions in the corners of the tile that lie farthest from them."""
    height, width = image.shape[:2]
    free = list(CORNERS)
    for zoom in zooms[:2]:
        x, y, w, h = zoom
        corner = max(free, key=lambda name: _distance(name, (x + w / 2) / width, (y + h / 2) / height))
        free.remove(corner)
        left = 1 - INSET_SHARE if "right" in corner else 0.0
        bottom = 1 - INSET_SHARE if "upper" in corner else 0.0
        inset = axes.inset_axes((left, bottom, INSET_SHARE, INSET_SHARE))
        _draw_tile(inset, image, of, colours, boxes_known, text=False)
        inset.set_axis_on()
        inset.set(xticks=[], yticks=[], xlim=(x, x + w), ylim=(y + h, y), aspect="auto")
        for side in inset.spines.values():
            side.set(edgecolor="white", linewidth=1.2)
        axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor="white", linewidth=0.8))


def _distance(corner: str, x: float, y: float) -> float:
    return abs(x - ("right" in corner)) + abs(y - ("lower" in corner))


def choose_zooms(
    boxes: Sequence[Box], outcomes: Sequence[Outcome], size: tuple[int, int], most: int = 2
) -> list[tuple[float, float, float, float]]:
    """Regions around the objects on which the methods disagree most, small objects first; none where all agree.

    Each has the aspect ratio of the image (``size`` is height, width) and lies within it.
    """
    height, width = size
    missed = {box: sum(box in of.misses for of in outcomes) for box in boxes}
    disputed = [box for box, times in missed.items() if 0 < times < len(outcomes)]
    disputed.sort(key=lambda box: (abs(missed[box] - len(outcomes) / 2), box.w * box.h))
    regions: list[tuple[float, float, float, float]] = []
    for box in disputed:
        scale = max(ZOOM_CONTEXT * max(box.w / width, box.h / height), SMALLEST_ZOOM / width)
        w, h = min(scale, 1.0) * width, min(scale, 1.0) * height
        x = float(np.clip(box.x + box.w / 2 - w / 2, 0, width - w))
        y = float(np.clip(box.y + box.h / 2 - h / 2, 0, height - h))
        if scale < 1 - INSET_SHARE and all(_overlap(np.array((x, y, w, h)), np.array(r)) == 0 for r in regions):
            regions.append((x, y, w, h))
        if len(regions) == most:
            break
    return regions


def _legend(figure: Figure, colours: Mapping[str, str], boxes_known: bool) -> None:
    entries = [(label, {"color": colour}) for label, colour in colours.items()]
    if boxes_known:
        entries.append(("false alarm", {"color": ALARM_COLOUR, "linestyle": "--"}))
        entries.append(("missed", {"color": MISS_COLOUR, "linestyle": ":"}))
    if entries:
        add_legend(figure, entries, ncols=len(entries), fontsize=7)


def _letters(index: int) -> str:
    """a…z, then aa, ab…"""
    first, last = divmod(index, 26)
    return ("" if first == 0 else chr(96 + first)) + chr(97 + last)
