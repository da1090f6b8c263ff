"""Runs side by side: clean and degraded means per method, for every quantity that the runs share.

Numbers of different definitions, pairs, conditions or detectors never meet: where runs differ in one of them, the
comparison is refused and says in what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.differences import Run, differences
from bench.metrics import METRICS
from bench.plan import CLEAN, Condition, conditions
from bench.report.layout import distinct, incomplete
from bench.report.notebook import shown
from bench.report.page.comparison import comparison_page
from bench.report.page.findings import Finding
from bench.report.precision import Precision, detection_precision, read_as
from bench.report.summary import computed, fusion_scores, in_order, labelled_part, selected
from bench.report.tables import Column, Table
from bench.run.alike import other_methods, refuse_mixed_definitions, refuse_unlike
from bench.run.objects import BoxesNotHere
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from bench.statistics.basis import Basis, common_basis
from bench.statistics.detection import detection_table
from tsdm_bench.errors import UsageError
from tsdm_bench.words import counted


@dataclass(frozen=True)
class Comparison:
    """What runs have in common, side by side."""

    frame: pd.DataFrame
    """A row per quantity, direction, method, condition (clean or degraded) and run: mean, and n values behind it."""
    tables: tuple[Table, ...]
    """One per quantity that all runs have; a column per condition and run."""
    left_out: tuple[str, ...]
    """Quantities that not every run has."""
    notes: tuple[str, ...]
    """What differs without making the runs unlike, and what their records do not say."""
    names: tuple[str, ...] = ()
    """Of the runs, as the tables call them."""
    differences: tuple[Table, ...] = ()
    """Of every later run to the first, pair by pair: clean and degraded."""
    findings: tuple[Finding, ...] = ()
    """What the differences say."""

    def page(self) -> str:
        """The comparison as one self-contained HTML page."""
        left_out = [f"Not in every run, left out: {', '.join(self.left_out)}"] if self.left_out else []
        return comparison_page(self.names, self.tables, self.differences, self.findings, (*self.notes, *left_out))

    def _repr_html_(self) -> str:
        left_out = [f"not in every run, left out: {', '.join(self.left_out)}"] if self.left_out else []
        return shown("Runs side by side", [*self.notes, *left_out], self.tables)


@dataclass(frozen=True)
class _Side:
    """One run of a comparison: its rows and computed cells that the suite asks for."""

    name: str
    folder: RunFolder
    record: RunRecord
    pairs: pd.DataFrame
    rows: pd.DataFrame
    cells: pd.DataFrame

    @property
    def conditions(self) -> list[Condition]:
        return conditions(self.record.suite)

    @property
    def incomplete(self) -> str:
        return incomplete(len(self.cells), len(self.pairs) * len(self.conditions) * len(self.record.suite.methods))


def compare(
    runs: Sequence[Path | str],
    *,
    shared: bool = False,
    ap: str | None = None,
    classes: str | None = None,
    data_root: Path | None = None,
) -> Comparison:
    """Put run folders side by side, on the pairs and conditions that their methods have in common.

    ``shared`` compares the metric ids that all runs have where others differ; ``ap`` and ``classes`` read the boxes of
    all in one way, whatever their suites say. Published runs have their boxes in a dataset under ``data_root``; where
    it is not there, average precision is left out and a note says so. Raises ``UsageError`` where a folder is
    no run, or where runs differ in metric ids or versions, dataset, pairs or what is in them, conditions, seed, factor
    versions, references, classes, detector, its settings or its protocol.
    """
    if len(runs) < 2:
        raise UsageError(f"compare needs at least two run folders, got {len(runs)}")
    folders = [RunFolder.existing(Path(path), data_root) for path in runs]
    records = [read_as(folder.record(), ap, classes) for folder in folders]
    names = _names(folders, [record.suite.name for record in records])
    refuse_mixed_definitions({name: record.metrics for name, record in zip(names, records, strict=True)}, shared)
    pairs = [folder.pairs() for folder in folders]
    notes = refuse_unlike(
        dict(zip(names, records, strict=True)),
        {name: set(listing["image"]) for name, listing in zip(names, pairs, strict=True)},
    )
    sides = [_side(*of) for of in zip(names, folders, records, pairs, strict=True)]
    for side in sides:
        if side.cells.empty:
            raise UsageError(f"{side.folder.path} has no rows yet; repeat the command of the run to complete it")
    basis = _basis(sides)
    precisions: list[Precision | None]
    try:
        precisions = [_precision(side, basis) for side in sides]
    except BoxesNotHere as error:
        precisions = [None for _ in sides]
        notes.append(f"average precision is left out: {error}")
    means = [_means(*of, basis).assign(run=of[0].name) for of in zip(sides, precisions, strict=True)]
    frame = pd.concat(means, ignore_index=True)
    first, *others = [_compared(*of, basis) for of in zip(sides, precisions, strict=True)]
    changed = [differences(first, other) for other in others]
    quantities = frame["quantity"].unique()
    common = frame.groupby("quantity")["run"].nunique() == len(sides)
    return Comparison(
        frame.drop(columns=["ranked", "note"]),
        tuple(_table(name, frame[frame["quantity"] == name], sides, basis) for name in quantities if common[name]),
        tuple(name for name in quantities if not common[name]),
        (*notes, *other_methods(dict(zip(names, records, strict=True)))),
        tuple(names),
        tuple(table for of in changed for table in of.tables),
        tuple(finding for of in changed for finding in of.findings),
    )


def _side(name: str, folder: RunFolder, record: RunRecord, pairs: pd.DataFrame) -> _Side:
    rows = selected(folder.rows(), record.suite, pairs["image"])
    return _Side(name, folder, record, pairs, rows, computed(folder, rows, record, pairs))


def _names(folders: Sequence[RunFolder], suites: Sequence[str]) -> list[str]:
    """The suites, or where they do not tell the runs apart the shortest tails of the paths that do."""
    if len(set(suites)) == len(suites):
        return list(suites)
    for depth in range(1 if len(set(suites)) == 1 else 2, max(len(folder.path.parts) for folder in folders) + 1):
        names = ["/".join(folder.path.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    raise UsageError("the same run was named twice; compare needs different run folders")


def _basis(sides: Sequence[_Side]) -> Basis:
    """The pairs and conditions that the methods of all runs have in common."""
    cells = [side.cells.assign(method=[(side.name, name) for name in side.cells["method"]]) for side in sides]
    fused = [(side.name, name) for side in sides for name in side.record.suite.methods if name not in _sources(side)]
    return common_basis(pd.concat(cells, ignore_index=True), fused)


def _sources(side: _Side) -> set[str]:
    return {name for name, method in side.record.methods.items() if method.kind in ("source", "unfused")}


def _precision(side: _Side, basis: Basis) -> Precision | None:
    labelled = labelled_part(side.folder, side.record.suite, basis.of(side.cells))
    if labelled is None:
        return None
    return detection_precision(labelled, side.record)


def _compared(side: _Side, precision: Precision | None, basis: Basis) -> Run:
    methods = side.record.methods
    fused = [name for name in side.record.suite.methods if name not in _sources(side)]
    titles = distinct({name: of.title for name, of in methods.items()})
    return Run(side.name, basis.of(side.rows), fused, titles, precision)


def _means(side: _Side, precision: Precision | None, basis: Basis) -> pd.DataFrame:
    """quantity, direction, whether it is ranked, a note, method, condition (clean or degraded), mean, n."""
    suite = side.record.suite
    rows = basis.of(side.rows)
    scores = fusion_scores(rows)
    scores["quantity"] = scores["metric"] + ("-" + scores["reference"]).where(scores["reference"] != "none", "")
    scores["direction"] = scores["metric"].map(lambda name: METRICS[name].direction)
    parts = [scores.assign(ranked=True, note="")]
    if precision is not None:
        detection = in_order(detection_table(precision.samples), suite)
        shown = {head: (measure, precision.name, precision.ranked) for head, measure in precision.quantities.items()}
        for head, (measure, name, ranked) in (
            {head: (*of, False) for head, of in precision.beside.items()} | shown
        ).items():
            of = detection[detection["class"] == name]
            of = of.assign(quantity=head, direction="higher", ranked=ranked, mean=of[measure], n=of["images"])
            facts = side.record.detector_facts
            detector = f" Detector {facts.name}, protocol {facts.protocol}."
            parts.append(of.assign(note=f"{detector} {precision.note}" if name == precision.name else detector))
    table = pd.concat(parts, ignore_index=True)
    table["condition"] = table["severity"].map(lambda severity: "degraded" if severity else "clean")
    by = ["quantity", "direction", "ranked", "note", "method", "condition"]
    return table.groupby(by, sort=False).agg({"mean": "mean", "n": "sum"}).reset_index()


def _table(quantity: str, part: pd.DataFrame, sides: Sequence[_Side], basis: Basis) -> Table:
    wide = part.pivot(index="method", columns=["condition", "run"], values=["mean", "n"])
    wide.columns = wide.columns.to_flat_index()
    degraded = sorted(basis.conditions - {CLEAN})
    pairs = int(part.loc[part["condition"] == "clean", "n"].max()) if CLEAN in basis.conditions else len(basis.images)
    columns = []
    for condition, number in (("clean", 1), ("degraded", len(degraded))):
        for side in sides:
            if ("mean", condition, side.name) in wide:
                columns.append(
                    Column(("mean", condition, side.name), f"{condition} · {side.name}", part["direction"].iloc[0],
                           3 if quantity.startswith("mAP") else None, count=("n", condition, side.name),
                           full=pairs * number, ranked=bool(part["ranked"].all()))
                )  # fmt: skip
    note = f"Mean over {counted(pairs, 'pair')}"
    if degraded:
        ladder: dict[str, list[str]] = {}
        for factor, severity, modality in degraded:
            ladder.setdefault(f"{factor} ({modality})", []).append(str(severity))
        steps = "; ".join(f"{place} {', '.join(severities)}" for place, severities in ladder.items())
        note += f"; degraded: over {counted(len(degraded), 'condition')} ({steps})"
    note += f". Source images alone are not ranked.{part['note'].iloc[0]}"
    unfinished = [f"{side.name} {side.incomplete}" for side in sides if side.incomplete]
    title = f"{', '.join(unfinished)}: {quantity}" if unfinished else quantity
    sources = frozenset().union(*(_sources(side) for side in sides)) & frozenset(wide.index)
    return Table(title, note, wide, columns, sources)
