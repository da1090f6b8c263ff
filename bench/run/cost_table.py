"""What methods cost, as a run folder keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

TABLE = Path("tables", "efficiency.csv")
"""Where a run folder keeps what was measured."""
KEY = ["method", "version", "code", "height", "width", "device", "threads"]
MEASURED = ["gflops_per_megapixel", "seconds_per_megapixel", "fastest", "slowest", "repeats"]
INTEGERS = ["parameters", "threads", "repeats"]
COLUMNS = [*KEY, "parameters", *MEASURED, "problem"]


def read_efficiency(folder: Path) -> pd.DataFrame:
    """The table of a run folder; empty where nothing was measured."""
    return as_costs(read_rows(folder / TABLE).values())


def read_rows(path: Path | None) -> dict[tuple, dict]:
    """The rows of a table on disk by their :data:`KEY`; none where there is no table, or it is damaged or of another
    version.
    """
    if path is None or not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype={"version": str, "code": str, "problem": str})
    except (ValueError, OSError):  # damaged
        return {}
    if list(table.columns) != COLUMNS:
        return {}
    table = table.fillna({"problem": "", "code": ""})
    return {tuple(row[name] for name in KEY): row for row in table.to_dict("records")}


def as_costs(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows as a table with :data:`COLUMNS`."""
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(INTEGERS, "Int64"))
