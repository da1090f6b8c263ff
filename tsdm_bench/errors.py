"""The one error a user can cause, and any error as one line that is fit for a terminal."""

from __future__ import annotations

LONGEST = 500
"""Characters of a line."""


class UsageError(Exception):
    """Bad input: one line that says what is wrong, what was expected and what to do. Ends the command with status 2."""


def printable(text: str) -> str:
    """``text`` with escapes for what a terminal would obey or cannot show: control characters, undecodable bytes.

    >>> printable("caf\\u00e9 \\x1b[2J \\udcff")
    'café \\\\x1b[2J \\\\udcff'
    """
    if text.isprintable():  # a hundred times as fast, and nearly always so
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def words_of(error: BaseException | str, longest: int = LONGEST) -> str:
    """The words of an error as one printable line; of a trace among them the last line, which names the cause.

    >>> words_of(ValueError("expected a number,\\n  got x"))
    'expected a number, got x'
    >>> words_of("Traceback (most recent call last):\\n  File 'net.py', line 3\\nRuntimeError: no kernel\\n")
    'RuntimeError: no kernel'
    """
    text = str(error).strip()
    if "Traceback" in text:
        text = text.splitlines()[-1]
    text = printable(" ".join(text[: 20 * longest].split())) or type(error).__name__
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(error: BaseException) -> str:
    """The kind and the words of an error, as :func:`words_of` gives them.

    >>> one_line(ValueError("expected a number,\\n  got x"))
    'ValueError: expected a number, got x'
    """
    kind = type(error).__name__
    return kind if not str(error).strip() else words_of(f"{kind}: {words_of(error)}")
