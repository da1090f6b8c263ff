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
from tsdm_bench.files import write_atomically, write_csv

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
    parts = Parts()
    scores = fusion_scores(rows)
    labelled = parts.make("Detection", lambda: labelled_part(folder, record.suite, rows))
    precision = parts.make("Detection", lambda: _precision(labelled, run)) if labelled else None
    sections = [
        parts.make("Detection", lambda: detection_section(precision, run)) if precision else None,
        parts.make("Detection by scene", lambda: _scenes(labelled, run)) if precision else None,
        parts.make("Fusion metrics", lambda: fusion_section(scores, run)),
        parts.make("Robustness", lambda: robustness_section(scores, precision, run)),
        parts.make("Rank agreement", lambda: agreement_section(precision, run)) if precision else None,
        parts.make("Ranking", lambda: ranking_section(rows, run)),
        parts.make("Efficiency", lambda: efficiency_section(read_efficiency(folder.path), run)),
    ]
    made = [section for section in sections if section]
    _write_files(folder.path / "tables", run.curves, made)
    shown = [section for section in made if section.tables or section.figures]
    pictures = parts.make("Pictures", lambda: write_pictures(folder, record)) or []
    page = write_page(run, shown, folder.failures(), parts.problems, pictures)
    write_atomically(folder.path / "index.html", lambda path: path.write_text(page, encoding="utf-8"))
    return shown


class Parts:
    """Makes one part of a report after the other, whatever becomes of each."""

    def __init__(self) -> None:
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


def _precision(labelled: Labelled, run: Run) -> Precision:
    return detection_precision(labelled, run.record.classes, run.suite.detection.fewest_objects)


def _scenes(labelled: Labelled, run: Run) -> Section | None:
    by_scene = clean_by_scene(labelled, run.record.classes, run.suite.detection.fewest_objects)
    return None if by_scene.empty else scene_section(by_scene, run)


def _write_files(tables: Path, curves: Path, sections: list[Section]) -> None:
    """Every table; tables and curves of an earlier report that are not made any more are removed."""
    written = {tables / TABLE.name}  # what the next run need not measure
    for section in sections:
        if not section.tidy.empty:
            write_csv(tables / f"{section.name}.csv", section.tidy)
            written.add(tables / f"{section.name}.csv")
        if section.tables:
            text = {
                "md": f"## {section.heading}\n\n" + "\n".join(markdown(table) for table in section.tables),
                "tex": "\n".join(latex(table) for table in section.tables),
            }
            for ending, content in text.items():
                path = tables / f"{section.name}.{ending}"
                write_atomically(path, lambda to, content=content: to.write_text(content, encoding="utf-8"))
                written.add(path)
        written |= {path.with_suffix(ending) for path in section.figures for ending in (".png", ".pdf")}
    old = [tables / f"{name}.{ending}" for name in SECTIONS for ending in ("csv", "md", "tex")]
    old += [path for ending in ("png", "pdf") for path in curves.glob(f"*.{ending}") if _is_curve(path)]
    for path in old:
        if path not in written:
            path.unlink(missing_ok=True)


def _is_curve(path: Path) -> bool:
    return path.stem.startswith("map50") or path.stem.partition("-")[0] in METRICS
