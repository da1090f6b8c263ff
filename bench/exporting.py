"""A run in other forms: rows as CSV, long and wide, tables as sheets of an Excel workbook, boxes as COCO's JSON."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsdm_bench.errors import UsageError, printable
from tsdm_bench.files import write_atomically, write_csv

if TYPE_CHECKING:  # the command line asks for the forms, and is to answer at once
    import pandas as pd

    from bench.report.tables import Table
    from bench.run.store import RunFolder

KEY = ["dataset", "image", "scene", "factor", "severity", "modality", "seed", "method"]
SHEET_NAME = 31
"""Characters that Excel allows."""
NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\']")
WIDEST = 60
"""Characters of a column of text."""
log = logging.getLogger(__name__)


def write_export(folder: RunFolder, to: str, place: Path) -> list[Path]:
    """Write the run as the form ``to`` (a key of :data:`FORMS`) into ``place`` and return the files.

    Raises ``UsageError`` where the run has no rows yet.
    """
    if to not in FORMS:
        raise UsageError(f"cannot export to {to!r}; expected {' or '.join(FORMS)}")
    return FORMS[to].write(folder, place)


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """The long table with a row per image, condition and method, and a column per metric and reference.

    Columns are named ``metric`` or ``metric-reference``; ``seconds`` is the time that fusing took.
    """
    reference = ("-" + rows["reference"]).where(rows["reference"] != "none", "")
    named = rows.assign(quantity=rows["metric"] + reference)
    table = named.pivot(index=[*KEY, "seconds"], columns="quantity", values="value")
    return table[named["quantity"].unique()].reset_index().rename_axis(columns=None)


def _as_csv(folder: RunFolder, place: Path) -> list[Path]:
    from bench.report.flat import flat
    from bench.run.objects import BoxesNotHere

    rows = folder.rows()
    if rows.empty:
        raise UsageError(f"{folder.path} has no rows yet; repeat the command of the run to complete it")
    frames = {"rows_long": rows, "rows_wide": wide(rows), "pairs": folder.pairs()}
    frames["detections"] = folder.detections()
    try:
        frames["objects"] = folder.truth()
    except BoxesNotHere as error:
        log.warning("objects.csv is left out: %s", error)
    frames |= {f"table-{name}": flat(table) for name, table in _tables(folder).items()}
    paths = []
    for name, frame in frames.items():
        if not frame.empty:
            paths.append(place / f"{name}.csv")
            write_csv(paths[-1], frame)
    return paths


def _as_excel(folder: RunFolder, place: Path) -> list[Path]:
    tables = _tables(folder)
    if not tables:
        raise UsageError(f"{folder.path} has no tables yet; repeat the command of the run to complete it")
    path = place / f"{folder.record().suite.name}.xlsx"
    write_atomically(path, lambda to: _write_workbook(to, tables))
    return [path]


def _tables(folder: RunFolder) -> dict[str, Table]:
    """The tables of the report by a short name: that of their section, numbered where it has several."""
    from bench.report.parts import read_parts

    parts = read_parts(folder)
    found = {}
    for section in parts.sections if parts else ():
        for number, table in enumerate(section.tables, start=1):
            found[f"{section.name}-{number}" if len(section.tables) > 1 else section.name] = table
    return found


def _write_workbook(path: Path, tables: Mapping[str, Table]) -> None:
    import xlsxwriter

    # Text is never a formula or a link: names come from anywhere.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = {name: book.add_format(look) for name, look in _LOOKS.items()}
        for name, table in tables.items():
            _write_sheet(book.add_worksheet(_sheet_name(name)), table, book, formats)


_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 13},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "note": {"italic": True, "font_color": "#59636e"},
    "source": {"italic": True},
    "plain": {},
}
_MARKS: dict[str, dict[str, Any]] = {"best": {"bold": True}, "second": {"underline": 1}, "": {}}


def _write_sheet(sheet: Any, table: Table, book: Any, formats: Mapping[str, Any]) -> None:
    """Title, note, then the plain columns of :func:`flat`; numbers are numbers, shown as in the report."""
    from bench.report.flat import flat

    frame = flat(table)
    sheet.write_string(0, 0, printable(table.title), formats["title"])
    sheet.write_string(1, 0, printable(table.caption), formats["note"])
    looks = _looks(table, book)
    for column, head in enumerate(frame):
        sheet.write_string(3, column, printable(str(head)), formats["head"])
        longest = max([len(str(head)) // 2, *(len(str(value)) for value in frame[head] if isinstance(value, str))])
        sheet.set_column(column, column, min(max(10, longest + 2), WIDEST))
    for row, values in enumerate(frame.itertuples(index=False, name=None)):
        for column, (head, value) in enumerate(zip(frame, values, strict=True)):
            look = looks.get((row, str(head)))
            if isinstance(value, str):
                sheet.write_string(4 + row, column, printable(value), formats["plain"])
            elif value is not None and math.isfinite(value):
                sheet.write_number(4 + row, column, float(value), look)
            elif value is not None and math.isinf(value):
                sheet.write_string(4 + row, column, "∞")
    sheet.freeze_panes(4, 1)
    sheet.autofilter(3, 0, 3 + len(frame), len(frame.columns) - 1)


def _looks(table: Table, book: Any) -> dict[tuple[int, str], Any]:
    """(row, head) → how the number is shown: its decimals, and whether it is the best or the second."""
    formats: dict[tuple[str, str], Any] = {}
    looks = {}
    for row, (_, cells) in enumerate(table.cells()):
        for column, shown in zip(table.columns, cells, strict=True):
            digits = len(shown.text.partition(".")[2])
            number = "0" + "." * (digits > 0) + "0" * digits
            key = (number, shown.mark)
            if key not in formats:
                formats[key] = book.add_format({"num_format": number, **_MARKS[shown.mark]})
            looks[row, column.head] = formats[key]
    return looks


def _sheet_name(name: str) -> str:
    return NOT_IN_SHEET_NAMES.sub("_", name)[:SHEET_NAME]


class Form(NamedTuple):
    """One form of a run."""

    words: str
    """What it holds."""
    write: Callable[[RunFolder, Path], list[Path]]


def _as_coco(folder: RunFolder, place: Path) -> list[Path]:
    from bench.exporting_coco import write_coco

    return write_coco(folder, place / "coco")


FORMS = {
    "csv": Form("rows, long and wide, detections, labelled objects and the tables, a file each", _as_csv),
    "excel": Form("one workbook with a sheet per table", _as_excel),
    "coco": Form(
        "labelled objects, and the detections of each method and condition, for other evaluation tools", _as_coco
    ),
}
