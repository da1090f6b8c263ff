"""A console of any encoding: a sign that it lacks is replaced by another, and never ends the program."""

from __future__ import annotations

import codecs
import logging
import sys

from tsdm_bench.errors import printable

SIGNS = {
    **{"↑": "^", "↓": "v", "→": "->", "×": "x", "·": "*", "±": "+-", "−": "-", "–": "-", "—": "-", "─": "-"},
    **{"…": "...", "≤": "<=", "≥": ">=", "²": "2", "µ": "u", "σ": "sigma", "Δ": "delta", "≈": "~"},
    **{"‘": "'", "’": "'", "“": '"', "”": '"', "█": "#"},
}
"""What stands for the signs of our tables and messages where only ASCII can be shown."""


def accept_any_sign() -> None:
    """Let what is printed reach a console of another encoding (cp1252 of Windows, ASCII of the C locale)."""
    codecs.register_error("tsdm_bench.signs", _replace)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook has streams of its own, which take every sign
            stream.reconfigure(errors="tsdm_bench.signs")


class PrintableFormatter(logging.Formatter):
    """Log lines in which no name can steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record with everything that could steer a terminal shown as text."""
        return "\n".join(map(printable, super().format(record).split("\n")))


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = "".join(SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lacking)
    return plain, error.end
