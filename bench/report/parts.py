"""The sections of a report, made one after the other from a run folder, whatever becomes of each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd

from bench.report.confusions import confusions_section
from bench.report.detection import detection_section, scene_section
from bench.report.diagnosis import diagnosed, diagnosis_section
from bench.report.efficiency import efficiency_section, quality_of
from bench.report.fusion import fusion_section
from bench.report.layout import Run, Section, describe
from bench.report.objects import objects_section
from bench.report.precision import Precision, clean_by_scene, detection_precision, read_as
from bench.report.precision_recall import precision_recall_section
from bench.report.protocol import measure_response, prediction_section, response_section
from bench.report.ranking import ranking_section
from bench.report.restoration import restoration_section
from bench.report.robustness import agreement_section, robustness_section
from bench.report.siblings import detectors_section, seeds_section
from bench.report.summary import Labelled, computed, fusion_scores, labelled_part, selected
from bench.run.cost_table import read_efficiency
from bench.run.objects import BoxesNotHere
from bench.run.store import RunFolder
from tsdm_bench.errors import one_line

Made = TypeVar("Made")
log = logging.getLogger(__name__)


@dataclass
class Parts:
    """What a report is made of."""

    run: Run
    each: Callable[[Parts, Section], object]
    """Called with every section as soon as it is there."""
    precision: Precision | None = None
    """Average precision, where a detector looked at labelled pairs."""
    sections: list[Section] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """Why a part could not be made."""
    lacking: str = ""
    """Why what rests on the boxes of the objects is left out: the dataset that has them is not here."""

    def make(self, name: str, make: Callable[[], Made], *, stage: bool = True) -> Made | None:
        """What ``make`` returns; None where it raises, which the log and :attr:`problems` or :attr:`lacking` tell.

        The log says that a ``stage`` begins.
        """
        if stage:
            log.info("report: %s", name.lower())
        try:
            return make()
        except BoxesNotHere as error:
            self.lacking = str(error)
            log.warning("%s is left out: %s", name, error)
        except Exception as error:  # one part that fails must not cost the others
            self.problems[name] = one_line(error)
            log.warning("%s could not be made: %s", name, self.problems[name])
            log.debug("%s", name, exc_info=True)
        return None

    def add(self, name: str, make: Callable[[], Section | None], *, stage: bool = True) -> Section | None:
        """Keep the section that ``make`` returns, and return it."""
        section = self.make(name, make, stage=stage)
        if section is not None:
            self.sections.append(section)
            self.make("Figures", lambda: self.each(self, section), stage=False)
        return section


def read_parts(
    folder: RunFolder,
    *,
    ap: str | None = None,
    classes: str | None = None,
    each: Callable[[Parts, Section], object] = lambda parts, section: None,
) -> Parts | None:
    """The sections of the report of ``folder``, of which nothing is written; None where it has no rows.

    A section that cannot be made is named in ``problems`` and the others are there; ``each`` is called with every one
    as soon as it is made. Raises ``UsageError`` where the record or the list of pairs is damaged, or the dataset has no
    class set ``classes``.
    """
    record, pairs = read_as(folder.record(), ap, classes), folder.pairs()
    rows = selected(folder.rows(), record.suite, pairs["image"])
    cells = computed(folder, rows, record, pairs)
    if cells.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return None
    run = describe(record, cells, pairs)
    rows, cells = run.basis.of(rows), run.basis.of(cells)
    parts = Parts(run, each)
    scores = fusion_scores(rows)
    labelled = parts.make("Detection", lambda: labelled_part(folder, record.suite, cells))
    if labelled:
        parts.precision = parts.make("Detection", lambda: detection_precision(labelled, record), stage=False)
    precision = parts.precision
    if labelled and precision:
        parts.add("Detection", lambda: detection_section(precision, run), stage=False)
        parts.add("Detection by scene", lambda: _scenes(labelled, precision, run))
        _diagnose(parts, labelled, folder.contrasts(), precision)
    response = measure_response(rows)
    parts.add("Fusion metrics", lambda: fusion_section(scores, rows, response, run))
    parts.add("Response to degradation", lambda: response_section(response, run))
    robustness = parts.add("Robustness", lambda: robustness_section(scores, precision, run))
    parts.add("Restoring before fusing", lambda: restoration_section(scores, precision, run))
    if precision:
        parts.add("Rank agreement", lambda: agreement_section(precision, run))
    if labelled and precision:
        of_labelled = rows[rows["image"].isin(labelled.cells["image"])]
        parts.add("Prediction of detection", lambda: prediction_section(of_labelled, precision, response, run))
    ranking = parts.add("Ranking", lambda: ranking_section(rows, run))
    if len(record.suite.seeds) > 1:
        parts.add("Spread over seeds", lambda: seeds_section(folder, run))
    if len(record.suite.detectors) > 1:
        parts.add("Agreement of detectors", lambda: detectors_section(folder, run))
    costs = read_efficiency(folder.path)
    parts.add("Efficiency", lambda: efficiency_section(costs, run, quality_of(robustness, ranking, precision, run)))
    return parts


def _diagnose(parts: Parts, labelled: Labelled, contrasts: pd.DataFrame, precision: Precision) -> None:
    """The sections that rest on what became of each object and each detection."""
    run = parts.run
    found = parts.make("Why detection falls", lambda: diagnosed(labelled, contrasts, precision, run))
    if found is not None:
        makers = (
            ("Why detection falls", lambda: diagnosis_section(found.errors, precision, run)),
            ("Which objects are found", lambda: objects_section(found.groups, precision, run)),
            ("Precision and recall", lambda: precision_recall_section(found.curves, precision, run)),
            ("Which class is taken for which", lambda: confusions_section(found.confusions, precision, run)),
        )
        for name, make in makers:
            parts.add(name, make, stage=False)


def _scenes(labelled: Labelled, precision: Precision, run: Run) -> Section | None:
    by_scene = clean_by_scene(labelled, run.record)
    return None if by_scene.empty else scene_section(by_scene, precision, run)
