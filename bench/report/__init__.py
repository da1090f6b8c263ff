"""From a run folder to what people read: tables, curves and one self-contained page."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.api import CallableRoom
from bench.metrics import METRICS
from bench.report.curves import ONE_COLUMN, draw_curves, draw_multiples
from bench.report.detection import detection_section, scene_section
from bench.report.drawing import Drawing, draw_all
from bench.report.efficiency import efficiency_section, quality_of
from bench.report.fusion import fusion_section
from bench.report.latex import LatexStyle, latex_file, preview
from bench.report.layout import Curve, Run, Section, describe
from bench.report.page import write_page
from bench.report.pictures import write_pictures
from bench.report.protocol import measure_response, prediction_section, response_section
from bench.report.ranking import ranking_section
from bench.report.references import references
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
from bench.report.tables import markdown
from bench.run.cost import TABLE, read_efficiency
from bench.run.store import RunFolder
from tsdm_bench.errors import one_line
from tsdm_bench.files import write_atomically, write_csv, write_text
from tsdm_bench.words import counted

Made = TypeVar("Made")
OVERVIEWS = ("ranks", "critical-difference", "speed-quality")
"""Figures in the folder of curves that are no curves."""
PREVIEW, REFERENCES = "preview.tex", "references.bib"
"""A document that shows all tables, and the papers that they rest on."""
SECTIONS = (
    "detection", "scenes", "fusion", "response", "robustness", "agreement", "prediction", "ranking", "efficiency",
)  # fmt: skip
log = logging.getLogger(__name__)
sys.modules[__name__].__class__ = CallableRoom


def write_report(folder: RunFolder, style: LatexStyle | None = None) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there; returns the sections.

    ``tables/*.{csv,md,tex}`` with ``references.bib``, ``curves/*.{png,pdf}`` and ``index.html``; those of an earlier
    report that are not made again are removed, and a figure that would be the same is not drawn again. ``style`` is
    that of the LaTeX tables. Nothing is written where there are no rows. A section that cannot be made is named in the
    log and on the page, and the others are written. Raises ``UsageError`` where the record or the list of pairs is
    damaged.
    """
    started = time.monotonic()
    record, pairs = folder.record(), folder.pairs()
    rows = selected(folder.rows(), record.suite, pairs["image"])
    if rows.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return []
    run = describe(record, rows, pairs)
    rows = run.basis.of(rows)
    parts = Parts(folder.path, run, style or LatexStyle())
    scores = fusion_scores(rows)
    labelled = parts.make("Detection", lambda: labelled_part(folder, record.suite, rows))
    precision = parts.make("Detection", lambda: _precision(labelled, run)) if labelled else None
    if labelled and precision:
        parts.add("Detection", lambda: detection_section(precision, run))
        parts.add("Detection by scene", lambda: _scenes(labelled, run))
    response = measure_response(rows)
    parts.add("Fusion metrics", lambda: fusion_section(scores, rows, response, run))
    parts.add("Response to degradation", lambda: response_section(response, run))
    robustness = parts.add("Robustness", lambda: robustness_section(scores, precision, run))
    if precision:
        parts.add("Rank agreement", lambda: agreement_section(precision, run))
    if labelled and precision:
        parts.add("Prediction of detection", lambda: prediction_section(labelled, precision, response, run))
    ranking = parts.add("Ranking", lambda: ranking_section(rows, run))
    quality = quality_of(robustness, ranking, run)
    parts.add("Efficiency", lambda: efficiency_section(read_efficiency(folder.path), run, quality))
    parts.make("Figures", parts.draw)
    parts.make("References", parts.write_references)
    _remove_old(parts)
    pictures = parts.make("Pictures", lambda: write_pictures(folder, record)) or []
    page = write_page(run, parts.sections, folder.failures(), parts.problems, pictures)
    write_atomically(folder.path / "index.html", lambda path: path.write_text(page, encoding="utf-8"))
    log.info("report: written in %.0f s", time.monotonic() - started)
    return parts.sections


