"""The numbers of a report: tidy frames derived from the stored rows and detections, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.datasets.class_sets import check_class_set, class_sets
from bench.executors.pool import available_cores
from bench.metrics import resolve
from bench.plan import CLEAN, Condition, conditions, factors_of
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from bench.statistics.detection import DetectionSamples, detection_by_scene, sample_detection
from bench.statistics.intervals import RESAMPLES, interval, mean_with_interval
from bench.statistics.robustness import complete_methods
from bench.suite import Suite
from detectors.evaluation import ALL, COUNTED, DEFINITION_NAMES, POOLED
from detectors.evaluation.definitions import COCO, DEFINITIONS, Definition
from tsdm_bench.errors import UsageError

CONDITION = ["factor", "severity", "modality"]
DETECTION_QUANTITIES = {"mAP50": "AP50", "mAP50:95": "AP"}
"""What a table's head shows, and the measure of COCO that it is the mean of."""
CELLS_WORTH_A_POOL = 200
UNFUSED = "unfused"
"""The kind of the methods that give a detector both images: their cells have detections and no rows."""


def selected(frame: pd.DataFrame, suite: Suite, images: Iterable[str]) -> pd.DataFrame:
    """The part of a stored table that the suite asks for: a run folder may hold more, from a wider run before."""
    wanted = set(conditions(suite))
    keep = frame["method"].isin(suite.methods) & frame["image"].isin(set(images))
    shown = frame[CONDITION].drop_duplicates()
    asked = np.array([Condition(*key) in wanted for key in shown.itertuples(index=False)], dtype=bool)
    keep &= asked[frame.groupby(CONDITION, sort=False).ngroup()]
    return in_order(frame[keep], suite)


def computed(folder: RunFolder, rows: pd.DataFrame, record: RunRecord, pairs: pd.DataFrame) -> pd.DataFrame:
    """image, scene, factor, severity, modality and method of every computed cell that the suite asks for.

    Of the cells of the selected ``rows``, and of those that have none.
    """
    columns = ["image", "scene", *CONDITION, "method"]
    without = {name for name in record.suite.methods if record.methods[name].kind == UNFUSED}
    if not without:
        return rows[columns].drop_duplicates()
    scenes = dict(zip(pairs["image"], pairs["scene"], strict=True))
    done = [cell for cell in folder.identities() if cell.method in without and cell.image in scenes]
    cells = pd.DataFrame([(of.image, scenes[of.image], *of.condition, of.method) for of in done], columns=columns)
    cells = cells.astype({"severity": int})
    return pd.concat([rows[columns].drop_duplicates(), selected(cells, record.suite, scenes)], ignore_index=True)


