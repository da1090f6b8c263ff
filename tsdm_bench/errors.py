"""The one error a user can cause, and any error as one line."""

from __future__ import annotations

LONGEST = 500
"""Characters of a line."""


class UsageError(Exception):
    """Bad input: one line that says what is wrong, what was expected and what to do. Ends the command with status 2."""


def one_line(error: BaseException) -> str:
    """The kind and the words of an error without line breaks, cut at :data:`LONGEST` characters.

    >>> one_line(ValueError("expected a number,\\n  got x"))
    'ValueError: expected a number, got x'
    """
    words = " ".join(str(error).split())
    return (f"{type(error).__name__}: {words}" if words else type(error).__name__)[:LONGEST]
