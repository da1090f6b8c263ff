"""TSDM-Bench from Python: ``bench.run("m3fd", data_root=…)``, and what the other commands do (:mod:`bench.api`)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.api import compare, degrade, fuse, repeat, score
from bench.output import export, figure, publish, show_leaderboard

if TYPE_CHECKING:
    from bench.api import report, run

__all__ = [
    "compare",
    "degrade",
    "export",
    "figure",
    "fuse",
    "publish",
    "repeat",
    "report",
    "run",
    "score",
    "show_leaderboard",
]


def __getattr__(name: str) -> object:
    """``run`` and ``report`` are packages too, which can be called (:class:`bench.api.CallableRoom`)."""
    if name in ("run", "report"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