def in_order(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Rows in the order in which the suite names its factors, methods and metrics."""
    orders = {"factor": [CLEAN.factor, *factors_of(suite)], "method": suite.methods, "metric": resolve(suite.metrics)}
    columns = [name for name in ("factor", "severity", "modality", "method", "metric") if name in frame]
    ranks = []
    for name in columns:
        codes, values = pd.factorize(frame[name], sort=True)
        places = {value: place for place, value in enumerate(orders.get(name, values))}
        ranks.append(np.array([places.get(value, len(places)) for value in values], dtype=int)[codes])
    return frame.iloc[np.lexsort(ranks[::-1])].reset_index(drop=True) if columns else frame.reset_index(drop=True)


def fusion_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, std, n, clusters and 95 % interval per condition × method × metric × reference."""
    return mean_with_interval(rows, (*CONDITION, "method", "metric", "reference"))


def pooled_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Of one metric: severity, method, mean, low, high over all factors, as points of curves."""
    return mean_with_interval(rows, ("severity", "method"))


def spread_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """std over the pairs (each its mean over the conditions) and 95 % interval per method × metric × reference."""
    of = ["method", "metric", "reference"]
    by_pair = rows.groupby(["dataset", "image", "scene", *of], sort=False, observed=True)["value"].mean().reset_index()
    return mean_with_interval(by_pair, of)


class Labelled(NamedTuple):
    """What detection is scored from: ``truth``, ``detections`` and ``cells`` of ``sample_detection``."""

    truth: pd.DataFrame
    detections: pd.DataFrame
    cells: pd.DataFrame


def labelled_part(folder: RunFolder, suite: Suite, cells: pd.DataFrame) -> Labelled | None:
    """The labelled pairs of a run; None where there is no object that counts or no detector.

    A (condition, method) counts the images that it has cells for, so that an unfinished run is not taken for misses.
    """
    pairs, truth = folder.pairs(), folder.truth()
    labelled = set(pairs.loc[pairs["labelled"], "image"])
    cells = cells[cells["image"].isin(labelled)]
    counting = truth[~truth["difficult"]] if "difficult" in truth else truth
    if suite.detector is None or not counting["image"].isin(cells["image"]).any():
        return None
    return Labelled(truth, selected(folder.detections(), suite, labelled), cells)


@dataclass(frozen=True)
class Precision:
    """Average precision of a run, by which definition it is shown, and which mean over the classes."""

    samples: DetectionSamples
    fewest_objects: int
    chosen: str = COUNTED
    """The mean that was asked for: ``counted``, or a class set of the dataset."""
    definition: Definition = COCO

    @property
    def members(self) -> tuple[str, ...]:
        """The classes that the mean is over."""
        if self.chosen in self.samples.sets:
            return self.samples.sets[self.chosen]
        return self.samples.counted or tuple(name for name, number in self.samples.objects.items() if number)

    @property
    def ranked(self) -> bool:
        """Whether the classes of the mean have enough objects; if not, nothing is ranked.

        Of a class set every one must; without a set it is enough that some class has them, else the mean is over all.
        """
        of_set = self.samples.sets.get(self.chosen)
        return set(of_set) <= set(self.samples.counted) if of_set else bool(self.samples.counted)

    @property
    def name(self) -> str:
        """The mean over classes that is shown."""
        return self.chosen if self.chosen in self.samples.sets else COUNTED if self.samples.counted else ALL

    @property
    def quantities(self) -> dict[str, str]:
        """Head → measure; another mean, and another definition, has another head."""
        heads = {self.head_of(head): self.column(measure) for head, measure in DETECTION_QUANTITIES.items()}
        return {head: column for head, column in heads.items() if column in self.samples.value}

    @property
    def beside(self) -> dict[str, tuple[str, str]]:
        """Head → measure and mean of the summaries that stand beside the mean that is shown."""
        heads = {f"mAP50_{name}{self.definition.suffix}": (self.measure, name) for name in (ALL, POOLED)}
        return {head: of for head, of in heads.items() if head not in self.quantities}

    @property
    def head(self) -> str:
        """Of the measure that methods are ranked by."""
        return self.head_of("mAP50")

    @property
    def measure(self) -> str:
        """That measure."""
        return self.column("AP50")

    def head_of(self, head: str) -> str:
        """``mAP50``, ``mAP75`` or ``mAP50:95`` with the names of the mean and of the definition."""
        return f"{head}{'' if self.name == COUNTED else f'_{self.name}'}{self.definition.suffix}"

    def titled(self, title: str) -> str:
        """The title of a table that does not show the measure itself: with its name where that is not the usual one."""
        usual = self.definition is COCO and self.name in (COUNTED, ALL)
        return title if usual else f"{title} ({self.head})"

    def column(self, measure: str) -> str:
        """The name of a measure by the definition that is shown."""
        return self.definition.column(measure)

    @property
    def note(self) -> str:
        """Which classes the mean is over, how many objects there are of each, and by which definition it is."""
        numbers = self.samples.objects
        inside = [f"{name} {numbers[name]}" for name in self.members]
        outside = [f"{name} {number}" for name, number in numbers.items() if number and name not in self.members]
        if self.name == ALL:
            note = (
                f"Too few objects: no class has {self.fewest_objects} ({', '.join(inside)}). The mean is over every "
                f"class that has one, and nothing is ranked."
            )
        elif self.name == COUNTED:
            note = f"The mean is over the classes with at least {self.fewest_objects} objects ({', '.join(inside)})"
            note += f"; too few to count: {', '.join(outside)}." if outside else "."
        else:
            note = f"The mean is over the class set {self.name} ({', '.join(inside)})"
            note += f"; not in it: {', '.join(outside)}." if outside else "."
            if few := [name for name in self.members if name not in self.samples.counted]:
                note += f" Too few objects (below {self.fewest_objects}) of {', '.join(few)}: nothing is ranked."
        if ignored := [f"{name} {number}" for name, number in self.samples.left_out.items() if number]:
            note += f" Marked difficult or crowd, and ignored: {', '.join(ignored)}."
        if self.definition is not COCO:
            note += f" AP {DEFINITION_NAMES[self.definition.name]}, another number than COCO's."
        return note


def read_as(record: RunRecord, ap: str | None, classes: str | None) -> RunRecord:
    """The record of a run whose boxes are read in another way than its suite says, where one is given.

    Raises ``UsageError`` where there is no such definition of average precision, or no such class set of the dataset.
    """
    asked = {name: value for name, value in (("ap", ap), ("classes", classes)) if value is not None}
    if asked.get("ap", COCO.name) not in DEFINITIONS:
        raise UsageError(f"unknown definition of average precision {ap!r}; expected {' or '.join(DEFINITIONS)}")
    detection = record.suite.detection.model_copy(update=asked)
    check_class_set(record.dataset.name, detection.classes)
    return record.model_copy(update={"suite": record.suite.model_copy(update={"detection": detection})})


def _settings(record: RunRecord) -> dict[str, Any]:
    """How ``sample_detection`` is to read the boxes of a run."""
    detection = record.suite.detection
    known = class_sets(record.dataset.name)
    sets = {name: members for name, members in known.items() if set(members) <= set(record.classes)}
    return {"fewest_objects": detection.fewest_objects, "sets": sets, "definition": DEFINITIONS[detection.ap]}


def detection_precision(part: Labelled, record: RunRecord, resamples: int = RESAMPLES) -> Precision:
    """AP of every method under every condition over the labelled images, with bootstrap samples."""
    workers = available_cores() if part.cells.groupby([*CONDITION, "method"]).ngroups >= CELLS_WORTH_A_POOL else 1
    settings, detection = _settings(record), record.suite.detection
    samples = sample_detection(*part, record.classes, resamples=resamples, workers=workers, **settings)
    return Precision(samples, detection.fewest_objects, detection.classes, settings["definition"])


def clean_by_scene(part: Labelled, record: RunRecord) -> pd.DataFrame:
    """AP of every method on the clean pairs of each scene; empty where the pairs are of one scene only."""
    clean = part._replace(cells=part.cells[part.cells["factor"] == CLEAN.factor])
    clean = clean._replace(detections=part.detections[part.detections["factor"] == CLEAN.factor])
    if clean.cells["scene"].nunique() < 2:
        return pd.DataFrame()
    return detection_by_scene(*clean, record.classes, **_settings(record))


def pooled_precision(precision: Precision, measure: str) -> pd.DataFrame:
    """severity, method, mean, low, high of a measure over all factors, of methods that have every condition."""
    value, cells = precision.samples.of(measure, precision.name), precision.samples.cells
    whole = cells[cells["method"].isin(complete_methods(precision.samples))]
    means = {key: value[part.index].mean(axis=0) for key, part in whole.groupby(["severity", "method"], sort=False)}
    rows = [(*key, mean[0], *interval(mean[1:])) for key, mean in means.items()]
    return pd.DataFrame(rows, columns=["severity", "method", "mean", "low", "high"])


def with_bounds(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """``table`` with ``key``, its bounds and its images as mean, low, high and n, the columns of curves."""
    return table.assign(mean=table[key], low=table[f"{key}_low"], high=table[f"{key}_high"], n=table["images"])


def curve_points(scores: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Points of curves (factor, modality, severity, method, mean, low, high), the clean point repeated per factor."""
    clean = scores[scores["factor"] == CLEAN.factor]
    panels = dict.fromkeys(
        (condition.factor, condition.modality) for condition in conditions(suite) if condition != CLEAN
    )
    parts = []
    for factor, modality in panels:
        degraded = scores[(scores["factor"] == factor) & (scores["modality"] == modality)]
        if len(degraded):
            parts += [clean.assign(factor=factor, modality=modality), degraded]
    return pd.concat(parts, ignore_index=True) if parts else scores.iloc[:0]


def robustness_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """P (clean), mPC (mean over factors × severities ≥ 1) and rPC = mPC / P of the fusion metrics.

    Overall and per factor, with the columns of :func:`bench.statistics.robustness.robustness_table` but for the
    intervals. Factor ``all`` is the mean over factors.
    """
    by = ["metric", "reference", "method"]
    degraded = scores[scores["severity"] > 0].rename(columns={"mean": "mPC", "n": "mPC_n"})
    per_factor = degraded.groupby([*by, "factor", "modality"], sort=False).agg({"mPC": "mean", "mPC_n": "sum"})
    overall = per_factor.groupby(by, sort=False).agg({"mPC": "mean", "mPC_n": "sum"})
    table = pd.concat([overall.reset_index().assign(factor=ALL, modality=ALL), per_factor.reset_index()])
    clean = scores.loc[scores["factor"] == CLEAN.factor, [*by, "mean", "n"]]
    table = table.merge(clean.rename(columns={"mean": "P", "n": "P_n"}), on=by, how="left")
    table["rPC"] = table["mPC"] / table["P"]
    table["P_n"] = table["P_n"].fillna(0).astype(int)
    return table[[*by, "factor", "modality", "P", "mPC", "rPC", "P_n", "mPC_n"]]
