"""Average precision as a report shows it: over which classes the mean is, and by which definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.datasets.class_sets import check_class_set, class_sets
from bench.executors.pool import available_cores
from bench.plan import CLEAN
from bench.report.summary import Labelled
from bench.run.record import RunRecord
from bench.statistics.detection import DetectionSamples, detection_by_scene, sample_detection
from bench.statistics.intervals import RESAMPLES, interval
from bench.statistics.robustness import complete_methods
from detectors.evaluation import ALL, COUNTED, DEFINITION_NAMES, POOLED
from detectors.evaluation.definitions import COCO, DEFINITIONS, Definition
from tsdm_bench.errors import UsageError

DETECTION_QUANTITIES = {"mAP50": "AP50", "mAP50:95": "AP"}
"""What a table's head shows, and the measure of COCO that it is the mean of."""
WORTH_A_POOL = 3000
"""Results (pair × condition × method): with fewer, processes take longer to start than they save."""


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
    settings, detection = _settings(record), record.suite.detection
    samples = sample_detection(*part, record.classes, resamples=resamples, workers=workers_for(part), **settings)
    return Precision(samples, detection.fewest_objects, detection.classes, settings["definition"])


def workers_for(part: Labelled) -> int:
    """How many processes what is computed of each method and condition is worth."""
    return available_cores() if len(part.cells) >= WORTH_A_POOL else 1


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
