"""Words that depend on a number."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """A number with its word.

    >>> counted(1, "pair"), counted(3, "pair"), counted(0, "class")
    ('1 pair', '3 pairs', '0 classes')
    """
    plural = what if number == 1 else what + ("es" if what.endswith(("s", "x", "ch")) else "s")
    return f"{number} {plural}"


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(42), duration(600), duration(9000), duration(250_000)
    ('42 s', '10 min', '2.5 h', '69 h')
    """
    if seconds < 99.5:
        return f"{seconds:.2g} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.2g} min"
    hours = seconds / 3600
    return f"{hours:,.0f} h" if hours >= 9.95 else f"{hours:.2g} h"
