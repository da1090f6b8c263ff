"""What a run becomes beside its report: figures for print, and its rows and tables in other forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.lists import comma_list
from tsdm_bench.places import place_of


def figure(
    folder: str | Path,
    images: str | Sequence[str] = (),
    conditions: str | Sequence[str] = ("clean",),
    methods: str | Sequence[str] = (),
    *,
    zoom: str | Sequence[str] = (),
    width: float = 180.0,
    out: str | Path | None = None,
    **settings: Any,
) -> list[Path]:
    """Draw pairs × methods of a run, as papers print them, from the images that it stored; returns the PNG and the PDF.

    A list may be one text with commas, as on the command line.

    Args:
        folder: the run folder.
        images: pairs (default: the first that is stored).
        conditions: ``factor:severity`` or ``factor:severity:modality`` each, or ``clean``.
        methods: tiles in this order (default: both inputs and every method).
        zoom: ``x,y,w,h`` in pixels, up to three; with ``,ul`` (``ur``, ``ll``, ``lr``) for the corner it is shown in,
            with ``IMAGE:`` in front for one pair only; ``none``; or ``auto:N``, the default with 2.
        width: of the figure in millimetres.
        out: folder (default: ``figures`` of the run).
        settings: ``boxes`` (whether detections are drawn), ``columns``, ``dpi``, ``title``.

    Raises:
        tsdm_bench.errors.UsageError: something of it is not stored, or is not understood; one line says what to do.
    """
    from bench.report.pictures import Wanted, asked_conditions, write_figure
    from bench.report.stored import stored_pictures
    from bench.report.zooms import asked_regions
    from bench.run.store import RunFolder
    from tsdm_bench.files import refuse_unwritable_folder

    found = RunFolder.existing(place_of(folder))
    stored = stored_pictures(found, found.record())
    zooms, most = asked_regions([zoom] if isinstance(zoom, str) else zoom)
    wanted = Wanted(
        images=comma_list(images), conditions=asked_conditions(comma_list(conditions), stored),
        methods=comma_list(methods), zooms=zooms, most_zooms=most, width_mm=width, **settings,
    )  # fmt: skip
    place = found.path / "figures" if out is None else place_of(out)
    refuse_unwritable_folder(place, "--out")
    return write_figure(stored, wanted, place)


def export(
    folder: str | Path, to: str, *, out: str | Path | None = None, data_root: str | Path | None = None
) -> list[Path]:
    """Write a run in another form (:data:`bench.exporting.FORMS`); returns the files.

    ``data_root`` is the folder of the datasets, in which a published run has its boxes (default: ``TSDM_BENCH_DATA``).
    Raises ``UsageError`` where ``folder`` is no run folder, has no rows, or ``out`` (default: ``export`` of the run)
    cannot be written to.
    """
    from bench.exporting import write_export
    from bench.run.store import RunFolder
    from tsdm_bench.files import refuse_unwritable_folder

    found = RunFolder.existing(place_of(folder), place_of(data_root))
    place = found.path / "export" if out is None else place_of(out)
    refuse_unwritable_folder(place, "--out")
    return write_export(found, to, place)


def publish(
    folder: str | Path,
    out: str | Path,
    *,
    scores_from: float | None = None,
    data_root: str | Path | None = None,
) -> Path:
    """Write a finished run as a folder that can be committed: :func:`bench.publishing.publish`; returns ``out``.

    Raises ``UsageError`` where ``folder`` is no complete run, is too large, names a place of this machine, or ``out``
    cannot be written to.
    """
    from bench.publishing import publish as publish_run
    from tsdm_bench.files import refuse_unwritable_folder

    place = place_of(out)
    refuse_unwritable_folder(place, "--out")
    return publish_run(place_of(folder), place, scores_from, place_of(data_root))


def show_leaderboard(place: str | Path, *, out: str | Path | None = None) -> tuple[int, Path]:
    """Check the entries of a leaderboard and write its page; returns how many there are, and the page.

    Args:
        place: folder of the entries, the files that ``report(…, leaderboard=place)`` writes.
        out: the page (default: ``index.html`` beside them).

    Raises:
        tsdm_bench.errors.UsageError: a file is no sound entry, there is none, or ``out`` cannot be written.
    """
    from bench.leaderboard import read_entries
    from bench.leaderboard.page import leaderboard_page
    from tsdm_bench.errors import UsageError
    from tsdm_bench.files import refuse_unwritable, write_text

    place = place_of(place)
    entries = read_entries(place)
    if not entries:
        raise UsageError(f"{place} has no entries (*.json); `report RUN --leaderboard {place}` makes them")
    page = place / "index.html" if out is None else place_of(out)
    refuse_unwritable(page, "--out")
    write_text(page, leaderboard_page(entries))
    return len(entries), page
