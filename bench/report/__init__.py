"""From a run folder to what people read: tables, curves, figures and one self-contained page."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.api import CallableRoom
from bench.metrics import METRICS
from bench.report.curves import ONE_COLUMN, draw_curves, draw_multiples
from bench.report.drawing import Drawing, Easel
from bench.report.latex import LatexStyle, latex_file, preview
from bench.report.layout import Curve, Run, Section
from bench.report.page import Contents, write_page
from bench.report.page.findings import findings
from bench.report.page.pictures import picture_data
from bench.report.parts import Parts, read_parts
from bench.report.pictures import LOST, write_pictures
from bench.report.references import references
from bench.report.stored import stored_pictures
from bench.run.cost_table import TABLE
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from tsdm_bench.files import write_csv, write_text
from tsdm_bench.words import counted

OVERVIEWS = ("ranks", "critical-difference", "speed-quality", "errors", "precision-recall", "confusions")
"""Figures in the folder of curves that are no curves."""
PREVIEW, REFERENCES = "preview.tex", "references.bib"
"""A document that shows all tables, and the papers that they rest on."""
SECTIONS = (
    "detection", "scenes", "diagnosis", "objects", "precision_recall", "confusions", "fusion", "response", "robustness",
    "restoration", "agreement", "prediction", "ranking", "efficiency", "seeds", "detectors",
)  # fmt: skip
log = logging.getLogger(__name__)
sys.modules[__name__].__class__ = CallableRoom


def write_report(
    folder: RunFolder, style: LatexStyle | None = None, *, ap: str | None = None, classes: str | None = None
) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there; returns the sections.

    ``tables/*.{csv,md,tex}`` with ``references.bib``, ``curves/*.{png,pdf}``, ``figures/`` and ``index.html``; those of
    an earlier report that are not made again are removed, and a figure that would be the same is not drawn again.
    ``style`` is that of the LaTeX tables; ``ap`` and ``classes`` read the boxes in another way than the suite says.
    Nothing is written where there are no rows. A section that cannot be made is named in the log and on the page, and
    the others are written. Of a published run whose boxes are not here, the tables and curves that are there stay: they
    were made with the boxes. Raises ``UsageError`` where the record or the list of pairs is damaged, or the dataset has
    no such class set.
    """
    started = time.monotonic()
    with Easel() as easel:  # figures are drawn while the sections after them are worked out
        sections = _write_report(folder, style or LatexStyle(), easel, ap, classes)
    log.info("report: written in %.0f s", time.monotonic() - started)
    return sections


def _write_report(
    folder: RunFolder, style: LatexStyle, easel: Easel, ap: str | None, classes: str | None
) -> list[Section]:
    written = {folder.path / TABLE}  # the measured costs, which the next run need not measure

    def draw(parts: Parts, section: Section) -> None:
        drawings = drawings_of(section, parts.run, folder.path / "curves")
        written.update(path for drawing in drawings for path in drawing.files)
        easel.add(of for of in drawings if not (parts.lacking and any(path.is_file() for path in of.files)))

    parts = read_parts(folder, ap=ap, classes=classes, each=draw)
    if parts is None:
        return []
    run, sections, keep = parts.run, list[Section](), bool(parts.lacking)
    for section in parts.sections:
        write = partial(_write_tables, section, folder.path / "tables", style, keep)
        files = parts.make(section.heading, write, stage=False)
        if files is not None:
            written |= files
            sections += [section] if section.tables or section.curves or section.drawings else []
    written |= parts.make("References", partial(_write_references, sections, run.record, style, folder.path)) or set()
    if keep:
        log.info("report: tables and curves that are there stay as they were published")
    else:
        _remove_old(folder.path, written)
    stored = parts.make("Pictures", lambda: stored_pictures(folder, run.record))
    if stored:
        panels = parts.make("Panels", lambda: write_pictures(stored)) or []
        lost = [path for path in panels if path.name.startswith(LOST)]
        for section in sections:
            section.pictures = lost if section.name == "objects" else []
    found = parts.make("Findings", lambda: findings(sections, parts.precision, run))
    pictures = parts.make("Page", lambda: picture_data(stored)) if stored else None
    drawn = parts.make("Figures", easel.finish) or []
    log.info("report: %s drawn, %d as they were", counted(len(drawn), "figure"), easel.asked - len(drawn))
    problems = parts.problems | ({"Detection": parts.lacking} if parts.lacking else {})
    page = write_page(run, Contents(sections, found or (), folder.failures(), problems, pictures))
    write_text(folder.path / "index.html", page)
    return sections


