"""A contact sheet of degradations: one row per factor, severity rising from left to right, both images of a pair."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from degradation.factor import MAX_SEVERITY, Factor, Modality
from degradation.mixed_condition import MixedCondition

TITLES: dict[Modality, str] = {"vis": "visible", "ir": "infrared"}
GAP = 0.04
"""Between neighbouring images; this and the other lengths are in widths of one image."""
BLOCK_GAP = 0.2
LABEL_WIDTH = 1.6
HEAD_HEIGHT = 0.5
LABEL_CHARACTERS, TITLE_CHARACTERS = 26, 19
FAINT, LIGHT = "#6b6b6b", "#f2f2f2"


def draw_contact_sheet(
    images: Mapping[Modality, Mapping[tuple[str, int], np.ndarray]],
    factors: Sequence[Factor | MixedCondition],
    *,
    severities: Sequence[int] = tuple(range(MAX_SEVERITY + 1)),
    window: tuple[int, int, int, int] | None = None,
    image_inches: float = 1.0,
) -> Figure:
    """Draw a pair under every factor and severity, visible to the left, infrared right.

    ``images`` holds for ``ir`` (uint8 H×W) and ``vis`` (H×W×3 RGB) the image under (factor name, severity), and the
    clean one under ("clean", 0); one that is absent leaves its place empty. ``window`` (left, top, width, height in px)
    is the part that is shown, without it the middle square of half the height. Images carry their ladder value where a
    rung has one or two. Raises ``ValueError`` for a window that leaves the image, no factor or no severity.
    """
    if not factors or not severities:
        raise ValueError("a contact sheet needs at least one factor and one severity")
    size = images["ir"]["clean", 0].shape[:2]
    window = window or _middle_square(*size)
    _check_window(window, *size)
    aspect = window[3] / window[2]
    block = len(severities) * (1 + GAP) - GAP
    lefts: dict[Modality, float] = {"vis": 0.0, "ir": block + BLOCK_GAP}
    axes = _empty_sheet(lefts["ir"] + block, len(factors) * (aspect + GAP) - GAP, image_inches)
    for modality, left in lefts.items():
        _label_columns(axes, left, block, severities, TITLES[modality])
    for row, factor in enumerate(factors):
        top = row * (aspect + GAP)
        _label_row(axes, factor, top + aspect / 2)
        for modality, left in lefts.items():
            if why := _why_absent(factor, modality, images[modality]):
                _mark_absent(axes, left, top, block, aspect, why)
                continue
            for column, severity in enumerate(severities):
                key = (factor.name, severity) if severity else ("clean", 0)
                if key not in images[modality]:
                    continue
                shown = images[modality][key][window[1] :, window[0] :][: window[3], : window[2]]
                x = left + column * (1 + GAP)
                axes.imshow(shown, extent=(x, x + 1, top + aspect, top), cmap="gray", vmin=0, vmax=255)
                if severity and len(rung := factor.ladder[modality][severity - 1]) <= 2:
                    _label_image(axes, x, top + aspect, " · ".join(f"{value:g}" for value in rung.values()))
    axes.set(xlim=(-LABEL_WIDTH, lefts["ir"] + block), ylim=(len(factors) * (aspect + GAP) - GAP, -HEAD_HEIGHT))
    return cast(Figure, axes.figure)


def _middle_square(height: int, width: int) -> tuple[int, int, int, int]:
    side = max(min(height, 2 * width) // 2, 1)
    return (width - side) // 2, (height - side) // 2, side, side


def _check_window(window: tuple[int, int, int, int], image_height: int, image_width: int) -> None:
    left, top, width, height = window
    if min(left, top) < 0 or min(width, height) < 1 or left + width > image_width or top + height > image_height:
        raise ValueError(
            f"window {window} leaves the image of {image_width}×{image_height} px; expected (left, top, width, height)"
        )


def _empty_sheet(width: float, height: float, image_inches: float) -> Axes:
    margin = 0.12
    inner = ((LABEL_WIDTH + width) * image_inches, (HEAD_HEIGHT + height) * image_inches)
    outer = (inner[0] + 2 * margin, inner[1] + 2 * margin)
    figure = Figure(figsize=outer)
    axes = figure.add_axes((margin / outer[0], margin / outer[1], inner[0] / outer[0], inner[1] / outer[1]))
    axes.axis("off")
    return axes


def _label_columns(axes: Axes, left: float, block: float, severities: Sequence[int], title: str) -> None:
    axes.text(left + block / 2, -0.3, title, ha="center", va="baseline", fontsize=11, fontweight="bold")
    for column, severity in enumerate(severities):
        text = str(severity) if severity else "clean"
        axes.text(left + column * (1 + GAP) + 0.5, -0.08, text, ha="center", va="baseline", fontsize=8, color=FAINT)


def _label_row(axes: Axes, factor: Factor | MixedCondition, middle: float) -> None:
    title = textwrap.fill(factor.title, TITLE_CHARACTERS)
    axes.text(-0.12, middle - 0.02, title, ha="right", va="bottom", fontsize=9.5, linespacing=1.15)
    unit = textwrap.fill(f"{factor.parameter}, {factor.unit}", LABEL_CHARACTERS)
    axes.text(-0.12, middle + 0.05, unit, ha="right", va="top", fontsize=7, color=FAINT, linespacing=1.25)


def _label_image(axes: Axes, left: float, bottom: float, text: str) -> None:
    box = {"boxstyle": "square,pad=0.2", "facecolor": "black", "alpha": 0.55, "linewidth": 0}
    axes.text(left + 0.04, bottom - 0.05, text, fontsize=6.5, color="white", va="bottom", bbox=box)


def _why_absent(
    factor: Factor | MixedCondition, modality: Modality, images: Mapping[tuple[str, int], np.ndarray]
) -> str:
    """Why a row has nothing to show of one image; empty where it has."""
    if modality not in factor.modalities:
        return f"does not concern the {TITLES[modality]} image"
    return "" if any(name == factor.name for name, _ in images) else f"the {TITLES[modality]} image was not degraded"


def _mark_absent(axes: Axes, left: float, top: float, width: float, height: float, text: str) -> None:
    axes.add_patch(Rectangle((left, top), width, height, facecolor=LIGHT, linewidth=0))
    axes.text(left + width / 2, top + height / 2, text, ha="center", va="center", fontsize=8, color=FAINT)
