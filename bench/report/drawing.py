"""Figures that are still to be drawn, and those that need not be: what made a file is written down beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from bench.executors.pool import Beside, available_cores
from bench.report.lettering import lacking, text_style
from tsdm_bench.files import write_text

NOTES = ".drawn.json"
"""File of a folder of figures that says what each was made of."""
WORTH_A_PROCESS = 6
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


def draw_all(drawings: Iterable[Drawing]) -> list[Drawing]:
    """Draw what is not there yet, or was made of something else; returns what was drawn."""
    with Easel() as easel:
        easel.add(drawings)
        return easel.finish()


class Easel(Beside[Drawing, None]):
    """Draws figures beside the process that makes the next ones, as far as they are not there yet."""

    def __init__(self) -> None:
        super().__init__(_draw, available_cores() - 1, WORTH_A_PROCESS)
        self._notes: dict[Path, dict[str, str]] = {}
        self._wanted: dict[Path, str] = {}
        self._missing: list[Drawing] = []
        self._held: list[Drawing] = []

    def add(self, drawings: Iterable[Drawing]) -> None:
        """Begin with those that are missing, once there are enough of them."""
        for drawing in drawings:
            noted = self._noted(drawing.path.parent)
            identity = self._wanted[drawing.path] = drawing.identity
            if noted.get(drawing.path.name) != identity or not all(path.is_file() for path in drawing.files):
                self._missing.append(drawing)
                self._held.append(drawing)
        if len(self._missing) >= WORTH_A_PROCESS:
            for drawing in self._held:
                self.give(drawing)
            self._held.clear()

    @property
    def asked(self) -> int:
        """How many figures there will be."""
        return len(self._wanted)

    def finish(self) -> list[Drawing]:
        """Draw the rest, and note down what every figure was made of; returns what was drawn."""
        if letters := lacking(text for drawing in self._missing for text in drawing.texts):
            log.warning("no font here has %s: figures show boxes instead; install one, such as Noto Sans CJK", letters)
        for drawing in self._held:
            _draw(drawing)
        for drawing, died in self.results():
            if died is not None:
                _draw(drawing)
        for folder in self._notes:
            folder.mkdir(parents=True, exist_ok=True)
            told = {path.name: identity for path, identity in self._wanted.items() if path.parent == folder}
            write_text(folder / NOTES, json.dumps(told, indent=1, sort_keys=True))
        return self._missing

    def _noted(self, folder: Path) -> dict[str, str]:
        """What the figures of a folder were made of."""
        if folder not in self._notes:
            self._notes[folder] = {}
            with contextlib.suppress(OSError, ValueError, TypeError):
                self._notes[folder] = dict(json.loads((folder / NOTES).read_text(encoding="utf-8")))
        return self._notes[folder]


def _draw(drawing: Drawing) -> None:
    figure = drawing.draw(**drawing.arguments)
    drawing.path.parent.mkdir(parents=True, exist_ok=True)
    style: Any = text_style()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # told once for all figures
        for path in drawing.files:
            figure.savefig(path, **{"dpi": DPI} if path.suffix == ".png" else {"metadata": {"CreationDate": None}})


@cache
def _code() -> bytes:
    """Of the modules that draw: a figure of an older version is drawn again."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + matplotlib.__version__.encode() + repr(text_style()).encode()).digest()
