"""Figures that are still to be drawn, and those that need not be: what made a file is written down beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from bench.executors.pool import available_cores, map_unordered
from bench.report.lettering import lacking, text_style
from tsdm_bench.files import write_text

NOTES = ".drawn.json"
"""File of a folder of figures that says what each was made of."""
WORTH_A_POOL = 12
"""Figures; a process takes longer to start than fewer take to draw."""
DPI = 150
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """A figure to come: ``draw(**arguments)``, as ``path`` with each of ``endings``."""

    path: Path
    draw: Callable[..., Figure]
    arguments: Mapping[str, Any]
    endings: tuple[str, ...] = (".png", ".pdf")

    @property
    def files(self) -> list[Path]:
        """Where it goes."""
        return [self.path.with_name(self.path.name + ending) for ending in self.endings]

    @property
    def texts(self) -> list[str]:
        """Names from outside that it shows."""
        return [*self.arguments.get("titles", {}).values()]

    @property
    def identity(self) -> str:
        """Of all that decides what it looks like: the numbers, the code that draws, and matplotlib."""
        made_of = pickle.dumps((self.draw.__qualname__, dict(self.arguments), self.endings), protocol=4)
        return hashlib.sha256(made_of + _code()).hexdigest()[:32]


def draw_all(drawings: Sequence[Drawing], workers: int | None = None) -> list[Drawing]:
    """Draw what is not there yet, or was made of something else; returns what was drawn."""
    notes = {drawing.path.parent: _noted(drawing.path.parent) for drawing in drawings}
    wanted = {drawing.path: drawing.identity for drawing in drawings}
    missing = [
        drawing
        for drawing in drawings
        if notes[drawing.path.parent].get(drawing.path.name) != wanted[drawing.path]
        or not all(path.is_file() for path in drawing.files)
    ]
    if missing and (letters := lacking(text for drawing in missing for text in drawing.texts)):
        log.warning("no font here has %s: figures show boxes instead; install one, such as Noto Sans CJK", letters)
    cores = available_cores() if workers is None else workers
    if cores > 1 and len(missing) >= WORTH_A_POOL:
        for drawing, died in map_unordered(_draw, missing, cores):
            if died is not None:
                _draw(drawing)
    else:
        for drawing in missing:
            _draw(drawing)
    for folder in notes:
        told = {path.name: identity for path, identity in wanted.items() if path.parent == folder}
        write_text(folder / NOTES, json.dumps(told, indent=1, sort_keys=True))
    return missing


def _draw(drawing: Drawing) -> None:
    figure = drawing.draw(**drawing.arguments)
    drawing.path.parent.mkdir(parents=True, exist_ok=True)
    style: Any = text_style()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # told once for all figures
        for path in drawing.files:
            figure.savefig(path, **{"dpi": DPI} if path.suffix == ".png" else {"metadata": {"CreationDate": None}})


def _noted(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / NOTES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


@cache
def _code() -> bytes:
    """Of the modules that draw: a figure of an older version is drawn again."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + matplotlib.__version__.encode() + repr(text_style()).encode()).digest()
