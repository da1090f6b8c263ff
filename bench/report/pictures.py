"""Figures of a run folder, from the images that were stored when they were scored."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.plan import CLEAN, Condition, conditions, factors_of
from bench.report.contact_sheet import draw_contact_sheet
from bench.report.failures import lost_rows
from bench.report.figure import WIDTH_MM, Row, draw_figure
from bench.report.outcomes import Outcome
from bench.report.stored import INPUTS, StoredPictures
from bench.report.zooms import AUTOMATIC, Region, differing_regions, disputed_regions
from bench.run.pictures import shown_conditions
from degradation.factor import Modality
from degradation.mixed_condition import named_condition
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_atomically
from tsdm_bench.names import why_no_file_name

FIRST = 1
"""Pairs that a report draws under every condition; the page shows all that are stored."""
LOST = "lost-"
"""How the files of typical failures begin."""
PRINT_DPI, SHEET_DPI = 300, 110
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one figure shows."""

    images: tuple[str, ...] = ()
    """Empty: the first that is stored."""
    conditions: tuple[Condition, ...] = (CLEAN,)
    methods: tuple[str, ...] = ()
    """Empty: the inputs and every method."""
    zooms: Mapping[str, tuple[Region, ...]] | None = None
    """Regions by image, under ``""`` those of every other image; None: they are chosen."""
    most_zooms: int = AUTOMATIC
    """Regions that are chosen for each image."""
    boxes: bool = False
    columns: int | None = None
    width_mm: float = WIDTH_MM
    dpi: int = PRINT_DPI
    title: str = ""


def write_figure(stored: StoredPictures, wanted: Wanted, place: Path) -> list[Path]:
    """Write the figure as PNG and PDF into the folder ``place`` and return both paths.

    Raises ``UsageError`` where an image, a condition or a method of it is not stored; it names those that are.
    """
    images = wanted.images or tuple(stored.images()[:1])
    if not images:
        remedy = "repeat the command of the run with --panels 3 and without --no-report"
        raise UsageError(f"{stored.folder.path} holds no images; {remedy}")
    names = _names(stored, wanted.methods)
    rows = []
    for image in images:
        for condition in wanted.conditions:
            pixels = _read(stored, image, condition, names)
            if absent := [name for name in names if name not in pixels]:
                _refuse_absent(stored, image, condition, absent)
            rows.append(_row(stored, image, condition, pixels, wanted))
    if wanted.boxes and not any(row.outcomes for row in rows):
        raise UsageError(f"--boxes: no detector looked at {', '.join(images)} in this run; leave it out")
    figure = _drawn(stored, rows, title=wanted.title, columns=wanted.columns, width_mm=wanted.width_mm)
    stem = place / _file_name(images, wanted)
    return [_save(figure, stem.with_name(f"{stem.name}.{form}"), wanted.dpi) for form in ("png", "pdf")]


def asked_conditions(texts: Sequence[str], stored: StoredPictures) -> tuple[Condition, ...]:
    """``clean``, ``factor:severity`` or ``factor:severity:modality`` each as a condition of the run.

    Raises ``UsageError`` where a text names none of them, or does not say which of several modalities is meant.
    """
    suite = stored.record.suite
    known = {":".join(map(str, condition)): condition for condition in conditions(suite)}
    found = []
    for text in texts:
        called = _as_called(text)
        fits = [of for name, of in known.items() if called in (name, name.rpartition(":")[0])]
        fits = [CLEAN] if text == CLEAN.factor and CLEAN in known.values() else fits
        if len(fits) != 1:
            problem = (
                "the run has none such" if not fits else f"{' or '.join(of.modality for of in fits)} is to be named"
            )
            raise UsageError(f"--condition {text}: {problem}; its conditions are {_listed(known)}")
        found += fits
    return tuple(found)


