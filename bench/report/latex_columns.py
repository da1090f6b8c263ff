r"""Columns of a table in LaTeX: heads broken into lines, numbers aligned at the decimal point, and how wide they are.

The numbers of a column have the same decimals and end at the same place. ``\benchpoint`` keeps that right for marked
numbers, whose bold digits are wider in some fonts, and ``\benchgap`` centres what is no number (``–``, ``n/a``, ``∞``)
below the others; :func:`bench.report.latex.latex_file` defines both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from bench.report.escape import latex_text
from bench.report.tables import Column, Shown, Table

Spread = Literal["auto", "interval", "std", "none"]
ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "zero": r"$\to 0$", "": ""}
MARKS = {"best": r"\benchbest{{{}}}", "second": r"\benchsecond{{{}}}", "": "{}"}
FONT, SMALL_FONT, GAP, ASIDE_GAP = 8.0, 7.0, 6.0, 4.0
"""Points: of the letters of a table and of asides, between columns, and before an aside."""
LONGEST_NAME = 150.0
"""Points of the column of names; longer ones are broken into lines."""
HEADS = 64.0, 34.0
"""Points that a head may take before it is broken into lines: where there is room, and where there is not."""
UNBROKEN = 14
"""Letters after which a word may be broken."""
TIMES = {
    letter: width
    for width, letters in {
        0.25: ".,", 0.28: "ijlt/:;'|", 0.33: " ", 0.34: "Ifr()[]!-`", 0.39: "Js", 0.45: "acez?",
        0.5: "bdghknopquvxy_*†‡0123456789", 0.57: "$FPS+=<>~^", 0.62: "ELTZ", 0.67: "BCR", 0.73: "ADGHKNOQUVwXY",
        0.78: "m&", 0.9: "M%−±", 0.95: "W@",
    }.items()
    for letter in letters
}  # fmt: skip
"""Em of each letter of Times, a little rounded up."""
OTHER, BROAD, FIRST_BROAD = 0.8, 1.05, 0x250
"""Em of other Latin letters and signs, of those beyond (``∞``, ``→``, East Asia), and the first of the latter."""


class Page(NamedTuple):
    """A kind of page: points of one column and of the whole, and how broad its letters are against Times."""

    column: float
    whole: float
    letters: float


PAGES = {
    "ieee": (Page(252.0, 516.0, 1.01),),
    "article": (Page(221.0, 452.0, 1.15), Page(345.0, 345.0, 1.15)),
}
"""By class, broad ones first: IEEEtran in Times; article with two columns and with one, in Computer Modern, on the
narrower of A4 and US letter."""


class Piece(NamedTuple):
    """One column as it is set: how it is aligned, its head, its cells and its width in points."""

    spec: str
    head: str
    cells: list[str]
    width: float
    places: int = 1
    """How many columns of LaTeX it takes."""


def stub(table: Table, names: list[str], page: Page) -> list[Piece]:
    """The names of the rows, after their groups where there are several."""
    title = table.rows.capitalize()
    longest = max(points(name, page) for name in [title, *names])
    cells = [latex_text(name) for name in names]
    spec = "l"
    if longest > LONGEST_NAME:
        longest, spec = LONGEST_NAME, f"p{{{LONGEST_NAME:g}pt}}"
        cells = [rf"\raggedright {breakable(name)}" for name in names]
    pieces = [Piece(spec, latex_text(title), cells, longest)]
    groups = [table.groups.get(name, "") for name in names]
    if len(set(groups)) > 1:
        pieces.insert(0, Piece("l", "", [latex_text(of) for of in groups], max(points(of, page) for of in groups)))
    return pieces


def piece(column: Column, cells: Sequence[Shown], spread: Spread, page: Page, head: float, most: float) -> Piece:
    """A column of numbers, and a second one for what stands behind them.

    Its head is about as wide as the numbers or as ``head`` points, and at most ``most``.
    """
    numbers = [_signed(shown.text) for shown in cells]
    asides = [_signed(_aside(shown, spread)) for shown in cells]
    widest = max(numbers, key=lambda number: (_is_number(number), points(number, page)))
    width = max(points(number, page) for number in numbers)
    if any(asides):
        width += max(points(aside, page) for aside in asides) * SMALL_FONT / FONT + ASIDE_GAP
    title, title_width = _head(column, max(width, head), page, most)
    width = max(width, title_width)
    texts = [MARKS[shown.mark].format(_set(of, widest)) for shown, of in zip(cells, numbers, strict=True)]
    if not any(asides):
        return Piece("r", title, texts, width)
    small = [rf"\scriptsize {latex_text(aside).removeprefix('{}')}" if aside else "" for aside in asides]
    joined = [f"{text} & {aside}".strip() for text, aside in zip(texts, small, strict=True)]
    return Piece(rf"r@{{\extracolsep{{0pt}}\hspace{{{ASIDE_GAP:g}pt}}}}l", title, joined, width, places=2)


def blocks(pieces: list[Piece], room: float) -> list[list[Piece]]:
    """The columns in as few blocks as fit, and those as even in width as may be."""
    fewest = len(_filled(pieces, room))
    limits = {GAP + width_of(pieces[start:end]) for start, end in combinations(range(len(pieces) + 1), 2)}
    tried = (_filled(pieces, limit) for limit in sorted(limits) if limit <= room)
    return next((found for found in tried if len(found) == fewest), _filled(pieces, room))


def _filled(pieces: list[Piece], limit: float) -> list[list[Piece]]:
    """Blocks filled one after the other up to a width, one column at least."""
    found: list[list[Piece]] = []
    for each in pieces:
        if found and GAP + width_of([*found[-1], each]) <= limit:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def width_of(pieces: Sequence[Piece]) -> float:
    """Points of columns beside each other."""
    return sum(piece.width for piece in pieces) + GAP * (len(pieces) - 1)


def points(text: str, page: Page) -> float:
    """About how wide a text is, rather more than less."""
    ems = (TIMES.get(letter, BROAD if ord(letter) >= FIRST_BROAD else OTHER) for letter in text)
    return FONT * page.letters * sum(ems)


def breakable(text: str) -> str:
    r"""The LaTeX of a text whose long words may be broken."""
    return " ".join(r"\hspace{0pt}".join(map(latex_text, _parts_of(word))) for word in text.split(" "))


def _aside(shown: Shown, spread: Spread) -> str:
    spreads = {
        "auto": shown.interval,
        "interval": shown.interval or shown.further,
        "std": shown.std,
        "none": "",
    }
    return f"{spreads[spread]} {shown.part}".strip()


def _set(text: str, widest: str) -> str:
    r"""A number, or what stands for one: centred in the room of the widest number."""
    if _is_number(text) or not _is_number(widest):
        return latex_text(text)
    return rf"\benchgap{{{latex_text(widest)}}}{{{latex_text(text)}}}"


def _is_number(text: str) -> bool:
    return any(map(str.isdigit, text))


def _signed(text: str) -> str:
    """Numbers with a minus, where there is a hyphen."""
    return text.replace("-", "−")


def _head(column: Column, room: float, page: Page, most: float) -> tuple[str, float]:
    """The head of a column in lines of about ``room`` points, the arrow in the last one, and its width."""
    arrow = ARROWS[column.direction]
    words = [part for word in column.head.split() or [""] for part in _parts_of(word)]
    beside = {"": 0.0, "zero": 2.4 * FONT}.get(column.direction, 1.2 * FONT)
    widths = [points(word, page) for word in words]
    widths[-1] += beside
    room = min(max(room, *widths), most)
    lines: list[list[str]] = []
    width = full = 0.0
    for word, wide in zip(words, widths, strict=True):
        if lines and full + points(" ", page) + wide <= room:
            lines[-1].append(word)
            full += points(" ", page) + wide
        else:
            lines.append([word])
            full = wide
        width = max(width, full)
    shown = [latex_text(" ".join(line)) for line in lines]
    shown[-1] = f"{shown[-1]} {arrow}".strip()
    if len(shown) == 1:
        return shown[0], width
    return r"\begin{tabular}[b]{@{}r@{}}" + r"\\".join(shown) + r"\end{tabular}", width


def _parts_of(word: str) -> list[str]:
    """A word, in parts where it is too long for one."""
    longest = UNBROKEN if len(word) > 2 * UNBROKEN else len(word)
    return [word[start : start + longest] for start in range(0, len(word), longest)] if word else [""]
