"""Who runs cells: one module each, with ``run_cells(cells, setup, workers)`` yielding results in any order."""

from __future__ import annotations

import importlib
from collections.abc import Callable

EXECUTORS = ("local", "ray")


def executor(name: str) -> Callable:
    """``run_cells`` of one executor; imported only when asked for, since it loads everything that a cell needs."""
    return importlib.import_module(f"{__name__}.{name}").run_cells
