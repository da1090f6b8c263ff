"""What a run gives a notebook: its tables as pandas frames, its page, its record."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.cell.rows import Failure
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError


class RunResult:
    """A run folder as its user sees it; everything is read from the disk when it is asked for."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def record(self) -> RunRecord:
        """What was asked, what it was resolved to, and what the rows are of."""
        return self.folder.record()

    @property
    def rows(self) -> pd.DataFrame:
        """One row per image, condition, method, metric and reference (columns: docs/runs.md)."""
        return self.folder.rows()

    @property
    def detections(self) -> pd.DataFrame:
        """One row per box."""
        return self.folder.detections()

    @property
    def failures(self) -> list[Failure]:
        """What could not be computed, and why."""
        return self.folder.failures()

    def table(self, name: str) -> pd.DataFrame:
        """A table of the report by its name: ``fusion``, ``detection``, ``robustness``, ``ranking``, ``efficiency``…

        Raises ``UsageError`` that names those there are.
        """
        path = self.path / "tables" / f"{name}.csv"
        if not path.is_file():
            there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv"))) or "none"
            raise UsageError(f"no table {name!r} in {self.path}; there are: {there}")
        return pd.read_csv(path)

    def __repr__(self) -> str:
        return f"RunResult({str(self.path)!r})"

    def _repr_html_(self) -> str:
        page = self.path / "index.html"
        return page.read_text(encoding="utf-8") if page.is_file() else f"<code>{self!r}</code>"
