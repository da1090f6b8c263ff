"""The visual comparison of a paper: pairs × methods with letters, enlarged regions, and what a detector found."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from bench.datasets.pair import Box
from bench.report.lettering import add_legend, text_style
from bench.report.outcomes import NOTHING, Outcome
from bench.report.zooms import Region, corners_for
from detectors.detection import Detection
from tsdm_bench.errors import printable

MM_PER_INCH = 25.4
COLUMNS = 5
"""Tiles side by side, at most, where one pair is shown."""
WIDTH_MM = 180.0
"""The text width of a two-column page."""
GAP_MM, CAPTION_MM, TITLE_MM, LEGEND_MM, SIDE_MM = 0.8, 4.2, 5.5, 6.0, 4.0
POINTS, SMALLEST_POINTS, LETTERS_PER_POINT = 7.0, 4.0, 1.75
"""Size of letters in print, the least, and how many of them take the width of that size."""
LINE_MM = 0.42
"""Height of a line of text, for each point."""
LINE_POINTS, FULL_MM, NAMED_MM = 0.9, 36.0, 25.0
"""Width of a box's line in tiles of the second size and above, less in smaller ones; below the third, without names."""
MISS_COLOUR, ALARM_COLOUR = "#ffe600", "#ff2d2d"
CLASS_COLOURS = ("#1e90ff", "#2ecc40", "#c264ff", "#ff9a1f", "#00c8c8", "#ff69b4", "#8b6cff", "#a0a000")
"""Bright enough for night scenes, and none like the two above."""
ZOOM_LOOKS = (("#ff3b30", "-"), ("#32d74b", "-"), ("#40c8ff", "-"))
"""Of the first, second and third enlarged region."""
ZOOM_LOOKS_BESIDE_BOXES = (("#ffffff", "-"), ("#ffffff", "--"), ("#ffffff", ":"))
"""Colours are those of classes there."""
INSET_SHARE = 0.38
"""Side of an enlarged region as a fraction of its tile."""
MARGIN = 3.0
"""Pixels between an object and what marks it."""
OUTLINE = [Stroke(linewidth=1.9, foreground="#000000a0"), Normal()]
"""A dark rim, which tells a bright line from a bright image."""


