"""A table of the report as plain columns: full precision, bounds and counts beside the numbers, nothing marked."""

from __future__ import annotations

import pandas as pd

from bench.report.tables import Table
from tsdm_bench.files import printable_cells


def flat(table: Table) -> pd.DataFrame:
    """One row per row of ``table`` in its order; per column the number, then ``low``, ``high`` and ``n`` where known.

    >>> from bench.report.tables import Column
    >>> frame = pd.DataFrame({"q": [0.25], "a": [0.2], "b": [0.3]}, index=["gff"])
    >>> flat(Table("t", "", frame, [Column("q", "Q", interval=("a", "b"))])).to_dict("records")
    [{'method': 'gff', 'Q': 0.25, 'Q low': 0.2, 'Q high': 0.3}]
    """
    order = [name for name, _ in table.cells()]
    frame = table.frame.loc[order]
    columns = {table.rows: pd.Series(order, index=frame.index)}
    for column in table.columns:
        head = column.head if column.head not in columns else f"{column.head} {len(columns)}"
        columns[head] = frame[column.key]
        if column.interval:
            columns[f"{head} low"], columns[f"{head} high"] = (frame[key] for key in column.interval)
        if column.count is not None:
            columns[f"{head} n"] = frame[column.count]
    return pd.DataFrame(columns).reset_index(drop=True)


def csv_of(table: Table) -> str:
    """``table`` as CSV text that no spreadsheet runs."""
    return printable_cells(flat(table)).to_csv(index=False)
