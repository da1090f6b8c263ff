"""Rows as a table of text, for a terminal or in Markdown."""

from __future__ import annotations

import shutil
import textwrap

GAP = 2
NARROWEST = 12
"""Characters below which no column is narrowed."""


def as_markdown(rows: list[dict], columns: tuple[str, ...]) -> str:
    """A Markdown table, for the README and other pages."""
    cells = [[_in_markdown(_short(row.get(column, ""))) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(columns), ["---"] * len(columns), *cells])


def as_text_table(rows: list[dict], columns: tuple[str, ...]) -> str:
    """Aligned columns; the widest are wrapped so that a line fits the terminal, between words where that is enough.

    >>> print(as_text_table([{"name": "tno", "pairs": 42}], ("name", "pairs")))
    name  pairs
    ────  ─────
    tno   42
    """
    cells = [[_short(row.get(column, "")) for column in columns] for row in rows]
    widths = _widths([list(columns), *cells], max(80, shutil.get_terminal_size((140, 24)).columns))
    lines = []
    for row in [list(columns), ["─" * width for width in widths], *cells]:
        wrapped = [textwrap.wrap(text, width) or [""] for text, width in zip(row, widths, strict=True)]
        for line in range(max(map(len, wrapped))):
            parts = [part[line] if line < len(part) else "" for part in wrapped]
            padded = [f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)]
            lines.append((" " * GAP).join(padded).rstrip())
    return "\n".join(lines)


def _widths(cells: list[list[str]], line: int) -> list[int]:
    """The width of each column: the widest gives way first, and a column that has to split a word gives way last."""
    texts = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in texts]
    words = [max(len(word) for text in column for word in [*text.split(), ""]) for column in texts]
    room = line - GAP * (len(widths) - 1)
    while sum(widths) > room:
        whole = [index for index, width in enumerate(widths) if width > max(words[index], NARROWEST)]
        split = [index for index, width in enumerate(widths) if width > NARROWEST]
        if not (narrowed := whole or split):
            break
        widths[max(narrowed, key=widths.__getitem__)] -= 1
    return widths


def _in_markdown(text: str) -> str:
    """Text that a Markdown table shows as it stands, globs such as ``*.png`` included."""
    return text.replace("|", "\\|").replace("*", "\\*")


def _short(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)