class Parts:
    """The parts of a report, made one after the other, whatever becomes of each."""

    def __init__(self, folder: Path, run: Run, style: LatexStyle) -> None:
        self.run, self.style = run, style
        self.tables, self.curves = folder / "tables", folder / "curves"
        self.curves.mkdir(parents=True, exist_ok=True)
        self.sections: list[Section] = []
        """What there is to show."""
        self.drawings: list[Drawing] = []
        self.written: set[Path] = {self.tables / TABLE.name}  # the measured costs, which the next run need not measure
        self.problems: dict[str, str] = {}
        """Why a part could not be made."""

    def make(self, name: str, make: Callable[[], Made]) -> Made | None:
        """What ``make`` returns; None where it raises, which the log and :attr:`problems` tell."""
        log.info("report: %s", name.lower())
        try:
            return make()
        except Exception as error:  # one part that fails must not cost the others
            self.problems[name] = one_line(error)
            log.warning("%s could not be made: %s", name, self.problems[name])
            log.debug("%s", name, exc_info=True)
            return None

    def add(self, name: str, make: Callable[[], Section | None]) -> Section | None:
        """Write the tables of a section, and keep it for the page if there is anything to see; returns it."""
        section = self.make(name, lambda: self._written(make()))
        if section and (section.tables or section.curves):
            self.sections.append(section)
        return section

    def draw(self) -> None:
        """Draw the figures of all sections, as far as they are not there yet."""
        drawn = draw_all(self.drawings)
        log.info("report: %s drawn, %d as they were", counted(len(drawn), "figure"), len(self.drawings) - len(drawn))
        self.written |= {path for drawing in self.drawings for path in drawing.files}

    def write_references(self) -> None:
        """Write the BibTeX of what the tables rest on, and a document that shows all tables with it."""
        names = [section.name for section in self.sections if section.tables]
        for name, text in ((REFERENCES, references(self.run.record)), (PREVIEW, preview(names, self.style))):
            write_text(self.tables / name, text)
            self.written.add(self.tables / name)

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
                "tex": latex_file(section.tables, self.style, section.name),
            }
            for ending, content in text.items():
                path = self.tables / f"{section.name}.{ending}"
                write_text(path, content)
                self.written.add(path)
        drawings = [drawing for curve in section.curves for drawing in self._drawings(curve)]
        drawings += [replace(drawing, path=self.curves / drawing.path) for drawing in section.drawings]
        section.figures = [path for drawing in drawings for path in drawing.files if path.suffix == ".png"]
        self.drawings += drawings
        return section

    def _drawings(self, curve: Curve) -> list[Drawing]:
        """A curve over two columns of a paper; the main ones in one as well, and with a panel per method."""
        shared = {"title": curve.title, "label": curve.label, "direction": curve.direction, "titles": curve.titles}
        shared["order"] = self.run.suite.methods
        panels = {"points": curve.points} | shared
        path = self.curves / curve.name
        drawings = [Drawing(path, draw_curves, panels)]
        if curve.main:
            narrow = panels | {"width": ONE_COLUMN}
            drawings.append(Drawing(path.with_name(f"{path.name}-column"), draw_curves, narrow, (".pdf",)))
        if curve.pooled is not None:
            of_methods = shared | {"points": curve.pooled, "title": curve.pooled_title}
            drawings.append(Drawing(path.with_name(f"{path.name}-methods"), draw_multiples, of_methods))
        return drawings


def _precision(labelled: Labelled, run: Run) -> Precision:
    return detection_precision(labelled, run.record.classes, run.suite.detection.fewest_objects)


def _scenes(labelled: Labelled, run: Run) -> Section | None:
    by_scene = clean_by_scene(labelled, run.record.classes, run.suite.detection.fewest_objects)
    return None if by_scene.empty else scene_section(by_scene, run)


def _remove_old(parts: Parts) -> None:
    """Remove tables and curves of an earlier report that are not made any more."""
    old = [parts.tables / f"{name}.{ending}" for name in SECTIONS for ending in ("csv", "md", "tex")]
    old += [parts.tables / PREVIEW, parts.tables / REFERENCES]
    old += [path for ending in ("png", "pdf") for path in parts.curves.glob(f"*.{ending}") if _is_curve(path)]
    for path in old:
        if path not in parts.written:
            path.unlink(missing_ok=True)


def _is_curve(path: Path) -> bool:
    return path.stem.startswith("map50") or path.stem.partition("-")[0] in METRICS or path.stem in OVERVIEWS
