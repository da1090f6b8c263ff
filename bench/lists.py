"""Lists that are asked for, as such or as one text: the same on the command line, from Python and in a suite file."""

from __future__ import annotations

from collections.abc import Iterable


def comma_list(asked: str | Iterable[str]) -> tuple[str, ...]:
    """What one text names, with commas between several; what is a list stays as it is.

    >>> comma_list("ir, vis,"), comma_list("core"), comma_list(["mine=command:fuse {ir},{vis} {out}"])
    (('ir', 'vis'), ('core',), ('mine=command:fuse {ir},{vis} {out}',))
    """
    if isinstance(asked, str):
        return tuple(part.strip() for part in asked.split(",") if part.strip())
    return tuple(asked)
