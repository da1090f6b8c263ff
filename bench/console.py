"""What is told on a console: signs that it lacks are replaced, and commands are named as the user called ours."""

from __future__ import annotations

import codecs
import logging
import sys
from pathlib import Path

from tsdm_bench.errors import printable

SIGNS = {
    **{"↑": "^", "↓": "v", "→": "->", "×": "x", "·": "*", "±": "+-", "−": "-", "–": "-", "—": "-", "─": "-"},
    **{"…": "...", "≤": "<=", "≥": ">=", "²": "2", "µ": "u", "σ": "sigma", "Δ": "delta", "≈": "~"},
    **{"‘": "'", "’": "'", "“": '"', "”": '"', "█": "#"},
}
"""What stands for the signs of our tables and messages where only ASCII can be shown."""


SCRIPT = "run_bench.py"
"""The door in a checkout, as the messages name it."""
OTHER_DOORS = {"tsdm-bench": "tsdm-bench", "bench/__main__": "python -m bench"}
"""How the command is called where another door was taken, by the end of ``sys.argv[0]``."""


def door() -> str:
    """The name under which the command was started: ``run_bench.py``, ``tsdm-bench`` or ``python -m bench``."""
    called = f"/{Path(sys.argv[0]).with_suffix('').as_posix()}"
    return next((name for end, name in OTHER_DOORS.items() if called.endswith(f"/{end}")), SCRIPT)


def as_called(text: str) -> str:
    """A message with the commands in it as the user of this door calls them."""
    return text if door() == SCRIPT else text.replace(f"python {SCRIPT}", door()).replace(SCRIPT, door())


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
        return "\n".join(map(printable, as_called(super().format(record)).split("\n")))


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = "".join(SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lacking)
    return plain, error.end
