"""The card of a weight file: where it comes from, how to recognise it, and under which terms it may be used."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points
from urllib.parse import quote

PACKAGE = "fusion.weights"
ENTRY_POINTS = "tsdm_bench.weights"


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One file of published or own weights, under the file name it has in a weights directory."""

    name: str
    bytes: int
    sha256: str
    """Hexadecimal; empty where no fixed file is known (what a training run writes): it is then taken by its name."""
    """Empty, with ``bytes`` 0, where anybody's own training may have made the file."""
    method: str
    """Name of the method or detector that reads it."""
    licence: str
    """``none``: all rights reserved by the authors; it may be loaded locally and is never passed on."""
    source: str
    urls: tuple[str, ...] = ()
    """Tried in order; empty where the file can only be put in place by hand."""
    packaged: bool = False
    """The file is part of this package (our own weights)."""
    version: str = "1"

    def __post_init__(self) -> None:
        if self.urls and not self.sha256:
            raise ValueError(f"weight card {self.name} has an address but no sha256; nothing is downloaded unchecked")


def github_urls(repository: str, commit: str, path: str) -> tuple[str, ...]:
    """Both addresses of one file of a GitHub repository at one commit; the second also serves large-file storage."""
    return (
        f"https://raw.githubusercontent.com/{repository}/{commit}/{quote(path)}",
        f"https://github.com/{repository}/raw/{commit}/{quote(path)}",
    )


@functools.cache
def cards() -> dict[str, WeightFile]:
    """Every weight card by name: those of the modules of this room, then those of installed entry points."""
    found: dict[str, WeightFile] = {}
    package = importlib.import_module(PACKAGE)
    for module_info in pkgutil.iter_modules(package.__path__, PACKAGE + "."):
        for value in vars(importlib.import_module(module_info.name)).values():
            for card in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(card, WeightFile):
                    found[card.name] = card
    for entry_point in entry_points(group=ENTRY_POINTS):
        card = entry_point.load()
        found.setdefault(card.name, card)
    return found


def card(name: str) -> WeightFile:
    """The card called ``name``; raises ``ValueError`` with the nearest name where there is none."""
    try:
        return cards()[name]
    except KeyError:
        lowered = {known.lower(): known for known in cards()}
        close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
        hint = f"did you mean {lowered[close[0]]!r}? " if close else ""
        raise ValueError(f"unknown weight file {name!r}; {hint}`run_bench.py weights list` shows all") from None