def _write_tables(section: Section, place: Path, style: LatexStyle, keep: bool) -> set[Path]:
    """Write the tables of a section, with ``keep`` no CSV and Markdown that are there; returns the files."""
    path, writers = place / section.name, dict[Path, Callable[[Path], None]]()
    if section.tables:
        text, source = section.markdown, latex_file(section.tables, style, section.name)
        writers[path.with_suffix(".md")] = lambda to: write_text(to, text)
        writers[path.with_suffix(".tex")] = lambda to: write_text(to, source)
    if not section.tidy.empty:
        writers[path.with_suffix(".csv")] = lambda to: write_csv(to, section.tidy)
    for to, write in writers.items():
        if not keep or to.suffix == ".tex" or not to.is_file():
            write(to)
    return set(writers)


def _write_references(sections: Sequence[Section], record: RunRecord, style: LatexStyle, folder: Path) -> set[Path]:
    """Write the BibTeX of what the tables rest on, and a document that shows all tables with it."""
    names = [section.name for section in sections if section.tables]
    texts = {REFERENCES: references(record), PREVIEW: preview(names, style)}
    for name, text in texts.items():
        write_text(folder / "tables" / name, text)
    return {folder / "tables" / name for name in texts}


def drawings_of(section: Section, run: Run, place: Path) -> list[Drawing]:
    """The figures of a section, with their places; it keeps the PNG files."""
    drawings = [drawing for curve in section.curves for drawing in _drawings(curve, run, place)]
    drawings += [replace(drawing, path=place / drawing.path) for drawing in section.drawings]
    section.figures = [path for drawing in drawings for path in drawing.files if path.suffix == ".png"]
    return drawings


def _drawings(curve: Curve, run: Run, place: Path) -> list[Drawing]:
    """A curve over two columns of a paper; the main ones in one as well, and with a panel per method."""
    shared = {"title": curve.title, "label": curve.label, "direction": curve.direction, "titles": curve.titles}
    shared["order"] = run.suite.methods
    panels = {"points": curve.points} | shared
    path = place / curve.name
    drawings = [Drawing(path, draw_curves, panels)]
    if curve.main:
        narrow = panels | {"width": ONE_COLUMN}
        drawings.append(Drawing(path.with_name(f"{path.name}-column"), draw_curves, narrow, (".pdf",)))
    if curve.pooled is not None:
        of_methods = shared | {"points": curve.pooled, "title": curve.pooled_title}
        drawings.append(Drawing(path.with_name(f"{path.name}-methods"), draw_multiples, of_methods))
    return drawings


def _remove_old(folder: Path, written: set[Path]) -> None:
    """Remove tables and curves of an earlier report that are not made any more."""
    tables, curves = folder / "tables", folder / "curves"
    old = [tables / f"{name}.{ending}" for name in SECTIONS for ending in ("csv", "md", "tex")]
    old += [tables / PREVIEW, tables / REFERENCES]
    old += [path for ending in ("png", "pdf") for path in curves.glob(f"*.{ending}") if _is_curve(path)]
    for path in old:
        if path not in written:
            path.unlink(missing_ok=True)


def _is_curve(path: Path) -> bool:
    return path.stem.startswith("map50") or path.stem.partition("-")[0] in METRICS or path.stem in OVERVIEWS
