"""Words that depend on a number."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """A number with its word.

    >>> counted(1, "pair"), counted(3, "pair"), counted(0, "class")
    ('1 pair', '3 pairs', '0 classes')
    """
    plural = what if number == 1 else what + ("es" if what.endswith(("s", "x", "ch")) else "s")
    return f"{number} {plural}"
