"""A place on the disk as its user writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import overload


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