@dataclass(frozen=True)
class Row:
    """One pair under one condition."""

    images: Mapping[str, np.ndarray]
    """Method → H×W or H×W×3 uint8 RGB, all of one size; ``ir`` and ``vis`` among them."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """What a detector found in the images of those methods that it looked at."""
    labelled: bool = False
    """Whether the objects are known: without labels nothing is called missed or false."""
    regions: Sequence[Region] = ()
    """Parts of the image that are shown enlarged, three at most."""
    side: str = ""
    """What stands beside the row where there are several."""
    marked: Box | None = None
    """The object that the row is about."""

    @property
    def aspect(self) -> float:
        """Height / width."""
        height, width = next(iter(self.images.values())).shape[:2]
        return height / width


def draw_figure(
    rows: Sequence[Row],
    *,
    titles: Mapping[str, str] | None = None,
    title: str = "",
    columns: int | None = None,
    width_mm: float = WIDTH_MM,
    classes: Sequence[str] = (),
) -> Figure:
    """A figure of ``width_mm`` with a tile per image, each lettered (a), (b)…

    One row is broken into lines of ``columns`` tiles, each with its own letter and counts. Of several rows each has one
    line, and the letters name the columns. Hits are drawn in the colour of their class, false alarms dashed red, misses
    dotted yellow; a tile that no detector looked at shows none of them. ``classes`` are those of the run. Raises
    ``ValueError`` without a row.
    """
    if not rows:
        raise ValueError("a figure needs at least one pair")
    names, several = list(rows[0].images), len(rows) > 1
    columns = len(names) if several else min(columns or _even(len(names)), len(names))
    lines = [(row, names[start : start + columns]) for row in rows for start in range(0, len(names), columns)]
    sides = [_side(row, (width_mm - SIDE_MM) / columns - GAP_MM) for row in rows] if several else []
    widths = [LINE_MM * size * (text.count("\n") + 1) for text, size in sides if text]
    left = max(SIDE_MM, *widths) if widths else 0.0
    tile = (width_mm - left - (columns - 1) * GAP_MM) / columns
    labels = {item.label for row in rows for of in row.outcomes.values() for group in of for item in group}
    colours = class_colours(classes, labels)
    letterings = [not several or number == len(lines) - 1 for number in range(len(lines))]
    captions = {name: f"({letters(place)}) {(titles or {}).get(name, name)}" for place, name in enumerate(names)}
    if not several:
        captions = {name: text + _counts(rows[0], name) for name, text in captions.items()}
    points = _fitting(captions.values(), tile)
    captions = {name: _wrapped(text, tile, points) for name, text in captions.items()}
    caption = CAPTION_MM + LINE_MM * points * max(text.count("\n") for text in captions.values())
    thin = {"patch.linewidth": LINE_POINTS * min(1.0, tile / FULL_MM)}
    entries = _legend_entries(rows, colours)
    heights = [
        tile * row.aspect + (caption if has else GAP_MM) for (row, _), has in zip(lines, letterings, strict=True)
    ]
    total = sum(heights) + (TITLE_MM if title else 0) + (LEGEND_MM if entries else 0)
    with matplotlib.rc_context({"font.size": POINTS} | thin | text_style()):
        figure = Figure(figsize=(width_mm / MM_PER_INCH, total / MM_PER_INCH), dpi=200)
        top = total - (TITLE_MM if title else 0)
        for number, ((row, shown), height) in enumerate(zip(lines, heights, strict=True)):
            bottom = top - tile * row.aspect
            for place, name in enumerate(shown):
                x = left + place * (tile + GAP_MM)
                axes = figure.add_axes((x / width_mm, bottom / total, tile / width_mm, tile * row.aspect / total))
                _draw_tile(axes, row, name, colours, named=tile >= NAMED_MM)
                if letterings[number]:
                    drop = -0.8 / (tile * row.aspect)
                    axes.text(0.5, drop, captions[name], transform=axes.transAxes, ha="center", va="top",
                              fontsize=points, linespacing=1.1)  # fmt: skip
            if left:
                middle = (bottom + tile * row.aspect / 2) / total
                text, size = sides[number]
                figure.text(left / 2 / width_mm, middle, text, rotation=90, ha="center", va="center", fontsize=size,
                            linespacing=1.0)  # fmt: skip
            top -= height
        if title:
            figure.suptitle(printable(title), fontsize=POINTS + 1, fontweight="bold", y=1 - 0.8 / total, va="top")
        if entries:
            add_legend(figure, entries, ncols=len(entries), fontsize=points)
    return figure


def letters(index: int) -> str:
    """a…z, then aa, ab…

    >>> letters(0), letters(25), letters(27)
    ('a', 'z', 'ab')
    """
    first, last = divmod(index, 26)
    return ("" if first == 0 else chr(96 + first)) + chr(97 + last)


def class_colours(classes: Sequence[str], shown: Iterable[str]) -> dict[str, str]:
    """The colours of the classes that are ``shown``; each of ``classes`` has the same in every figure of a run.

    >>> class_colours(["People", "Car"], ["Car"])
    {'Car': '#2ecc40'}
    """
    shown = set(shown)
    places = enumerate(dict.fromkeys([*classes, *sorted(shown)]))
    return {label: CLASS_COLOURS[place % len(CLASS_COLOURS)] for place, label in places if label in shown}


def _legend_entries(rows: Sequence[Row], colours: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    entries: list[tuple[str, dict[str, Any]]] = [(label, {"color": colour}) for label, colour in colours.items()]
    if any(row.labelled and row.outcomes for row in rows):
        entries.append(("false alarm", {"color": ALARM_COLOUR, "linestyle": "--"}))
        entries.append(("missed", {"color": MISS_COLOUR, "linestyle": ":"}))
    return entries


def _counts(row: Row, name: str) -> str:
    of = row.outcomes.get(name)
    if of is None or not row.labelled:
        return ""
    return f" · {len(of.hits)} found, {len(of.misses)} missed, {len(of.alarms)} false"


def _even(number: int) -> int:
    """Columns that break ``number`` tiles into as few lines as possible, all of about one length."""
    return math.ceil(number / math.ceil(number / COLUMNS))


def _fitting(captions: Iterable[str], tile_mm: float) -> float:
    """The size of letters, the same below all tiles, at which the longest caption fits its tile."""
    longest = max(map(len, captions))
    return max(SMALLEST_POINTS, min(POINTS, LETTERS_PER_POINT * tile_mm / MM_PER_INCH * 72 / longest))


def _side(row: Row, tile_mm: float) -> tuple[str, float]:
    """What stands beside a row, in lines that fit its height, and the size of the letters."""
    room = tile_mm * row.aspect
    size = min(_fitting([row.side], room), POINTS - 1) if row.side else POINTS
    return _wrapped(row.side, room, size), size


def _wrapped(text: str, room_mm: float, points: float) -> str:
    """Text in lines that fit."""
    return textwrap.fill(printable(text), max(1, int(LETTERS_PER_POINT * room_mm / MM_PER_INCH * 72 / points)))


def _draw_tile(axes: Axes, row: Row, name: str, colours: Mapping[str, str], named: bool) -> None:
    image, of = row.images[name], row.outcomes.get(name, NOTHING)
    _draw_image(axes, image, of, colours, row.labelled, named=named)
    if row.marked:
        x, y, w, h = row.marked[1:]
        around = Box("", x - MARGIN, y - MARGIN, w + 2 * MARGIN, h + 2 * MARGIN)
        _outline(axes, around, "#ffffff", path_effects=OUTLINE)
    height, width = image.shape[:2]
    corners = corners_for(row.regions, (height, width), INSET_SHARE)
    looks = ZOOM_LOOKS_BESIDE_BOXES if row.outcomes else ZOOM_LOOKS
    for region, corner, (colour, line) in zip(row.regions, corners, looks, strict=False):
        left = 1 - INSET_SHARE if "right" in corner else 0.0
        bottom = 1 - INSET_SHARE if "upper" in corner else 0.0
        inset = axes.inset_axes((left, bottom, INSET_SHARE, INSET_SHARE))
        _draw_image(inset, image, of, colours, row.labelled, named=False, smooth=False)
        inset.set_axis_on()
        x, y, w, h = region.box
        inset.set(xticks=[], yticks=[], xlim=(x - 0.5, x + w - 0.5), ylim=(y + h - 0.5, y - 0.5), aspect="auto")
        for side in inset.spines.values():
            side.set(edgecolor=colour, linewidth=matplotlib.rcParams["patch.linewidth"], linestyle=line)
        _outline(axes, Box("", x - 0.5, y - 0.5, w, h), colour, linestyle=line, path_effects=OUTLINE)


def _draw_image(
    axes: Axes,
    image: np.ndarray,
    of: Outcome,
    colours: Mapping[str, str],
    labelled: bool,
    *,
    named: bool,
    smooth: bool = True,
) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased" if smooth else "nearest")
    axes.set_axis_off()
    height, width = image.shape[:2]
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for miss in of.misses if labelled else ():
        _outline(axes, miss, MISS_COLOUR, linestyle=":")
    for alarm in of.alarms:
        # Without labels nothing is known to be false.
        colour, style = (ALARM_COLOUR, "--") if labelled else (colours[alarm.label], "-")
        _outline(axes, alarm, colour, linestyle=style)
        _name(axes, alarm, colour, named)
    for hit in of.hits:
        _outline(axes, hit, colours[hit.label])
        _name(axes, hit, colours[hit.label], named)


def _outline(axes: Axes, box: Box | Detection, colour: str, **style: Any) -> None:
    axes.add_patch(Rectangle((box.x, box.y), box.w, box.h, fill=False, edgecolor=colour, **style))


def _name(axes: Axes, found: Detection, colour: str, named: bool) -> None:
    if named:
        axes.text(
            found.x,
            found.y,
            f"{printable(found.label)} {found.score:.2f}",
            fontsize=3.5,
            color="white",
            va="bottom",
            clip_on=True,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
        )
