"""A place on the disk as its user writes it, or the one that is named once for all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import overload

DATA_VARIABLE, WEIGHTS_VARIABLE = "TSDM_BENCH_DATA", "TSDM_BENCH_WEIGHTS"
"""Environment variables that stand in for ``--data-root`` and ``--weights-dir``, and for arguments of these names."""


@overload
def place_of(path: str | Path) -> Path: ...
@overload
def place_of(path: None) -> None: ...
def place_of(path: str | Path | None) -> Path | None:
    """The path with ``~`` as the home folder, which a shell leaves alone in ``--data-root=~/data`` and in quotes.

    >>> place_of("~/data") == Path.home() / "data", place_of(None)
    (True, None)
    """
    return None if path is None else Path(os.path.expanduser(path))


def data_root_of(path: str | Path | None) -> Path | None:
    """The folder of the datasets: ``path``, else what ``TSDM_BENCH_DATA`` names."""
    return place_of(path or os.environ.get(DATA_VARIABLE) or None)


def weights_dir_of(path: str | Path | None) -> Path | None:
    """The folder of weights: ``path``, else what ``TSDM_BENCH_WEIGHTS`` names."""
    return place_of(path or os.environ.get(WEIGHTS_VARIABLE) or None)
