"""From a run folder to what people read: tables, curves and one self-contained page."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bench.api import CallableRoom
from bench.metrics import METRICS
from bench.report.detection import detection_section, scene_section
from bench.report.fusion import efficiency_section, fusion_section, ranking_section
from bench.report.layout import Run, Section, describe
from bench.report.page import write_page
from bench.report.pictures import write_pictures
from bench.report.robustness import agreement_section, robustness_section
from bench.report.summary import (
    Labelled,
    Precision,
    clean_by_scene,
    detection_precision,
    fusion_scores,
    labelled_part,
    selected,
)
from bench.report.tables import latex, markdown
from bench.run.cost import TABLE, read_efficiency
from bench.run.store import RunFolder
from tsdm_bench.errors import one_line
from tsdm_bench.files import write_atomically, write_csv, write_text

Made = TypeVar("Made")
SECTIONS = ("detection", "scenes", "fusion", "robustness", "agreement", "ranking", "efficiency")
log = logging.getLogger(__name__)
sys.modules[__name__].__class__ = CallableRoom


def write_report(folder: RunFolder) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there; returns the sections.

    ``tables/*.{csv,md,tex}``, ``curves/*.{png,pdf}`` and ``index.html``; those of an earlier report that are not made
    again are removed. Nothing is written where there are no rows. A section that cannot be made is named in the log and
    on the page, and the others are written. Raises ``UsageError`` where the record or the list of pairs is damaged.
    """
    record, pairs = folder.record(), folder.pairs()
    rows = selected(folder.rows(), record.suite, pairs["image"])
    if rows.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return []
    run = describe(record, rows, pairs, folder.path / "curves")
    run.curves.mkdir(parents=True, exist_ok=True)
    rows = run.basis.of(rows)
    parts = Parts(folder.path / "tables")
    scores = fusion_scores(rows)
    labelled = parts.make("Detection", lambda: labelled_part(folder, record.suite, rows))
    precision = parts.make("Detection", lambda: _precision(labelled, run)) if labelled else None
    if labelled and precision:
        parts.add("Detection", lambda: detection_section(precision, run))
        parts.add("Detection by scene", lambda: _scenes(labelled, run))
    parts.add("Fusion metrics", lambda: fusion_section(scores, run))
    parts.add("Robustness", lambda: robustness_section(scores, precision, run))
    if precision:
        parts.add("Rank agreement", lambda: agreement_section(precision, run))
    parts.add("Ranking", lambda: ranking_section(rows, run))
    parts.add("Efficiency", lambda: efficiency_section(read_efficiency(folder.path), run))
    _remove_old(parts, run.curves)
    pictures = parts.make("Pictures", lambda: write_pictures(folder, record)) or []
    page = write_page(run, parts.sections, folder.failures(), parts.problems, pictures)
    write_atomically(folder.path / "index.html", lambda path: path.write_text(page, encoding="utf-8"))
    return parts.sections


class Parts:
    """The parts of a report, made one after the other, whatever becomes of each."""

    def __init__(self, tables: Path) -> None:
        self.tables = tables
        self.sections: list[Section] = []
        """What there is to show."""
        self.written: set[Path] = {tables / TABLE.name}  # the measured costs, which the next run need not measure
        self.problems: dict[str, str] = {}
        """Why a part could not be made."""

    def make(self, name: str, make: Callable[[], Made]) -> Made | None:
        """What ``make`` returns; None where it raises, which the log and :attr:`problems` tell."""
        try:
            return make()
        except Exception as error:  # one part that fails must not cost the others
            self.problems[name] = one_line(error)
            log.warning("%s could not be made: %s", name, self.problems[name])
            log.debug("%s", name, exc_info=True)
            return None

    def add(self, name: str, make: Callable[[], Section | None]) -> None:
        """Write the tables of a section, and keep it for the page if there is anything to see."""
        section = self.make(name, lambda: self._written(make()))
        if section and (section.tables or section.figures):
            self.sections.append(section)

    def _written(self, section: Section | None) -> Section | None:
        if section is None:
            return None
        if not section.tidy.empty:
            path = self.tables / f"{section.name}.csv"
            write_csv(path, section.tidy)
            self.written.add(path)
        if section.tables:
            text = {
                "md": f"## {section.heading}\n\n" + "\n".join(markdown(table) for table in section.tables),
                "tex": "\n".join(latex(table) for table in section.tables),
            }
            for ending, content in text.items():
                path = self.tables / f"{section.name}.{ending}"
                write_text(path, content)
                self.written.add(path)
        self.written |= {path.with_suffix(ending) for path in section.figures for ending in (".png", ".pdf")}
        return section


def _precision(labelled: Labelled, run: Run) -> Precision:
    return detection_precision(labelled, run.record.classes, run.suite.detection.fewest_objects)


def _scenes(labelled: Labelled, run: Run) -> Section | None:
    by_scene = clean_by_scene(labelled, run.record.classes, run.suite.detection.fewest_objects)
    return None if by_scene.empty else scene_section(by_scene, run)


def _remove_old(parts: Parts, curves: Path) -> None:
    """Remove tables and curves of an earlier report that are not made any more."""
    old = [parts.tables / f"{name}.{ending}" for name in SECTIONS for ending in ("csv", "md", "tex")]
    old += [path for ending in ("png", "pdf") for path in curves.glob(f"*.{ending}") if _is_curve(path)]
    for path in old:
        if path not in parts.written:
            path.unlink(missing_ok=True)


def _is_curve(path: Path) -> bool:
    return path.stem.startswith("map50") or path.stem.partition("-")[0] in METRICS
