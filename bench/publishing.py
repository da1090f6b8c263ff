"""From a finished run to a folder small enough for a repository: record, rows, tables and main curves."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from bench.plan import Condition, conditions
from bench.report import SECTIONS
from bench.report.parts import read_parts
from bench.report.published import PAGE, write_short_report
from bench.report.summary import UNFUSED, computed, selected
from bench.run.cost_table import TABLE
from bench.run.objects import OBJECT_FILES, BoxesDiffer, BoxesNotHere
from bench.run.record import RunRecord
from bench.run.shards import CellKey
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError

KEPT = ("run.json", "pairs.parquet", str(TABLE))
"""Files that a report reads, beside those of the objects; the last where there is one."""
SHARDS = ("rows", "detections")
LARGEST = {"rows": 6, "detections": 12}
"""Megabytes of all files of each: they stay in every clone of the repository."""
STEPS = dict.fromkeys(("x", "y", "w", "h"), 16) | {"score": 4096}
"""Steps of a pixel, or of 1, to which detections are rounded: their files take less than half."""
PLACE_OPTIONS = ("--out", "--data-root", "--weights-dir")
"""Of a command: they say where things lay on the machine, and decide nothing."""
TOLERANCE = 1e-9
"""Of a number that is made again on another machine, in its size or in 1."""
PLACE = re.compile(r"(?:^|[=:,\s])(/[^\s/]+/\S*|[A-Za-z]:\\\S*)")
log = logging.getLogger(__name__)


def publish(run: Path, to: Path, scores_from: float | None = None, data_root: Path | None = None) -> Path:
    """Write the run folder ``run`` to ``to`` as one that can be committed; returns ``to``.

    ``to`` is a run folder, too: ``report``, ``compare`` and ``export`` read it, and a run of its record repeats it. Its
    rows and detections are a file each per factor; detections are rounded (:data:`STEPS`). There are no images of the
    dataset, and nothing names a folder of this machine. The boxes of a photographed dataset are stated, not kept
    (:mod:`bench.run.objects`); a ``run`` that is published itself reads them under ``data_root``. Tables, curves and
    page are made from what is written there. With ``scores_from`` detections of a lower score are left out and the
    record says so: it is what a run with this confidence gives, and AP counts from there. What ``to`` held of an
    earlier run is replaced.

    Raises ``UsageError`` where ``run`` is no run folder, is not complete, names a place of this machine, or is too
    large, and where ``to`` holds something else.
    """
    source = RunFolder.existing(run, data_root)
    record = without_places(source.record())
    refuse_unfinished(source, record)
    if to.exists() and any(to.iterdir()) and not (to / "run.json").is_file():
        raise UsageError(f"{to} holds something else than a published run; give a new folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as place:
        new = RunFolder(Path(place, to.name))
        new.path.mkdir()
        _write_rows(source, record, new, scores_from)
        _with_parts(new, lambda parts: write_short_report(new, parts))
        shutil.rmtree(to, ignore_errors=True)
        new.path.rename(to)
    return to


def stale(published: Path, data_root: Path | None = None) -> list[str]:
    """What in a published folder is not what its rows say: tables and page, made again in another place.

    Numbers are compared to 1e-9, words exactly. Empty where all is as it should be, but for what :func:`unchecked`
    tells: without the boxes only what needs none is compared.
    """
    lacking = _lacking(published, data_root)
    if isinstance(lacking, BoxesDiffer):
        return [str(lacking)]
    partly = lacking is not None
    with tempfile.TemporaryDirectory() as place:
        again = RunFolder(Path(place, published.name), data_root)
        again.path.mkdir()
        _copy((*KEPT, *OBJECT_FILES), published, again.path)
        for kind in SHARDS:
            shutil.copytree(published / kind, again.path / kind)
        _with_parts(again, lambda parts: write_short_report(again, parts, draw=False), partly=partly)
        names = sorted({_name(path, folder) for folder in (published, again.path) for path in _texts(folder)})
        if partly:
            names = [name for name in names if _needs_no_boxes(published / name, again.path / name)]
        found = (_difference(name, published, again.path, partly) for name in names)
        return [problem for problem in found if problem]


def unchecked(published: Path, data_root: Path | None = None) -> str:
    """Why :func:`stale` cannot check what rests on boxes: their dataset is not here. Empty where it can."""
    lacking = _lacking(published, data_root)
    return "" if lacking is None or isinstance(lacking, BoxesDiffer) else str(lacking)


def _lacking(published: Path, data_root: Path | None) -> BoxesNotHere | None:
    folder = RunFolder(published, data_root)
    try:
        if folder.record().detector is not None:
            folder.truth()
    except BoxesNotHere as error:
        return error
    return None


def _needs_no_boxes(stored: Path, made: Path) -> bool:
    """Whether a file that was made again without boxes can be compared: as Markdown only where its rows are whole."""
    if stored.name == PAGE or (stored.stem in SECTIONS and not made.is_file()):
        return False
    tables = [path.with_suffix(".csv") for path in (stored, made)]
    if stored.suffix == ".csv" or not all(path.is_file() for path in tables):
        return True
    before, after = (len(pd.read_csv(path)) for path in tables)
    return before == after


def _copy(names: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        if (source / name).is_file():
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source / name, target / name)


def _texts(folder: Path) -> Iterator[Path]:
    yield folder / PAGE
    for ending in ("csv", "md"):
        yield from (folder / "tables").glob(f"*.{ending}")


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _difference(name: str, published: Path, again: Path, partly: bool) -> str:
    """In what a file differs from the one made ``again``, ``partly`` without boxes; empty where it does not."""
    stored, made = published / name, again / name
    for path, problem in ((stored, "is missing"), (made, "is not made from the rows")):
        if not path.is_file():
            return f"{name} {problem}"
    if stored.suffix != ".csv":
        same = stored.read_text(encoding="utf-8") == made.read_text(encoding="utf-8")
        return "" if same else f"{name} does not say what the rows say"
    old, new = (pd.read_csv(path) for path in (stored, made))
    if partly and "metric" in new:  # what rests on boxes is a metric of its own, with columns of its own
        old = old[old["metric"].isin(new["metric"])][[name for name in new if name in old]].reset_index(drop=True)
    if list(old) != list(new) or len(old) != len(new):
        return f"{name} has other columns or rows"
    for head in old:
        if not _alike(old[head], new[head]):
            return f"{name}: {head} holds other values than the rows give"
    return ""


def _alike(old: pd.Series, new: pd.Series) -> bool:
    if old.dtype.kind in "iuf" and new.dtype.kind in "iuf":
        return np.allclose(old.to_numpy(float), new.to_numpy(float), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return old.equals(new)


def _with_parts(folder: RunFolder, write: Any, *, partly: bool = False) -> None:
    """``write`` the parts of the report of a folder; ``UsageError`` where one of them could not be made.

    ``partly``: what rests on boxes may be left out.
    """
    parts = read_parts(folder)
    if parts is None:
        raise UsageError(f"{folder.path.name} has no rows; repeat the command of the run to complete it")
    if parts.lacking and not partly:
        raise UsageError(parts.lacking)
    write(parts)
    if parts.problems:
        told = "; ".join(f"{name}: {problem}" for name, problem in parts.problems.items())
        raise UsageError(f"what was computed cannot be reported whole ({told}); mend that, then publish")


def refuse_unfinished(folder: RunFolder, record: RunRecord) -> None:
    """Raise ``UsageError`` where results (pair × condition × method) that the record asks for are not there."""
    suite, images = record.suite, set(folder.pairs()["image"])
    asked = set(conditions(suite))
    wanted = len(images) * len(asked) * len(suite.methods)
    done = sum(
        cell.condition in asked and cell.method in suite.methods and cell.image in images
        for cell in folder.identities()
    )
    failed = len(folder.failures())
    if done < wanted or failed:
        raise UsageError(
            f"{folder.path} is not complete ({done} of {wanted} results, {failed} failed); repeat its command until it "
            f"is"
        )


def _write_rows(source: RunFolder, record: RunRecord, target: RunFolder, scores_from: float | None) -> None:
    """Record, pairs, objects, costs, and what the suite asks for of rows and detections."""
    _copy(KEPT, source.path, target.path)
    if source.objects.statement is None and (record.dataset.synthetic or source.truth().empty):
        _copy(OBJECT_FILES, source.path, target.path)
    else:
        target.objects.state(source.objects, record.dataset.name)
    images = source.pairs()["image"]
    rows, found = (selected(frame, record.suite, images) for frame in (source.rows(), source.detections()))
    found = found.assign(**{of: (found[of] * steps).round() / steps for of, steps in STEPS.items()})
    if scores_from is not None:
        record, found = _from_score(record, found, scores_from)
    target.write_record(record)
    cells = computed(source, rows, record, source.pairs())
    bare = cells[[record.methods[name].kind == UNFUSED for name in cells["method"]]]
    keys = [CellKey(cell.image, Condition(*cell[2:5]), cell.method) for cell in bare.itertuples(index=False)]
    for factor in dict.fromkeys(cells["factor"]):
        own_rows, own_found = (frame[frame["factor"] == factor] for frame in (rows, found))
        target.write_dense(own_rows, own_found, [key for key in keys if key.condition.factor == factor])
    for kind, most in LARGEST.items():
        size = sum(path.stat().st_size for path in (target.path / kind).iterdir()) / 1e6
        log.info("publish: %s take %.1f MB", kind, size)
        if size > most:
            told = f"the {kind} take {size:.0f} MB, at most {most} can be published"
            raise UsageError(f"{told}; {_smaller(kind, size, found)}")


def _from_score(record: RunRecord, found: pd.DataFrame, score: float) -> tuple[RunRecord, pd.DataFrame]:
    """The record and the detections as a run with this lowest score gives them."""
    if record.detector is None or record.suite.detector is None:
        raise UsageError("--scores-from is for runs with detections; this one has none: leave it out")
    known = record.suite.detector.confidence
    if not known <= score < 1:
        raise UsageError(f"--scores-from {score:g}: the run stored scores from {known:g}; give one from there to 1")
    settings = record.suite.detector.model_copy(update={"confidence": score})
    update = {
        "suite": record.suite.model_copy(update={"detector": settings}),
        "detector": record.detector.model_copy(update={"confidence": score}),
    }
    return record.model_copy(update=update), found[found["score"] >= score]


def _smaller(kind: str, size: float, found: pd.DataFrame) -> str:
    """What to do about a file that is too large."""
    if kind == "rows":
        return "run fewer metrics, severities or methods"
    score = found["score"].quantile(1 - LARGEST[kind] / size)
    digit = 10.0 ** np.floor(np.log10(score))
    return f"give --scores-from {np.ceil(score / digit) * digit:g} (AP then counts from there), or run fewer conditions"


# --- what would name the machine ---


def without_places(record: RunRecord) -> RunRecord:
    """The record without folders of this machine; ``UsageError`` where a method or the suite is in one."""
    parts = tuple(part.model_copy(update={"data_root": "", "command": _command(part.command)}) for part in record.parts)
    suite, update = record.suite, dict[str, object]()
    if suite.detector is not None:
        weights = tuple(_last(name) for name in suite.detector.weights)
        update["detector"] = suite.detector.model_copy(update={"weights": weights})
    initial = tuple(_last(name) for name in suite.detection.initial)
    update["detection"] = suite.detection.model_copy(update={"initial": initial})
    record = record.model_copy(update={"parts": parts, "suite": suite.model_copy(update=update)})
    for text in _strings(record.model_dump(mode="json")):
        if place := PLACE.search(text):
            raise UsageError(
                f"the record names {place[1]}, a place of this machine that others do not have; run with a path "
                f"relative to the working folder, then publish"
            )
    return record


def _command(words: Sequence[str]) -> tuple[str, ...]:
    """A command without the options that name places, and of other absolute paths the last part."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or word.partition("=")[0] in PLACE_OPTIONS:
            skip = not skip and "=" not in word
            continue
        kept.append(_last(word))
    return tuple(kept)


def _last(name: str) -> str:
    """The last part of an absolute path, and anything else as it is."""
    forms: tuple[type[PurePath], ...] = (PurePosixPath, PureWindowsPath)
    return next((form(name).name for form in forms if form(name).is_absolute()), name)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
