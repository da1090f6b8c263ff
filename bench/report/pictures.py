"""What a report shows of the pairs of a run, from the images that were stored when they were scored."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.cell.rows import Picture
from bench.datasets.pair import Box
from bench.plan import CLEAN, Condition, conditions, factors_of, hits
from bench.report.contact_sheet import draw_contact_sheet
from bench.report.layout import distinct
from bench.report.panels import counted, draw_panel
from bench.run.pictures import shown_conditions
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from degradation.factor import Factor, Modality
from degradation.mixed_condition import find_factor
from detectors.detector import Detection
from tsdm_bench.files import write_atomically
from tsdm_bench.images import ImageProblem, read_result

BOX_COLUMNS = ["class", "x", "y", "w", "h"]
log = logging.getLogger(__name__)


def write_pictures(folder: RunFolder, record: RunRecord) -> list[Path]:
    """Write ``panels/*.png`` and ``degradations.png``; returns those that were written. Others there are removed.

    A panel shows one pair under one condition: its inputs and the result of every method, with detections where there
    are any. It is left out where an image of it was not stored (a failed cell, an unfinished run).
    """
    written = [path for path in (_write_sheet(folder, record), *_write_panels(folder, record)) if path]
    for path in [*(folder.path / "panels").glob("*.png"), folder.path / "degradations.png"]:
        if path not in written:
            path.unlink(missing_ok=True)
    return written


def _write_panels(folder: RunFolder, record: RunRecord) -> list[Path]:
    detections, truth, paths = folder.detections(), folder.truth(), []
    titles = distinct({"ir": "Infrared", "vis": "Visible"} | {name: of.title for name, of in record.methods.items()})
    labelled = {image for image, facts in record.pairs.items() if facts.labels is not None}
    for condition in shown_conditions(record.suite):
        here = detections[(detections[list(Condition._fields)] == list(condition)).all(axis=1)]
        for image in record.shown:
            names = dict.fromkeys(("ir", "vis", *record.suite.methods))
            read = {name: _read(folder, image, condition, name) for name in names}
            images = {name: pixels for name, pixels in read.items() if pixels is not None}
            if len(images) < len(names):
                log.warning("no panel of %s (%s): not all of its images were computed", image, _title(condition))
                continue
            found = _detections(here[here["image"] == image], record) if image in labelled else {}
            objects = truth[truth["image"] == image]
            boxes, hard = (_boxes(objects[objects["difficult"] == which]) for which in (False, True))
            found = {name: counted(of_method, boxes, hard) for name, of_method in found.items()}
            title = f"{record.dataset.name} {image}: {_title(condition)}"
            figure = draw_panel(images, found, boxes=boxes if found else None, titles=titles, title=title)
            name = "-".join(str(part) for part in (*_file_words(condition, record), image))
            paths.append(_save(figure, folder.path / "panels" / f"{name}.png"))
    return paths


def _boxes(objects: pd.DataFrame) -> list[Box]:
    return [Box(*row) for row in objects[BOX_COLUMNS].itertuples(index=False)]


def _file_words(condition: Condition, record: RunRecord) -> tuple[str, ...]:
    alone = condition == CLEAN or len(hits(record.suite)[condition.factor]) == 1
    return condition.words[:2] if alone else condition.words


def _write_sheet(folder: RunFolder, record: RunRecord) -> Path | None:
    """The factors of the run at every severity on the first pair that is shown; None where there is no such image."""
    if not record.suite.factors or not record.shown:
        return None
    image = record.shown[0]
    modalities: dict[Modality, dict[tuple[str, int], np.ndarray]] = {"ir": {}, "vis": {}}
    for condition in conditions(record.suite):
        for name, found in modalities.items():
            hit = condition == CLEAN or condition.modality in (name, "both")
            if hit and (pixels := _read(folder, image, condition, name)) is not None:
                found[condition.factor, condition.severity] = pixels
    if not all((CLEAN.factor, 0) in found for found in modalities.values()):
        return None
    factors = list(factors_of(record.suite).values())
    severities = sorted({0, *record.suite.severities})
    return _save(draw_contact_sheet(modalities, factors, severities=severities), folder.path / "degradations.png", 110)


def _detections(of_pair: pd.DataFrame, record: RunRecord) -> dict[str, list[Detection]]:
    """What was found in the image of each method; nothing where no detector ran, so that nothing is called missed."""
    if record.detector is None:
        return {}
    columns = ["class", "score", "x", "y", "w", "h"]
    return {
        name: [Detection(*row) for row in of_pair.loc[of_pair["method"] == name, columns].itertuples(index=False)]
        for name in record.suite.methods
    }


def _read(folder: RunFolder, image: str, condition: Condition, name: str) -> np.ndarray | None:
    """A stored image as uint8 H×W or H×W×3 RGB; None where it is missing or damaged."""
    try:
        return read_result(folder.picture_path(Picture(image, *condition, name, b"")))
    except ImageProblem:
        return None


def _title(condition: Condition) -> str:
    if condition == CLEAN:
        return "clean"
    factor = find_factor(condition.factor)
    chosen = isinstance(factor, Factor) and len(factor.modalities) > 1 and condition.modality != "both"
    return f"{factor.title}{f' ({condition.modality})' * chosen}, severity {condition.severity}"


def _save(figure: Figure, path: Path, dpi: float | str = "figure") -> Path:
    write_atomically(path, lambda to: figure.savefig(to, format="png", dpi=dpi))
    return path
