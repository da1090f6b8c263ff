"""Runs side by side: clean and degraded means per method, for every quantity that the runs share.

Numbers of different definitions, pairs, conditions or detectors never meet: where runs differ in one of them, the
comparison is refused and says in what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN, conditions
from bench.report.layout import counted, incomplete
from bench.report.summary import CONDITION, detection_precision, fusion_scores, in_order, labelled_part, selected
from bench.report.tables import Column, Table
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from bench.statistics.basis import Basis, common_basis
from bench.statistics.detection import detection_table
from detectors.evaluation import ALL, POOLED
from tsdm_bench.errors import UsageError

SHOWN_IMAGES = 3
"""Names in a refusal."""
BESIDE = {"mAP50_all": ("AP50", ALL), "mAP50_pooled": ("AP50", POOLED)}
"""Summaries over classes that are compared beside the means that a report ranks by."""


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


@dataclass(frozen=True)
class _Side:
    """One run of a comparison: its rows that the suite asks for."""

    name: str
    folder: RunFolder
    record: RunRecord
    pairs: pd.DataFrame
    rows: pd.DataFrame

    @property
    def conditions(self) -> list[tuple[str, int, str]]:
        return conditions(self.record.suite)

    @property
    def incomplete(self) -> str:
        cells = self.rows[["image", *CONDITION, "method"]].drop_duplicates()
        return incomplete(len(cells), len(self.pairs) * len(self.conditions) * len(self.record.suite.methods))


def compare(runs: Sequence[Path | str], *, shared: bool = False) -> Comparison:
    """Put run folders side by side, on the pairs and conditions that their methods have in common.

    ``shared`` compares the metric ids that all runs have where others differ. Raises ``UsageError`` where a folder is
    no run, or where runs differ in metric ids or versions, dataset, pairs or what is in them, conditions, seed, factor
    versions, references, classes, detector, its settings or its protocol.
    """
    if len(runs) < 2:
        raise UsageError(f"compare needs at least two run folders, got {len(runs)}")
    folders = [RunFolder.existing(Path(path)) for path in runs]
    records = [folder.record() for folder in folders]
    names = _names(folders, [record.suite.name for record in records])
    refuse_mixed_definitions({name: record.metrics for name, record in zip(names, records, strict=True)}, shared)
    pairs = [folder.pairs() for folder in folders]
    notes = refuse_unlike(
        dict(zip(names, records, strict=True)),
        {name: set(listing["image"]) for name, listing in zip(names, pairs, strict=True)},
    )
    sides = [
        _Side(name, folder, record, listing, selected(folder.rows(), record.suite, listing["image"]))
        for name, folder, record, listing in zip(names, folders, records, pairs, strict=True)
    ]
    for side in sides:
        if side.rows.empty:
            raise UsageError(f"{side.folder.path} has no rows yet; repeat the command of the run to complete it")
    basis = _basis(sides)
    frame = pd.concat([_means(side, basis).assign(run=side.name) for side in sides], ignore_index=True)
    quantities = frame["quantity"].unique()
    common = frame.groupby("quantity")["run"].nunique() == len(sides)
    return Comparison(
        frame.drop(columns=["ranked", "note"]),
        tuple(_table(name, frame[frame["quantity"] == name], sides, basis) for name in quantities if common[name]),
        tuple(name for name in quantities if not common[name]),
        (*notes, *_other_methods(dict(zip(names, records, strict=True)))),
    )


def refuse_mixed_definitions(metrics_of: Mapping[str, Mapping[str, str]], shared: bool = False) -> None:
    """Raise ``UsageError`` where runs (name → metric id → version) measure by different ids or versions.

    With ``shared`` an id that not every run has is no obstacle: it is left out.
    """
    every_id = sorted({name for metrics in metrics_of.values() for name in metrics})
    versions = {
        name: {run: metrics[name] for run, metrics in metrics_of.items() if name in metrics} for name in every_id
    }
    only = [f"{name} only in {', '.join(of)}" for name, of in versions.items() if len(of) < len(metrics_of)]
    changed = [
        f"{name} in " + ", ".join(f"version {version} ({run})" for run, version in of.items())
        for name, of in versions.items()
        if len(set(of.values())) > 1
    ]
    if problems := changed + ([] if shared else only):
        raise UsageError(
            f"these runs measure by different definitions and are not merged: {'; '.join(problems)}. Run them with the "
            f"same --metrics, or compare what they share by --shared"
        )


CHECKS: dict[str, Callable[[RunRecord], object]] = {
    "dataset": lambda record: f"{record.dataset.name}, version {record.dataset.version}",
    "seed": lambda record: record.suite.seed,
    "factors": lambda record: sorted(record.suite.factors),
    "severities": lambda record: sorted(set(record.suite.severities)),
    "modalities": lambda record: sorted(record.suite.modalities),
    "references": lambda record: sorted(record.suite.references),
    "detector": lambda record: record.detector and f"{record.detector.name} {record.detector.sha256[:8]}",
    "protocol": lambda record: record.detector and record.detector.protocol,
    "fewest objects of a class": lambda record: record.detector and record.suite.detection.fewest_objects,
}
"""What runs must have in common, each as a reader would be told of it."""
SETTINGS = {"input size": "image_size", "confidence": "confidence", "iou": "iou", "detections": "max_detections"}
"""Of a detector; records of older versions do not hold them, their suites do."""


def refuse_unlike(records: Mapping[str, RunRecord], images: Mapping[str, set[str]]) -> list[str]:
    """Raise ``UsageError`` where runs (by name) saw other pairs, conditions or detectors: their means would be unlike.

    ``images`` are the pairs of each run. Returns notes on what the records do not say.
    """
    problems, notes = [], []
    told = {what: {name: read(record) for name, record in records.items()} for what, read in CHECKS.items()}
    if all(record.detector and record.suite.detector for record in records.values()):
        for what, field in SETTINGS.items():
            told[f"{what} of the detector"] = {
                name: getattr(record.detector, field) or getattr(record.suite.detector, field)
                for name, record in records.items()
            }
        told["class map of the detector"] = {name: record.detector.class_map for name, record in records.items()}
        told["recipe of the detectors"] = {name: record.detector.recipe for name, record in records.items()}
        told["classes"] = {name: ", ".join(record.classes) for name, record in records.items()}
    for what, values in told.items():
        if len({str(value) for value in values.values()}) > 1:
            problems.append(f"{what} ({'; '.join(f'{_told(value)} in {name}' for name, value in values.items())})")
    problems += _other_pairs(images)
    if all(record.pairs for record in records.values()):
        problems += _other_content(records)
    else:
        unknown = ", ".join(name for name, record in records.items() if not record.pairs)
        notes.append(f"{unknown}: an older record, which does not say what was in the pairs")
    problems += _other_ladders(records)
    if problems:
        raise UsageError(f"these runs differ in {'; in '.join(problems)} and cannot stand in one table")
    return notes


def _told(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _other_pairs(images: Mapping[str, set[str]]) -> list[str]:
    first, *others = images
    for other in others:
        if lacking := sorted(images[first] ^ images[other]):
            counts = ", ".join(f"{len(of)} in {name}" for name, of in images.items())
            return [f"the pair list ({counts}; not in all: {_some(lacking)})"]
    return []


def _other_content(records: Mapping[str, RunRecord]) -> list[str]:
    """Pairs of one name whose images or labels are others."""
    first, *others = records.values()
    problems = []
    for what, field in (("images", "content"), ("labels", "labels")):
        changed = [
            image
            for image, facts in first.pairs.items()
            if any(getattr(other.pairs.get(image, facts), field) != getattr(facts, field) for other in others)
        ]
        if changed:
            problems.append(f"the {what} of {_some(sorted(changed))}")
    return problems


def _other_ladders(records: Mapping[str, RunRecord]) -> list[str]:
    first, *others = records.values()
    changed = [
        name
        for name, facts in first.factors.items()
        if any(other.factors.get(name, facts) != facts for other in others)
    ]
    return [f"the version or ladder of {', '.join(changed)}"] if changed else []


def _other_methods(records: Mapping[str, RunRecord]) -> list[str]:
    """Notes on methods of one name that are not the same: what changed between runs is often what is compared."""
    every = dict.fromkeys(name for record in records.values() for name in record.methods)
    return [
        f"{method} is not the same method in all runs (version, weights, code or options)"
        for method in every
        if len({record.methods[method].identity for record in records.values() if method in record.methods}) > 1
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_IMAGES]) + (f" and {len(names) - SHOWN_IMAGES} more" * (len(names) > SHOWN_IMAGES))


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
    cells = [
        side.rows[["image", *CONDITION, "method"]].assign(method=[(side.name, name) for name in side.rows["method"]])
        for side in sides
    ]
    fused = [(side.name, name) for side in sides for name in side.record.suite.methods if name not in _sources(side)]
    return common_basis(pd.concat(cells, ignore_index=True), fused)


def _sources(side: _Side) -> set[str]:
    return {name for name, method in side.record.methods.items() if method.kind == "source"}


def _means(side: _Side, basis: Basis) -> pd.DataFrame:
    """quantity, direction, whether it is ranked, a note, method, condition (clean or degraded), mean, n."""
    suite = side.record.suite
    rows = basis.of(side.rows)
    scores = fusion_scores(rows)
    scores["quantity"] = scores["metric"] + ("-" + scores["reference"]).where(scores["reference"] != "none", "")
    scores["direction"] = scores["metric"].map(lambda name: METRICS[name].direction)
    parts = [scores.assign(ranked=True, note="")]
    if labelled := labelled_part(side.folder, suite, rows):
        precision = detection_precision(labelled, side.record.classes, suite.detection.fewest_objects, resamples=0)
        detection = in_order(detection_table(precision.samples), suite)
        shown = {head: (measure, precision.name, precision.ranked) for head, measure in precision.quantities.items()}
        for head, (measure, name, ranked) in ({head: (*of, False) for head, of in BESIDE.items()} | shown).items():
            of = detection[detection["class"] == name]
            of = of.assign(quantity=head, direction="higher", ranked=ranked, mean=of[measure], n=of["images"])
            detector = f" Detector {side.record.detector.name}, protocol {side.record.detector.protocol}."
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
