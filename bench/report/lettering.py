"""Text in figures: names of any kind are shown as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font, get_font_names
from matplotlib.lines import Line2D

from bench.report.fonts import add_small_font
from tsdm_bench.errors import printable

FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS", "Noto Sans",
)  # fmt: skip
"""The first serves the letters that it has, the next one those that it lacks; before them all the small font."""


@cache
def text_style() -> dict[str, Any]:
    """Settings of matplotlib: dollar signs mean nothing, letters come from the fonts that this machine has."""
    small = add_small_font()
    installed = set(get_font_names())
    families = [*([small] if small else []), *(name for name in FONTS if name in installed)] or ["sans-serif"]
    return {"text.parse_math": False, "font.family": families, "pdf.fonttype": 42}  # TrueType, as publishers ask for


def lacking(texts: Iterable[str]) -> str:
    """The letters of ``texts`` that no font of this machine has, each once.

    >>> lacking(["GFF", "a_b$c ω"])
    ''
    """
    letters = {letter for text in texts for letter in printable(text) if ord(letter) > 0x7F}
    for family in text_style()["font.family"] if letters else ():
        letters -= {chr(code) for code in get_font(findfont(family)).get_charmap()}
    return "".join(sorted(letters))


def add_legend(figure: Figure, entries: Iterable[tuple[str, Mapping[str, Any]]], **options: Any) -> None:
    """A legend below the figure, an entry per name and look of a line.

    matplotlib would leave out a name with a leading underscore; so names are put in afterwards.
    """
    entries = list(entries)
    handles = [Line2D([], [], label="name", **look) for _, look in entries]
    legend = figure.legend(handles=handles, loc="lower center", frameon=False, **options)
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(printable(name))
