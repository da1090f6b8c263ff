r"""Tables for a paper: floats of IEEEtran and article that fit their column without overfull boxes.

A table takes one column (``table``) where it fits, else two (``table*``), stacked in blocks of columns where it is
wider still; :mod:`bench.report.latex_columns` sets its columns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from typing import Literal, NamedTuple, TypeVar, get_args, get_type_hints

from bench.report.escape import beyond_pdflatex, latex_text
from bench.report.latex_columns import GAP, HEADS, PAGES, Page, Piece, Spread, blocks, breakable, piece, stub, width_of
from bench.report.tables import Table
from tsdm_bench.errors import UsageError

Item = TypeVar("Item")
LOOKS = {
    "bold": (r"\benchpoint{\textbf}{#1}", r"\underline{#1}"),
    "colour": (r"\textcolor{red}{#1}", r"\textcolor{blue}{#1}"),
}
"""What the best and the second best look like."""
ALIGNMENT = r"""\providecommand{\benchpoint}[2]{#1{#2}\benchback{#1}#2..\relax}
\def\benchback#1#2.#3.#4\relax{\sbox0{#1{#3}}\sbox2{#3}\kern\dimexpr\wd2-\wd0\relax}
\providecommand{\benchgap}[2]{\sbox0{#1}\makebox[\wd0]{#2}}"""
"""Of a number in another weight: its decimals reach past the end of the others, so that the point stays below theirs.
Of what is no number: centred in the room of one."""
MOST_LINES = 44
"""Lines of one float, so that it fits a page with its caption and notes."""


@dataclass(frozen=True)
class LatexStyle:
    """How tables look in LaTeX."""

    best: Literal["bold", "colour"] = "bold"
    """The best and second best number bold and underlined, or red and blue."""
    spread: Spread = "auto"
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


def latex_file(tables: Sequence[Table], style: LatexStyle, section: str) -> str:
    """The tables of one section: what defines their marks first, then a float for each (or several, if it is long)."""
    best, second = LOOKS[style.best]
    packages = "booktabs,multirow" + (",xcolor" if style.best == "colour" else "")
    lines = [
        rf"% needs \usepackage{{{packages}}}; define these two beforehand for another look of the best numbers",
        rf"\providecommand{{\benchbest}}[1]{{{best}}}",
        rf"\providecommand{{\benchsecond}}[1]{{{second}}}",
        "% where a marked number and a missing one stand in their column",
        ALIGNMENT,
    ]
    return "\n".join([*lines, "", *(latex(table, style, f"tab:{section}-{slug(table.title)}") for table in tables)])


def latex(table: Table, style: LatexStyle | None = None, label: str = "") -> str:
    """One table as a float: caption, ``label``, the numbers in one block or several, and the notes in small print.

    It uses the commands that :func:`latex_file` defines: ``\\benchbest`` and ``\\benchsecond`` around marked numbers.
    """
    style = style or LatexStyle()
    pages = [page for of, pages in PAGES.items() if style.page in ("any", of) for page in pages]
    layouts = [_layout(table, style, page, label) for page in pages]
    source = layouts[-1]
    for page, (layout, narrower) in reversed([*zip(pages, pairwise(layouts), strict=False)]):
        if layout != narrower:
            broad = rf"\ifdim\textwidth>{page.whole - 1:g}pt"
            source = "\n".join([broad, layout.rstrip(), r"\else % a narrower page", source.rstrip(), r"\fi", ""])
    beyond = beyond_pdflatex(source)
    return f"% Compile with XeLaTeX or LuaLaTeX and a font that has {beyond}\n{source}" if beyond else source


def _layout(table: Table, style: LatexStyle, page: Page, label: str) -> str:
    """The floats of a table for one kind of page."""
    rows = table.cells()
    names = stub(table, [name for name, _ in rows], page)
    roomy, narrow = (_arranged(table, style, page, names, head) for head in HEADS)
    wide, parts = roomy if len(roomy.parts) == len(narrow.parts) and roomy.wide == narrow.wide else narrow
    pages = [
        (chunk, some)
        for chunk in _alike(range(len(rows)), MOST_LINES)
        for some in _alike(parts, max(1, MOST_LINES // (len(chunk) + 3)))
    ]
    floats = [_float(table, names, chunk, some, wide, label, place) for place, (chunk, some) in enumerate(pages)]
    return "\n".join(floats)


def _alike(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    """In as few parts of about one length as have at most ``most`` items."""
    number = math.ceil(len(items) / most)
    ends = [len(items) * part // number for part in range(number + 1)]
    return [items[start:end] for start, end in pairwise(ends)]


class _Arranged(NamedTuple):
    """The columns of numbers in blocks, and whether they need the whole page."""

    wide: bool
    parts: list[list[Piece]]


def _arranged(table: Table, style: LatexStyle, page: Page, names: list[Piece], head: float) -> _Arranged:
    room = page.whole - width_of(names)
    rows = [cells for _, cells in table.cells()]
    numbers = [
        piece(column, [cells[place] for cells in rows], style.spread, page, head, room)
        for place, column in enumerate(table.columns)
    ]
    wide = width_of(names + numbers) > page.column
    return _Arranged(wide, blocks(numbers, room) if wide else [numbers])


def preview(sections: Sequence[str], style: LatexStyle) -> str:
    """A document that shows the tables of ``sections``, whose files and ``references.bib`` lie beside it."""
    packages = ["booktabs", "multirow", "url"] + (["xcolor"] if style.best == "colour" else [])
    lines = [r"\documentclass[journal]{IEEEtran}", rf"\usepackage{{{','.join(packages)}}}", r"\begin{document}"]
    lines += [r"\makeatletter\@fptop=0pt\@dblfptop=0pt\makeatother"]
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
    table: Table,
    names: list[Piece],
    rows: Sequence[int],
    parts: Sequence[list[Piece]],
    wide: bool,
    label: str,
    place: int,
) -> str:
    kind = "table*" if wide else "table"
    lines = [
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{3pt}\setlength{\belowcaptionskip}{3pt}",
    ]
    title = f"{table.title} ({table.of})" if table.of else table.title
    if place:
        lines.append(r"\addtocounter{table}{-1}")
    lines.append(rf"\caption{{{breakable(title)}{' (continued)' if place else ''}}}")
    if label:
        lines.append(rf"\label{{{label}{f'-{place + 1}' if place else ''}}}")
    for part in parts:
        lines += [*_tabular(table, names, part, rows, len(parts) > 1, part is parts[-1]), r"\par\smallskip"]
    note = "Notes: below the first part." if place else breakable(table.caption)
    if not place and any(shown.mark for _, cells in table.cells() for shown in cells):
        note += r" \benchbest{Best} and \benchsecond{second best} of each column."
    if note:
        lines += [r"\begin{minipage}{\linewidth}\scriptsize\raggedright", note.strip(), r"\end{minipage}"]
    return "\n".join([*lines, rf"\end{{{kind}}}", ""])


def _tabular(
    table: Table, stub: list[Piece], numbers: list[Piece], rows: Sequence[int], stacked: bool, last: bool
) -> list[str]:
    """One of the blocks of a table; those that are stacked take the whole width, with one rule between two."""
    pieces, names = stub + numbers, [name for name, _ in table.cells()]
    kind, width = ("tabular*", r"{\linewidth}") if stacked else ("tabular", "")
    stretch = r"\extracolsep{\fill}" if stacked else ""
    gap, wider = rf"@{{\hspace{{{GAP:g}pt}}}}", rf"@{{\hspace{{{GAP:g}pt}}{stretch}}}"
    specs = wider.join([gap.join(each.spec for each in stub), *(each.spec for each in numbers)])
    heads = " & ".join(_spanned(each, each is pieces[-1]) for each in pieces)
    lines = [rf"\begin{{{kind}}}{width}{{@{{}}{specs}@{{}}}}"]
    lines += [r"\toprule", heads + r" \\", r"\midrule"]
    parts = [list(part) for _, part in groupby(rows, key=lambda row: _part(table, names[row]))]
    for number, part in enumerate(parts):
        lines += [r"\midrule"] * (number > 0)
        for row in part:
            cells = [each.cells[row] for each in pieces]
            if table.groups and len(set(table.groups.values())) > 1:
                several = len(part) > 1
                group = latex_text(table.groups.get(names[row], ""))
                cells[0] = (rf"\multirow{{{len(part)}}}{{*}}{{{group}}}" if several else group) * (row == part[0])
            lines.append(" & ".join(cells) + r" \\")
    return [*lines, *[r"\bottomrule"] * last, rf"\end{{{kind}}}"]


def _part(table: Table, name: str) -> object:
    """What rows stand together: those of one group, or the sources."""
    return table.groups.get(name, "") if table.groups else name in table.unranked


def _spanned(piece: Piece, last: bool) -> str:
    """The head of a column, over both places of one that has two."""
    gap = "@{}" if last else rf"@{{\hspace{{{GAP:g}pt}}}}"
    return piece.head if piece.places == 1 else rf"\multicolumn{{{piece.places}}}{{c{gap}}}{{{piece.head}}}"