def _as_called(text: str) -> str:
    """A mixed condition, however it was written, by the name that it has in a run.

    >>> _as_called("ir:stripe_noise+vis:rain:3"), _as_called("ir:contrast:3"), _as_called("contrast:3:ir")
    ('vis:rain+ir:stripe_noise:3:both', 'contrast:3:ir', 'contrast:3:ir')
    """
    name, _, severity = text.rpartition(":")
    if ":" not in name or not severity.isdecimal():
        return text
    factor, hit = named_condition(name)
    return f"{factor.name}:{severity}:{hit}"


def _listed(names: Iterable[str], most: int = 40) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def write_pictures(stored: StoredPictures) -> list[Path]:
    """Write ``figures/*.png`` of the first pair under each condition that is stored, and ``degradations.png``.

    Where a detector ran there is one of the objects that are lost under each condition, too.

    A picture that is newer than what it is made of stays as it is; those of earlier reports that are not made any more
    are removed. Returns the paths of all.
    """
    place = stored.folder.path / "figures"
    written = [_write_sheet(stored)]
    names = _names(stored, ())
    for image in stored.images()[:FIRST]:
        for condition in shown_conditions(stored.record.suite):
            wanted = Wanted(conditions=(condition,), boxes=True)
            path = place / f"panel-{_file_name((image,), wanted)}.png"
            made_from = [stored.path(image, condition, name) for name in names]
            if not _newer(path, [*made_from, *stored.tables]):
                pixels = _read(stored, image, condition, names)
                if len(pixels) < len(names):
                    log.warning("no panel of %s (%s): not all of its images are stored", image, stored.title(condition))
                    continue
                row = _row(stored, image, condition, pixels, wanted)
                title = f"{stored.record.dataset.name} {image}: {stored.title(condition)}"
                _save(_drawn(stored, [row], title=title), path, "figure")
            written.append(path)
    for condition in shown_conditions(stored.record.suite):
        written += _write_lost(stored, condition)
    for path in [
        *place.glob("panel-*.png"),
        *place.glob(f"{LOST}*.png"),
        *(stored.folder.path / "panels").glob("*.png"),
    ]:
        if path not in written:
            path.unlink(missing_ok=True)
    return [path for path in written if path]


def _drawn(stored: StoredPictures, rows: Sequence[Row], **options: Any) -> Figure:
    """A figure with the names and the colours of the run."""
    return draw_figure(rows, titles=stored.titles, classes=stored.record.classes, **options)


def _write_lost(stored: StoredPictures, condition: Condition) -> list[Path]:
    """The figure of the objects that are lost under a condition; nothing where there are none."""
    if condition == CLEAN or stored.record.detector is None:
        return []
    path = stored.folder.path / "figures" / f"{LOST}{_file_name((), Wanted(conditions=(condition,)))}.png"
    made_from = [stored.path(image, of, name) for of in (CLEAN, condition) for image in stored.images() for name in
                 stored.names]  # fmt: skip
    if not _newer(path, [*filter(Path.is_file, made_from), *stored.tables]):
        rows = lost_rows(stored, condition)
        if not rows:
            return []
        title = f"{stored.title(condition)}: objects that most methods find in the clean pair, and lose here"
        _save(_drawn(stored, rows, title=title), path, SHEET_DPI)
    return [path]


def _names(stored: StoredPictures, methods: Sequence[str]) -> list[str]:
    known = stored.names
    for name in methods:
        if name not in known:
            raise UsageError(f"the run has no method {name!r}; it has: {', '.join(known)}")
    return list(methods) or known


