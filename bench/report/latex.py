r"""Tables for a paper: floats of IEEEtran and article that fit their column without overfull boxes.

A table takes one column (``table``) where it fits, else two (``table*``), stacked in blocks of columns where it is
wider still. Numbers of a column have the same decimals and end at the same place, so that their points are aligned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from typing import Literal, NamedTuple, get_args, get_type_hints

from bench.report.escape import beyond_pdflatex, latex_text
from bench.report.tables import Column, Shown, Table
from tsdm_bench.errors import UsageError

ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "zero": r"$\to 0$", "": ""}
MARKS = {"best": r"\benchbest{{{}}}", "second": r"\benchsecond{{{}}}", "": "{}"}
LOOKS = {
    "bold": (r"\textbf{#1}", r"\underline{#1}"),
    "colour": (r"\textcolor{red}{#1}", r"\textcolor{blue}{#1}"),
}
"""What the best and the second best look like."""
WIDTHS = {"ieee": (252.0, 516.0), "article": (229.0, 345.0)}
"""Points of one column and of the page: of IEEEtran, and of what fits article with one column or two."""
BROAD_PAGE = r"\ifdim\textwidth>515pt"
FONT, SMALL_FONT, GAP, ASIDE_GAP = 8.0, 7.0, 6.0, 2.0
"""Points: of the letters of a table and of asides, between columns, and before an aside."""
NARROW, BROAD = frozenset("iljtfrI.,:;'!|()[]` "), frozenset("mwMW@%∞→")
FIRST_BROAD = 0x2E80
"""The first of the East Asian letters."""
LONGEST_NAME = 150.0
"""Points of the column of names; longer ones are broken into lines."""
UNBROKEN = 14
"""Letters after which a word may be broken."""
MOST_LINES = 44
"""Lines of one float, so that it fits a page with its caption and notes."""


@dataclass(frozen=True)
class LatexStyle:
    """How tables look in LaTeX."""

    best: Literal["bold", "colour"] = "bold"
    """The best and second best number bold and underlined, or red and blue."""
    spread: Literal["auto", "interval", "std", "none"] = "auto"
    """What stands behind a mean: the interval where the page shows one, everywhere where there is one, the standard
    deviation of the pairs where there is one, or nothing."""
    page: Literal["any", "ieee", "article"] = "any"
    """The class that a table is laid out for; ``any`` holds both layouts where they differ, and LaTeX takes the one
    that fits the page."""

    def __post_init__(self) -> None:
        for field in fields(self):
            known = get_args(get_type_hints(LatexStyle)[field.name])
            if getattr(self, field.name) not in known:
                raise UsageError(f"{field.name} {getattr(self, field.name)!r}: expected {' or '.join(known)}")


class _Piece(NamedTuple):
    """One column as it is set: how it is aligned, its head, its cells and its width in points."""

    spec: str
    head: str
    cells: list[str]
    width: float
    places: int = 1
    """How many columns of LaTeX it takes."""


def latex_file(tables: Sequence[Table], style: LatexStyle, section: str) -> str:
    """The tables of one section: what defines their marks first, then a float for each (or several, if it is long)."""
    best, second = LOOKS[style.best]
    packages = "booktabs,multirow" + (",xcolor" if style.best == "colour" else "")
    lines = [
        rf"% needs \usepackage{{{packages}}}; define these two beforehand for another look of the best numbers",
        rf"\providecommand{{\benchbest}}[1]{{{best}}}",
        rf"\providecommand{{\benchsecond}}[1]{{{second}}}",
    ]
    return "\n".join([*lines, "", *(latex(table, style, f"tab:{section}-{slug(table.title)}") for table in tables)])


def latex(table: Table, style: LatexStyle | None = None, label: str = "") -> str:
    """One table as a float: caption, ``label``, the numbers in one block or several, and the notes in small print.

    Marked numbers stand in ``\\benchbest`` and ``\\benchsecond``, which :func:`latex_file` defines.
    """
    style = style or LatexStyle()
    layouts = [_layout(table, style, page, label) for page in (WIDTHS if style.page == "any" else [style.page])]
    source = layouts[0]
    if len(set(layouts)) > 1:
        source = "\n".join(
            [BROAD_PAGE, layouts[0].rstrip(), r"\else % a narrower page", layouts[1].rstrip(), r"\fi", ""]
        )
    beyond = beyond_pdflatex(source)
    return f"% Compile with XeLaTeX or LuaLaTeX and a font that has {beyond}\n{source}" if beyond else source


def _layout(table: Table, style: LatexStyle, of: str, label: str) -> str:
    """The floats of a table for one kind of page."""
    rows = table.cells()
    column, page = WIDTHS[of]
    stub = _stub(table, [name for name, _ in rows])
    pieces = [
        _piece(of, [cells[place] for _, cells in rows], style, page - _width(stub))
        for place, of in enumerate(table.columns)
    ]
    wide = _width(stub + pieces) > column
    blocks = _blocks(pieces, page - _width(stub)) if wide else [pieces]
    chunks = [range(start, min(start + MOST_LINES, len(rows))) for start in range(0, len(rows), MOST_LINES)]
    pages = [(chunk, blocks) for chunk in chunks]
    if sum(len(chunk) + 3 for chunk in chunks) * len(blocks) > MOST_LINES:
        pages = [(chunk, [block]) for chunk in chunks for block in blocks]
    floats = [_float(table, stub, chunk, of_page, wide, label, place) for place, (chunk, of_page) in enumerate(pages)]
    return "\n".join(floats)


def preview(sections: Sequence[str], style: LatexStyle) -> str:
    """A document that shows the tables of ``sections``, whose files and ``references.bib`` lie beside it."""
    packages = ["booktabs", "multirow", "url"] + (["xcolor"] if style.best == "colour" else [])
    lines = [r"\documentclass[journal]{IEEEtran}", rf"\usepackage{{{','.join(packages)}}}", r"\begin{document}"]
    lines += [rf"\input{{{name}.tex}}\clearpage" for name in sections]
    lines += [r"\nocite{*}", r"\bibliographystyle{IEEEtran}", r"\bibliography{references}", r"\end{document}", ""]
    return "\n".join(lines)


def slug(text: str) -> str:
    """A text as it may stand in a label.

    >>> slug("INCOMPLETE 3 of 4: Degraded pairs, reference: clean")
    'degraded-pairs-reference-clean'
    """
    text = re.sub(r"^INCOMPLETE \d+ of \d+: ", "", text)
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "table"


# --- one float ---


def _float(
    table: Table, stub: list[_Piece], rows: range, blocks: list[list[_Piece]], wide: bool, label: str, place: int
) -> str:
    kind = "table*" if wide else "table"
    lines = [rf"\begin{{{kind}}}[t]", r"\centering", r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    title = f"{table.title}: {table.of}" if table.of else table.title
    lines.append(rf"\caption{{{_breakable(title)}{' (continued)' if place else ''}}}")
    if label:
        lines.append(rf"\label{{{label}{f'-{place + 1}' if place else ''}}}")
    for block in blocks:
        lines += [*_tabular(table, stub + block, rows, fill=len(blocks) > 1), r"\par\smallskip"]
    if place:
        note = rf"Notes: see Table~\ref{{{label}}}." if label else ""
    else:
        note = _breakable(table.caption)
        if any(shown.mark for _, cells in table.cells() for shown in cells):
            note += r" \benchbest{Best} and \benchsecond{second best} of each column."
    if note:
        lines += [r"\begin{minipage}{\linewidth}\scriptsize\raggedright", note.strip(), r"\end{minipage}"]
    return "\n".join([*lines, rf"\end{{{kind}}}", ""])


def _tabular(table: Table, pieces: list[_Piece], rows: range, fill: bool) -> list[str]:
    specs = "@{}" + rf"@{{\hspace{{{GAP:g}pt}}{_stretch(fill)}}}".join(piece.spec for piece in pieces) + "@{}"
    kind, width = ("tabular*", r"{\linewidth}") if fill else ("tabular", "")
    names = [name for name, _ in table.cells()]
    heads = " & ".join(_spanned(piece, piece is pieces[-1]) for piece in pieces)
    lines = [rf"\begin{{{kind}}}{width}{{{specs}}}", r"\toprule", heads + r" \\", r"\midrule"]
    parts = [list(part) for _, part in groupby(rows, key=lambda row: _part(table, names[row]))]
    for number, part in enumerate(parts):
        lines += [r"\midrule"] * (number > 0)
        for row in part:
            cells = [piece.cells[row] for piece in pieces]
            if table.groups and len(set(table.groups.values())) > 1:
                several = len(part) > 1
                group = latex_text(table.groups.get(names[row], ""))
                cells[0] = (rf"\multirow{{{len(part)}}}{{*}}{{{group}}}" if several else group) * (row == part[0])
            lines.append(" & ".join(cells) + r" \\")
    return [*lines, r"\bottomrule", rf"\end{{{kind}}}"]


def _part(table: Table, name: str) -> object:
    """What rows stand together: those of one group, or the sources."""
    return table.groups.get(name, "") if table.groups else name in table.unranked


def _stretch(fill: bool) -> str:
    return r"\extracolsep{\fill}" if fill else ""


def _spanned(piece: _Piece, last: bool) -> str:
    """The head of a column, over both places of one that has two."""
    gap = "@{}" if last else rf"@{{\hspace{{{GAP:g}pt}}}}"
    return piece.head if piece.places == 1 else rf"\multicolumn{{{piece.places}}}{{c{gap}}}{{{piece.head}}}"


# --- columns ---


def _stub(table: Table, names: list[str]) -> list[_Piece]:
    """The names of the rows, after their groups where there are several."""
    head = latex_text(table.rows.capitalize())
    longest = max(map(_points, [table.rows.capitalize(), *names]))
    cells = [latex_text(name) for name in names]
    spec = "l"
    if longest > LONGEST_NAME:
        longest, spec = LONGEST_NAME, f"p{{{LONGEST_NAME:g}pt}}"
        cells = [rf"\raggedright {_breakable(name)}" for name in names]
    pieces = [_Piece(spec, head, cells, longest)]
    groups = [table.groups.get(name, "") for name in names]
    if len(set(groups)) > 1:
        pieces.insert(0, _Piece("l", "", [latex_text(group) for group in groups], max(map(_points, groups))))
    return pieces


def _piece(column: Column, cells: Sequence[Shown], style: LatexStyle, most: float) -> _Piece:
    """A column of numbers, and a second one for what stands behind them."""
    asides = [_aside(shown, style) for shown in cells]
    numbers = max(_points(shown.text) * (1.15 if shown.mark == "best" else 1) for shown in cells)
    beside = max(map(_points, asides)) * SMALL_FONT / FONT + ASIDE_GAP if any(asides) else 0.0
    head, head_width = _head(column, numbers + beside, most)
    texts = [MARKS[shown.mark].format(latex_text(shown.text)) for shown in cells]
    width = max(numbers + beside, head_width)
    if not any(asides):
        return _Piece("r", head, texts, width)
    small = [rf"\scriptsize {latex_text(aside).removeprefix('{}')}" if aside else "" for aside in asides]
    joined = [f"{text} & {aside}".strip() for text, aside in zip(texts, small, strict=True)]
    spec = rf"r@{{\extracolsep{{0pt}}\hspace{{{ASIDE_GAP:g}pt}}}}l"
    return _Piece(spec, head, joined, width, places=2)


def _aside(shown: Shown, style: LatexStyle) -> str:
    spreads = {
        "auto": shown.interval,
        "interval": shown.interval or shown.further,
        "std": shown.std,
        "none": "",
    }
    return f"{spreads[style.spread]} {shown.part}".strip()


def _head(column: Column, room: float, most: float) -> tuple[str, float]:
    """The head of a column in lines about as wide as its numbers, and its width."""
    arrow = ARROWS[column.direction]
    words = [part for word in column.head.split() or [""] for part in _parts_of(word)]
    room = min(max([room, 34.0, *map(_points, words)]), most)
    lines: list[str] = []
    for word in words:
        if lines and _points(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    width = max(map(_points, lines))
    shown = [latex_text(line) for line in lines]
    if arrow:
        shown[-1] = f"{shown[-1]} {arrow}".strip()
        width = max(width, _points(lines[-1]) + 1.2 * FONT * (2 if column.direction == "zero" else 1))
    if len(shown) == 1:
        return shown[0], width
    return r"\begin{tabular}[b]{@{}r@{}}" + r"\\".join(shown) + r"\end{tabular}", width


def _blocks(pieces: list[_Piece], room: float) -> list[list[_Piece]]:
    """The columns in as few blocks of about one number of columns as fit."""
    for number in range(1, len(pieces) + 1):
        ends = [len(pieces) * block // number for block in range(number + 1)]
        blocks = [pieces[start:end] for start, end in pairwise(ends)]
        if all(GAP + _width(block) <= room for block in blocks):
            return blocks
    return [[piece] for piece in pieces]


def _width(pieces: Sequence[_Piece]) -> float:
    return sum(piece.width for piece in pieces) + GAP * (len(pieces) - 1)


def _points(text: str) -> float:
    """About how wide a text is, rather more than less."""

    def ems(letter: str) -> float:
        if letter in NARROW:
            return 0.36
        if letter in BROAD or ord(letter) >= FIRST_BROAD:
            return 1.05
        return 0.8 if letter.isupper() else 0.56

    return FONT * sum(map(ems, text))


def _breakable(text: str) -> str:
    r"""The LaTeX of a text whose long words may be broken."""
    return " ".join(r"\hspace{0pt}".join(map(latex_text, _parts_of(word))) for word in text.split(" "))


def _parts_of(word: str) -> list[str]:
    """A word, in parts where it is too long for one."""
    longest = UNBROKEN if len(word) > 2 * UNBROKEN else len(word)
    return [word[start : start + longest] for start in range(0, len(word), longest)] if word else [""]
