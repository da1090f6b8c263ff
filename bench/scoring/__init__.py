"""Score fused images that exist already: one value per image, method and metric id.

Images are matched by file stem. Nothing is printed and nothing written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.executors.pool import Died, available_cores, map_ordered
from bench.scoring.folders import Picture, few, images_of, methods_of
from tsdm_bench.errors import UsageError, one_line, printable, words_of
from tsdm_bench.images import read_result, read_rgb, the_one, to_8_bits
from tsdm_bench.tensors import as_batch
from tsdm_bench.words import counted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("method", "image", "metric", "value")
ENDED = "the process that scored it ended, most likely for lack of memory; repeat with fewer --workers"
PAIRS_PER_WORKER = 8  # a worker process takes seconds to start
Row = tuple[str, str, str, float]
"""The values of :data:`COLUMNS`."""


class Task(NamedTuple):
    """One source pair and its results: method → picture."""

    image: str
    ir: Picture
    vis: Picture
    fused: dict[str, Picture]
    ids: tuple[str, ...]


class TaskScores(NamedTuple):
    """What one task gives: rows, and a line per result that could not be scored."""

    rows: list[Row]
    failures: list[str]


@dataclass(frozen=True)
class Scores:
    """The values of all images, and what could not be scored."""

    values: pd.DataFrame
    """Columns method, image, metric, value."""
    metrics: tuple[str, ...]
    failures: tuple[str, ...]
    """``method/file: reason``, a line each."""
    notes: tuple[str, ...]
    """What was left out, and why."""

    @property
    def means(self) -> pd.DataFrame:
        """A row per method and metric: mean, interval where there are images enough, number of images."""
        return means(self.values)

    def _repr_html_(self) -> str:
        from bench.report.notebook import shown
        from bench.report.scores import score_table

        lines = [*(f"failed: {line}" for line in self.failures), *(f"note: {line}" for line in self.notes)]
        return shown("Scores", lines, [] if self.values.empty else [score_table(self)])


def score(
    ir: Path | np.ndarray,
    vis: Path | np.ndarray,
    fused: Path | np.ndarray | Sequence[Path] | Mapping[str, Path | np.ndarray],
    metrics: str | Sequence[str] = "core",
    *,
    workers: int | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Scores:
    """Score fused images against their sources.

    Args:
        ir, vis: a folder of images, or one H×W or H×W×3 RGB uint8 image.
        fused: folders of results of the same names, each a method or a folder of methods; or method → folder or image.
        metrics: a preset, or metric ids.
        workers: processes; without it by cores and number of images.
        progress: called with the number of results done and their total.

    A result that cannot be scored is a failure and stops no other. Raises ``UsageError`` where nothing is to be scored.

    >>> ramp = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    >>> score(ramp, ramp, ramp, "mse").values["value"].tolist()
    [0.0]
    """
    import pandas as pd

    from bench.metrics import resolve

    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: expected at least 1")
    ids = resolve(metrics)
    sources = {"infrared": images_of(ir), "visible": images_of(vis)}
    known = sources["infrared"].keys() & sources["visible"].keys()
    methods, notes = methods_of(fused, known)
    tasks, failures = _plan(sources, methods, ids, {"infrared": ir, "visible": vis})
    total, done = sum(len(task.fused) for task in tasks), 0
    rows: list[Row] = []
    for task, found in zip(tasks, _results(tasks, workers), strict=True):
        rows += found.rows
        failures += found.failures
        done += len(task.fused)
        progress(done, total)
    notes += [
        f"{name} has no result for {counted(len(lacking), 'source pair')} ({few(lacking)})"
        for name, images in methods.items()
        if (lacking := sorted(known - images.keys()))
    ]
    if alone := sorted(sources["infrared"].keys() ^ sources["visible"].keys()):
        notes.append(f"{counted(len(alone), 'source image')} without a partner of the same name ({few(alone)})")
    values = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(list(COLUMNS[:2]), kind="stable")
    return Scores(values, ids, tuple(failures), tuple(notes))


def score_task(task: Task) -> TaskScores:
    """All results of one source pair; what the sources have to offer is computed once."""
    from bench.metrics import evaluate, plane_of

    rows, failures = [], []
    try:
        ir, vis = (plane_of(as_batch(_source(picture))) for picture in (task.ir, task.vis))
    except Exception as error:
        return TaskScores([], [f"{_label(*result)}: {_reason(error)}" for result in task.fused.items()])
    for method, picture in task.fused.items():
        try:
            values = evaluate(task.ids, ir, vis, plane_of(as_batch(_result(picture))))
        except Exception as error:  # a metric may fail in any way on images that it was not made for
            failures.append(f"{_label(method, picture)}: {_reason(error)}")
            continue
        rows += [(method, task.image, name, value.item()) for name, value in values.items()]
    return TaskScores(rows, failures)


# --- what is scored against what ---


def _plan(
    sources: Mapping[str, Mapping[str, tuple[Picture, ...]]],
    methods: Mapping[str, Mapping[str, tuple[Picture, ...]]],
    ids: tuple[str, ...],
    places: Mapping[str, Path | np.ndarray],
) -> tuple[list[Task], list[str]]:
    """One task per source pair that has results, and a line for every result without sources, or unclear ones."""
    tasks, failures = [], []
    for image in sorted(set().union(*methods.values())):
        results = {name: images[image] for name, images in methods.items() if image in images}
        missing = [
            f"no {kind} image {image}" + (f".* in {places[kind]}" if isinstance(places[kind], Path) else "")
            for kind in sources
            if image not in sources[kind]
        ]
        fused: dict[str, Picture] = {}
        for name, files in results.items():
            try:
                if missing:
                    raise UsageError(" and ".join(missing))
                for kind in sources:
                    _only(sources[kind][image])
                fused[name] = _only(files)
            except (UsageError, ValueError) as error:
                failures.append(f"{_label(name, files[0])}: {error}")
        if fused:
            ir, vis = (_only(images[image]) for images in sources.values())
            tasks.append(Task(image, ir, vis, fused, ids))
    return tasks, failures


def _only(files: tuple[Picture, ...]) -> Picture:
    paths = tuple(file for file in files if isinstance(file, Path))
    return the_one(paths) if paths else files[0]


# --- values ---


def _results(tasks: list[Task], workers: int | None) -> Iterator[TaskScores]:
    if workers is None:
        workers = max(1, min(available_cores(), len(tasks) // PAIRS_PER_WORKER))
    if workers == 1:
        _one_thread()
        yield from map(score_task, tasks)
        return
    results = map_ordered(score_task, tasks, workers, _one_thread)
    for task, found in zip(tasks, results, strict=True):
        died = [f"{_label(*result)}: {ENDED}" for result in task.fused.items()]
        yield TaskScores([], died) if isinstance(found, Died) else found


def _one_thread() -> None:
    """Sums over several threads would round otherwise for another number of workers."""
    from bench.cell.process import prepare_process

    prepare_process(1)


def _source(picture: Picture) -> np.ndarray:
    return read_rgb(picture) if isinstance(picture, Path) else _three_channels(picture)


def _result(picture: Picture) -> np.ndarray:
    return _three_channels(to_8_bits(read_result(picture)) if isinstance(picture, Path) else picture)


def _three_channels(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"expected an image H×W or H×W×3 of uint8, got {image.dtype} of shape {image.shape}")
    return np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))


def _label(method: str, picture: Picture) -> str:
    return printable(f"{method}/{picture.name}") if isinstance(picture, Path) else method


def _reason(error: Exception) -> str:
    """What was expected is told by its words alone; anything else with its kind."""
    return words_of(error) if isinstance(error, (ValueError, UsageError)) else one_line(error)


# --- means ---


def means(values: pd.DataFrame) -> pd.DataFrame:
    """Mean of each method and metric with its 95 % bootstrap interval, every image a cluster of its own.

    The columns are those of :func:`bench.statistics.intervals.mean_with_interval` by method and metric.
    """
    from bench.statistics.intervals import mean_with_interval

    return mean_with_interval(values.assign(dataset="", scene=values["image"]), by=["method", "metric"])


def of_common_images(values: pd.DataFrame) -> pd.DataFrame:
    """The values of the images that every method has: only over them are means alike."""
    methods = values["method"].nunique()
    having = values.groupby("image")["method"].nunique()
    return values[values["image"].isin(having.index[having == methods])]
