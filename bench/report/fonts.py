"""matplotlib's own font cut down to the letters of western text, so that PDFs are written fast.

A PDF holds the letters that it shows, and to cut them out of a font all of its 6,000 must be read: two thirds of the
time that a figure takes. The small font lies in the cache folder and looks the same; letters that it lacks come from
the fonts behind it.
"""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import matplotlib
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont, fontManager

from tsdm_bench.files import write_atomically
from tsdm_bench.weights.location import cache_dir

WHOLE, SMALL = "DejaVu Sans", "TSDM Bench Sans"
"""The font, and the name of what is left of it: its licence asks for another one."""
EDITION = 2
"""Of what is left: a cache folder may hold an older one."""
WEIGHTS = ("normal", "bold")
LETTERS = ((0x20, 0x17F), (0x370, 0x3FF), (0x2010, 0x2044), (0x2070, 0x209F), (0x2190, 0x21FF), (0x2200, 0x22FF))
"""Latin, Greek, dashes and quotes, small figures, arrows, operators: from, to."""
NOT_KEPT = ["FFTM", "GPOS", "GSUB", "GDEF", "MATH"]
"""The date on which the font was drawn, and what takes long to read: kerning stands in a table of its own as well."""
FAMILY, STYLE, FULL, POSTSCRIPT = 1, 2, 4, 6
"""Numbers of a font's names."""


def add_small_font() -> str | None:
    """The family of the small font, which matplotlib knows from now on; None where no cache folder can be written."""
    folder = cache_dir().parent / "fonts" / f"{EDITION}-matplotlib-{matplotlib.__version__}"
    try:
        for weight in WEIGHTS:
            _add(folder / f"{weight}.ttf", weight)
    except OSError:
        return None
    return SMALL


def _add(path: Path, weight: str) -> None:
    """Make it known to matplotlib; made where it is not there, or damaged."""
    with contextlib.suppress(OSError, RuntimeError):  # matplotlib's for a file that is no font
        fontManager.addfont(path)
        return
    write_atomically(path, lambda place: _cut(weight, place))
    fontManager.addfont(path)


def _cut(weight: str, target: Path) -> None:
    source = findfont(FontProperties(family=WHOLE, weight=weight), fallback_to_default=False)
    with contextlib.closing(TTFont(source, recalcTimestamp=False)) as font:
        options = Options(legacy_kern=True, name_IDs=[FAMILY, STYLE, FULL, POSTSCRIPT], recommended_glyphs=True)
        options.drop_tables += NOT_KEPT
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=itertools.chain.from_iterable(range(a, b + 1) for a, b in LETTERS))
        subsetter.subset(font)
        full = SMALL if weight == "normal" else f"{SMALL} Bold"
        names = {FAMILY: SMALL, FULL: full, POSTSCRIPT: full.replace(" ", "")}
        for record in font["name"].names:
            record.string = names.get(record.nameID, record.toUnicode())
        font.save(target)
