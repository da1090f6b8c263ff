"""From a run folder to what people read: tables, curves and one self-contained page."""

from __future__ import annotations

import logging
from pathlib import Path

from bench.report.detection import detection_section, scene_section
from bench.report.fusion import efficiency_section, fusion_section, ranking_section
from bench.report.layout import Run, describe
from bench.report.page import Section, write_page
from bench.report.robustness import agreement_is_defined, agreement_section, robustness_section
from bench.report.summary import Labelled, clean_by_scene, detection_samples, fusion_scores, labelled_part, selected
from bench.report.tables import latex, markdown
from bench.run.cost import read_efficiency
from bench.run.store import RunFolder
from bench.statistics.detection import DetectionSamples
from tsdm_bench.files import write_atomically

log = logging.getLogger(__name__)


def write_report(folder: RunFolder) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there.

    ``tables/*.{csv,md,tex}``, ``curves/*.{png,pdf}`` and ``index.html``. Nothing is written where there are no rows.
    """
    info = folder.read_info()
    run = describe(info, folder.path / "curves")
    rows = selected(folder.rows(), run.suite, folder.pairs()["image"])
    if rows.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return []
    run.curves.mkdir(parents=True, exist_ok=True)
    scores = fusion_scores(rows)
    labelled = labelled_part(folder, run.suite, rows)
    samples = detection_samples(labelled, info["classes"]) if labelled else None
    sections = _detection_sections(labelled, samples, run) if labelled else []
    sections += [fusion_section(scores, run), robustness_section(scores, samples, run)]
    if samples and agreement_is_defined(samples):
        sections.append(agreement_section(samples, run))
    sections.append(ranking_section(rows, run))
    efficiency = read_efficiency(folder.path)
    if efficiency["method"].isin(run.suite.methods).any():
        sections.append(efficiency_section(efficiency, run))  # whole: its table is what the next run need not measure
    for section in sections:
        _write_tables(folder.path / "tables", section)
    pictures = [*sorted((folder.path / "panels").glob("*.png")), *folder.path.glob("degradations.png")]
    page = write_page(info, sections, folder.failures(), pictures)
    write_atomically(folder.path / "index.html", lambda path: path.write_text(page))
    return sections


def _detection_sections(labelled: Labelled, samples: DetectionSamples, run: Run) -> list[Section]:
    by_scene = clean_by_scene(labelled, run.info["classes"])
    return [detection_section(samples, run), *([] if by_scene.empty else [scene_section(by_scene, run)])]


def _write_tables(folder: Path, section: Section) -> None:
    text = {
        "csv": section.tidy.to_csv(index=False),
        "md": f"## {section.heading}\n\n" + "\n".join(markdown(table) for table in section.tables),
        "tex": "\n".join(latex(table) for table in section.tables),
    }
    for ending, content in text.items():
        write_atomically(folder / f"{section.name}.{ending}", lambda path, content=content: path.write_text(content))
