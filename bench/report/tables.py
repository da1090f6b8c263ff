"""Paper-style tables: one description, written as Markdown and HTML (and as LaTeX by :mod:`bench.report.latex`)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

from bench.report.escape import html_text, markdown_text

Direction = Literal["higher", "lower", "zero", ""]
Mark = Literal["best", "second", ""]
ARROWS = {"higher": "↑", "lower": "↓", "zero": "→0", "": ""}
BADNESS: dict[Direction, Callable[[float], float]] = {"higher": lambda v: -v, "lower": lambda v: v, "zero": abs}
NOT_APPLICABLE = "n/a"
PARTIAL = "(k of n): the mean of only k of the n values that the other means rest on; not ranked."


@dataclass(frozen=True)
class Column:
    """One column of numbers: the key in the frame, what the head shows, and which way is better."""

    key: Hashable
    head: str
    direction: Direction = "higher"
    digits: int | None = None
    """Decimals shown; without it as many as make four significant digits of the largest value."""
    interval: tuple[str, str] | None = None
    """Keys of the bounds of an interval, shown behind the number."""
    count: Hashable = None
    """Key of the number of values that each mean rests on."""
    full: int = 0
    """How many values a mean rests on that may be compared; one over fewer is marked and not ranked."""
    repeated: bool = False
    """Whether the interval is the range of repeated measurements: where two overlap, they do not differ."""
    ranked: bool = True
    further: tuple[str, str] | None = None
    """Keys of the bounds of an interval that is shown on request only."""
    std: Hashable = None
    """Key of the standard deviation, shown on request only."""


class Shown(NamedTuple):
    """One number as it stands in a table."""

    text: str
    mark: Mark
    interval: str
    """``[low, high]``, or nothing."""
    part: str = ""
    """``(k of n)`` behind a mean over fewer values than its neighbours rest on."""
    further: str = ""
    std: str = ""

    @property
    def aside(self) -> str:
        """What stands behind the number in small print."""
        return f"{self.interval} {self.part}".strip()


@dataclass(frozen=True)
class Table:
    """Rows are methods (the frame's index), columns are numbers; the best is bold, the second underlined.

    Equal numbers, as shown, share a mark; where all are equal there is none. Rows named in ``unranked`` are shown above
    the others and take no part in that: a source image compared with itself wins every fidelity metric and means
    nothing. Nor do means over fewer values than their neighbours (:attr:`Column.full`).
    """

    title: str
    note: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    unranked: frozenset[str] = field(default=frozenset())
    rows: str = "method"
    """What the rows are."""
    of: str = ""
    """What a caption has to add to the title where the table stands alone."""
    without: frozenset[str] = field(default=frozenset())
    """Rows that have no such numbers by their nature, shown as :data:`NOT_APPLICABLE`."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Row → the heading of the rows that it stands with; those of one heading follow each other."""

    @property
    def caption(self) -> str:
        """The note, and what is to be said of numbers that stand apart."""
        partial = any(shown.part for _, cells in self.cells() for shown in cells)
        return f"{self.note} {PARTIAL}".strip() if partial else self.note

    def cells(self) -> list[tuple[str, list[Shown]]]:
        """The name and the numbers of each row."""
        return self._cells

    @functools.cached_property
    def _cells(self) -> list[tuple[str, list[Shown]]]:
        names = list(self.frame.index)
        rows = sorted(range(len(names)), key=lambda row: names[row] not in self.unranked)
        columns = [self._column(column) for column in self.columns]
        return [(names[row], [column[row] for column in columns]) for row in rows]

    def _column(self, column: Column) -> list[Shown]:
        """The numbers of a column, in the order of the frame."""
        values = self.frame[column.key]
        digits = _digits(values) if column.digits is None else column.digits
        parts = self._parts(column)
        bounds, further = (self._bounds(keys) for keys in (column.interval, column.further))
        spread = [math.nan] * len(values) if column.std is None else self.frame[column.std].tolist()
        ranked = {
            row: round(value, digits)
            for row, (name, value) in enumerate(values.items())
            if column.ranked and name not in self.unranked and not parts[row]
        }
        marks = _marks(ranked, column.direction, bounds if column.repeated else ())
        return [
            Shown(
                NOT_APPLICABLE if name in self.without else _number(value, digits),
                marks.get(row, ""),
                _interval(bounds[row], digits),
                parts[row],
                _interval(further[row], digits),
                "" if pd.isna(spread[row]) else f"±{_number(spread[row], digits)}",
            )
            for row, (name, value) in enumerate(values.items())
        ]

    def _bounds(self, keys: tuple[str, str] | None) -> list[tuple[float, ...]]:
        """Both bounds of each row; nothing where the column has none."""
        if keys is None:
            return [()] * len(self.frame)
        return list(zip(*(self.frame[key].tolist() for key in keys), strict=True))

    def _parts(self, column: Column) -> list[str]:
        """``(k of n)`` for each mean over too few values."""
        if column.count is None:
            return [""] * len(self.frame)
        return [
            f"({int(count)} of {column.full})" if not pd.isna(value) and count < column.full else ""
            for value, count in zip(self.frame[column.key], self.frame[column.count], strict=True)
        ]


def _digits(values: pd.Series) -> int:
    largest = values[values.abs() < math.inf].abs().max()
    if not largest > 0:
        return 3
    return min(4, max(0, 3 - math.floor(math.log10(largest))))


def _number(value: float, digits: int) -> str:
    if pd.isna(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:z.{digits}f}"  # z: no minus before a zero


def _interval(bounds: Sequence[float], digits: int) -> str:
    """``[low, high]``, or nothing where one of them is not known."""
    known = bounds and not any(map(pd.isna, bounds))
    return f"[{', '.join(_number(bound, digits) for bound in bounds)}]" if known else ""


def _marks(values: Mapping[int, float], direction: Direction, ranges: Sequence[Sequence[float]]) -> dict[int, Mark]:
    """The best and second-best of what is shown; none where nothing differs, or where their ranges overlap."""
    if direction not in BADNESS:
        return {}
    scores = {row: BADNESS[direction](value) for row, value in values.items() if not pd.isna(value)}
    marks: dict[int, Mark] = {}
    for mark in ("best", "second"):
        rest = {row: score for row, score in scores.items() if row not in marks}
        leaders = {row for row, score in rest.items() if score == min(rest.values())}
        others = rest.keys() - leaders
        if (mark == "best" and not others) or any(
            _overlap(ranges[leader], ranges[other]) for leader in leaders for other in others if ranges
        ):
            break
        marks |= dict.fromkeys(leaders, mark)
    return marks


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def markdown(table: Table) -> str:
    """GitHub Markdown with the best in bold and the second underlined."""
    styles = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    heads = [table.rows, *(f"{column.head} {ARROWS[column.direction]}".strip() for column in table.columns)]
    lines = [f"### {markdown_text(table.title)}", "", "| " + " | ".join(map(markdown_text, heads)) + " |"]
    lines.append("|---|" + "---:|" * len(table.columns))
    for name, cells in table.cells():
        numbers = [f"{styles[shown.mark].format(shown.text)} {shown.aside}".strip() for shown in cells]
        lines.append("| " + " | ".join([markdown_text(name), *numbers]) + " |")
    return "\n".join([*lines, "", markdown_text(table.caption), ""])


def as_html(table: Table, heads: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None) -> str:
    """A ``<table>`` for the report page: its numbers sort by their value (``data-order``).

    ``heads`` and ``names`` give definitions (``data-tip``) of column heads and of rows.
    """
    marks = {"best": "<b>{}</b>", "second": "<u>{}</u>", "": "{}"}
    columns = "".join(
        f'<th scope=col data-direction="{column.direction}">'
        f"{_with_tip(f'{column.head} {ARROWS[column.direction]}'.strip(), (heads or {}).get(column.head, ''))}</th>"
        for column in table.columns
    )
    rows, place = [], {name: row for row, name in enumerate(table.frame.index)}
    for name, cells in table.cells():
        kind = ' class="source"' if name in table.unranked else ""
        numbers = "".join(
            f'<td data-order="{_order(table.frame[column.key].iloc[place[name]])}">'
            f"{marks[shown.mark].format(shown.text)} <small>{shown.aside}</small></td>"
            for column, shown in zip(table.columns, cells, strict=True)
        )
        rows.append(f"<tr{kind}><th scope=row>{_with_tip(name, (names or {}).get(name, ''))}</th>{numbers}</tr>")
    head = f"<thead><tr><th scope=col>{html_text(table.rows)}</th>{columns}</tr></thead>"
    return f'<table class="data">{head}<tbody>{"".join(rows)}</tbody></table>'


def _with_tip(text: str, tip: str) -> str:
    return f'<span data-tip="{html_text(tip)}">{html_text(text)}</span>' if tip else html_text(text)


def _order(value: float) -> str:
    """What a cell is sorted by; nothing where there is no number."""
    return "" if pd.isna(value) else f"{value:.8g}".replace("inf", "1e308")