def _read(stored: StoredPictures, image: str, condition: Condition, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The images that are there and whole."""
    read = {name: stored.read(image, condition, name) for name in names}
    return {name: pixels for name, pixels in read.items() if pixels is not None}


def _row(
    stored: StoredPictures, image: str, condition: Condition, images: dict[str, np.ndarray], wanted: Wanted
) -> Row:
    found = stored.outcomes(image, condition) if wanted.boxes else {}
    outcomes = {name: of for name, of in found.items() if name in images}
    regions = _regions(stored, image, images, outcomes, wanted)
    return Row(images, outcomes, image in stored.labelled, regions, f"{image}, {stored.title(condition)}")


def _regions(
    stored: StoredPictures,
    image: str,
    images: Mapping[str, np.ndarray],
    outcomes: Mapping[str, Outcome],
    wanted: Wanted,
) -> Sequence[Region]:
    size = next(iter(images.values())).shape[:2]
    if wanted.zooms is not None:
        regions = wanted.zooms.get(image, wanted.zooms.get("", ()))
        for region in regions:
            region.refuse_outside(size, image)
        return regions
    if outcomes:
        return disputed_regions(stored.boxes(image), list(outcomes.values()), size, wanted.most_zooms)
    return differing_regions({n: of for n, of in images.items() if n not in INPUTS}, wanted.most_zooms)


def _refuse_absent(stored: StoredPictures, image: str, condition: Condition, absent: Sequence[str]) -> None:
    there = stored.images()
    if image not in there:
        raise UsageError(
            f"of image {image!r} nothing is stored; stored are {', '.join(there) or 'none'}: "
            f"take one of them, or repeat the command of the run with --show {image}"
        )
    known = [":".join(map(str, found)) for found in stored.conditions()]
    asked = ":".join(map(str, condition))
    if asked not in known:
        raise UsageError(
            f"condition {asked} of image {image} is not stored; stored are {', '.join(known)}: take one of them, or "
            f"repeat the command of the run with --show {image}"
        )
    raise UsageError(
        f"of image {image} under {asked} the results of {', '.join(absent)} are not stored: leave them out by "
        f"--methods, or repeat the command of the run"
    )


def _file_name(images: Sequence[str], wanted: Wanted) -> str:
    """Conditions and images, as far as a file name holds them."""
    words = ["-".join(condition.words) if condition != CLEAN else "clean" for condition in wanted.conditions]
    name = "_".join([*words, *images])
    return name if not why_no_file_name(name) else f"{name[:60]}_{len(images)}_images"


def _newer(path: Path, sources: Sequence[Path]) -> bool:
    """Whether a file was written after all that it is made of."""
    if not path.is_file():
        return False
    made = path.stat().st_mtime
    return all(source.is_file() and source.stat().st_mtime < made for source in sources)


def _write_sheet(stored: StoredPictures) -> Path | None:
    """The factors of the run at every severity on the first pair that is shown; None where there is no such image."""
    record, images = stored.record, stored.images()
    path = stored.folder.path / "degradations.png"
    found: dict[Modality, dict[tuple[str, int], tuple[Path, Condition]]] = {"ir": {}, "vis": {}}
    for condition in conditions(record.suite) if images else ():
        for name, of in found.items():
            source = stored.path(images[0], condition, name)
            if (condition == CLEAN or condition.modality in (name, "both")) and source.is_file():
                of[condition.factor, condition.severity] = source, condition
    if not record.suite.factors or not all((CLEAN.factor, 0) in of for of in found.values()):
        path.unlink(missing_ok=True)
        return None
    if _newer(path, [source for of in found.values() for source, _ in of.values()] + [stored.folder.path / "run.json"]):
        return path
    pictures: dict[Modality, dict[tuple[str, int], np.ndarray]] = {"ir": {}, "vis": {}}
    for name, of in found.items():
        for key, (_, condition) in of.items():
            if (pixels := stored.read(images[0], condition, name)) is not None:
                pictures[name][key] = pixels
    if not all((CLEAN.factor, 0) in of for of in pictures.values()):
        return None  # damaged
    factors = list(factors_of(record.suite).values())
    severities = sorted({0, *record.suite.severities})
    return _save(draw_contact_sheet(pictures, factors, severities=severities), path, SHEET_DPI)


def _save(figure: Figure, path: Path, dpi: float | str) -> Path:
    write_atomically(path, lambda to: figure.savefig(to, format=path.suffix[1:], dpi=dpi))
    return path
