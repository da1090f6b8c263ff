"""Paper-style tables: one description, written as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

Direction = Literal["higher", "lower", "zero", ""]
ARROWS = {"higher": "↑", "lower": "↓", "zero": "→0", "": ""}
LATEX_ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "zero": r"$\to 0$", "": ""}
LATEX_SPECIAL = {character: "\\" + character for character in "&%$#_{}"}
LATEX_SPECIAL |= {"–": "--", "×": r"$\times$", "±": r"$\pm$", "∞": r"$\infty$", "→": r"$\to$"}
LATEX_SPECIAL |= {"†": r"$\dagger$", "τ": r"$\tau$", "−": "$-$"}


@dataclass(frozen=True)
class Column:
    """One column of numbers: the key in the frame, what the head shows, and which way is better."""

    key: str
    head: str
    direction: Direction = "higher"
    digits: int | None = None
    """Decimals shown; without it as many as make four significant digits of the largest value."""
    interval: tuple[str, str] | None = None
    """Keys of the bounds of an interval, shown behind the number."""


class Shown(NamedTuple):
    """One number as it stands in a table."""

    text: str
    mark: Literal["best", "second", ""]
    interval: str
    """``[low, high]``, or nothing."""


@dataclass(frozen=True)
class Table:
    """Rows are methods (the frame's index), columns are numbers; the best is bold, the second underlined.

    Rows named in ``unranked`` are shown above the others and take no part in that: a source image compared with itself
    wins every fidelity metric and means nothing.
    """

    title: str
    note: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    unranked: frozenset[str] = field(default=frozenset())
    rows: str = "method"
    """What the rows are."""

    def cells(self) -> list[tuple[str, list[Shown]]]:
        """The name and the numbers of each row."""
        names = sorted(self.frame.index, key=lambda name: name not in self.unranked)
        columns = []
        for column in self.columns:
            values = self.frame[column.key]
            digits = _digits(values) if column.digits is None else column.digits
            ranked = {name: round(values[name], digits) for name in names if name not in self.unranked}
            marks = _marks(ranked, column.direction)
            columns.append(
                [
                    Shown(_number(values[name], digits), marks.get(name, ""), self._interval(name, column, digits))
                    for name in names
                ]
            )
        return [(name, [column[row] for column in columns]) for row, name in enumerate(names)]

    def _interval(self, name: str, column: Column, digits: int) -> str:
        bounds = [self.frame.at[name, key] for key in column.interval or ()]
        known = bounds and not any(pd.isna(bound) for bound in bounds)
        return f"[{', '.join(_number(bound, digits) for bound in bounds)}]" if known else ""


def _digits(values: pd.Series) -> int:
    largest = values[values.abs() < math.inf].abs().max()
    if not largest > 0:
        return 3
    return min(4, max(0, 3 - math.floor(math.log10(largest))))


def _number(value: float, digits: int) -> str:
    if pd.isna(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def _marks(values: dict[str, float], direction: Direction) -> dict[str, str]:
    """The best and second-best of what is shown; equal numbers share a mark."""
    badness: dict[Direction, Callable[[float], float]] = {"higher": lambda v: -v, "lower": lambda v: v, "zero": abs}
    if direction not in badness or len(values) < 2:
        return {}
    scores = {name: badness[direction](value) for name, value in values.items() if not pd.isna(value)}
    order = sorted(set(scores.values()))
    marks = dict(zip(order, ("best", "second"), strict=False))
    return {name: marks[score] for name, score in scores.items() if score in marks}


def markdown(table: Table) -> str:
    """GitHub Markdown with the best in bold and the second underlined."""
    styles = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    heads = [table.rows, *(f"{column.head} {ARROWS[column.direction]}".strip() for column in table.columns)]
    lines = [f"### {table.title}", "", "| " + " | ".join(heads) + " |", "|---|" + "---:|" * len(table.columns)]
    for name, cells in table.cells():
        numbers = [f"{styles[shown.mark].format(shown.text)} {shown.interval}".strip() for shown in cells]
        lines.append("| " + " | ".join([name, *numbers]) + " |")
    return "\n".join([*lines, "", table.note, ""])


def latex(table: Table) -> str:
    """A booktabs ``table`` environment, ready to paste into a paper."""
    styles = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}
    heads = [f"{_escape(column.head)} {LATEX_ARROWS[column.direction]}".strip() for column in table.columns]
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{_escape(table.title)}. {_escape(table.note)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join([table.rows.capitalize(), *heads]) + r" \\",
        r"\midrule",
    ]
    was_unranked = False
    for name, cells in table.cells():
        if was_unranked and name not in table.unranked:
            lines.append(r"\midrule")
        was_unranked = name in table.unranked
        numbers = [styles[shown.mark].format(_escape(shown.text)) + _small(shown.interval) for shown in cells]
        lines.append(" & ".join([_escape(name), *numbers]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def as_html(table: Table) -> str:
    """A ``<table>`` for the report page."""
    styles = {"best": "<b>{}</b>", "second": "<u>{}</u>", "": "{}"}
    heads = "".join(f"<th>{html.escape(c.head)} {ARROWS[c.direction]}</th>" for c in table.columns)
    rows = []
    for name, cells in table.cells():
        kind = ' class="source"' if name in table.unranked else ""
        numbers = "".join(
            f"<td>{styles[shown.mark].format(shown.text)} <small>{shown.interval}</small></td>" for shown in cells
        )
        rows.append(f"<tr{kind}><th>{html.escape(name)}</th>{numbers}</tr>")
    head = f"<thead><tr><th>{html.escape(table.rows)}</th>{heads}</tr></thead>"
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _small(interval: str) -> str:
    return rf" {{\scriptsize {_escape(interval)}}}" if interval else ""


def _escape(text: str) -> str:
    """LaTeX source that prints ``text`` as it stands."""
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)
