"""What a run gives a notebook: its tables as pandas frames, its page, its record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.cell.rows import Failure
from bench.report.layout import Section
from bench.report.notebook import Picture, shown
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError


class RunResult:
    """A run folder as its user sees it; everything is read from the disk when it is asked for."""

    def __init__(self, folder: RunFolder, sections: Sequence[Section] = ()) -> None:
        self.folder = folder
        self._sections = tuple(sections)

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

    @property
    def tables(self) -> tuple[str, ...]:
        """The names that :meth:`table` takes."""
        return tuple(sorted(path.stem for path in (self.path / "tables").glob("*.csv")))

    def table(self, name: str) -> pd.DataFrame:
        """A table of the report by its name: ``fusion``, ``detection``, ``robustness``, ``ranking``, ``efficiency``…

        Raises ``UsageError`` that names those there are.
        """
        return pd.read_csv(self._file("tables", name, self.tables, ".csv"))

    @property
    def curves(self) -> tuple[str, ...]:
        """The names that :meth:`curve` takes."""
        return tuple(sorted(path.stem for path in (self.path / "curves").glob("*.png")))

    def curve(self, name: str) -> Picture:
        """The curves of one quantity against severity, shown by a notebook: ``psnr-clean``, ``map50``…

        Raises ``UsageError`` that names those there are.
        """
        return Picture(self._file("curves", name, self.curves, ".png"))

    def _file(self, kind: str, name: str, there: Sequence[str], suffix: str) -> Path:
        if name not in there:
            known = ", ".join(there) or "none; `bench.report(path)` makes them"
            raise UsageError(f"no {kind[:-1]} {name!r} in {self.path}; there are: {known}")
        return self.path / kind / f"{name}{suffix}"

    def __repr__(self) -> str:
        return f"RunResult({str(self.path)!r})"

    def _repr_html_(self) -> str:
        suite, failures = self.record.suite, self.failures
        lines = [f"The whole report: {self.path / 'index.html'}"]
        if failures:
            lines.insert(0, f"{len(failures)} cells failed: the means are over the others (`.failures`)")
        tables = [table for section in self._sections for table in section.tables]
        if not tables:
            lines.append("No tables were made: `bench.report(path)` makes them.")
        return shown(suite.title or suite.name, lines, tables)
