"""Score folders of fused images: one value per image and metric id, and means with 95 % confidence intervals.

Images are matched by file stem. A folder of folders is one method per sub-folder.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsdm_bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("method", "image", "metric", "value")
PAIRS_PER_WORKER = 8  # a worker process takes seconds to start
SHOWN = 6  # names in a note


class Task(NamedTuple):
    """One source pair and its results: method → file."""

    image: str
    ir: Path
    vis: Path
    fused: dict[str, Path]
    ids: tuple[str, ...]


class Scores(NamedTuple):
    """Rows (method, image, metric, value) and one line per image that could not be scored."""

    rows: list[tuple[str, str, str, float]]
    failures: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ir", type=Path, required=True, metavar="DIR", help="infrared images")
    parser.add_argument("--vis", type=Path, required=True, metavar="DIR", help="visible images of the same names")
    parser.add_argument(
        "--fused", type=Path, required=True, nargs="+", metavar="DIR",
        help="fused images of the same names, a folder per method; or a folder of such folders",
    )  # fmt: skip
    parser.add_argument("--metrics", default="core", metavar="IDS", help="preset or ids, by commas (default: core)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="where the value of every image and metric goes")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: by cores and number of images)")


def run(args: argparse.Namespace) -> int:
    import pandas as pd
    from tqdm import tqdm

    from bench.datasets.files import images_by_stem
    from bench.metrics import METRICS, resolve

    if args.workers is not None and args.workers < 1:
        raise UsageError(f"--workers {args.workers}: expected at least 1")
    ids = resolve(args.metrics)
    ir, vis = (_images(folder) for folder in (args.ir, args.vis))
    methods = {name: images_by_stem(folder) for name, folder in _method_folders(args.fused).items()}
    tasks, failures = _plan(ir, vis, methods, ids, args)
    total = sum(len(task.fused) for task in tasks)
    rows: list[tuple[str, str, str, float]] = []
    with tqdm(total=total, unit="image", disable=not total) as progress:
        for task, scores in zip(tasks, _results(tasks, args.workers), strict=True):
            rows += scores.rows
            failures += scores.failures
            progress.update(len(task.fused))
    for line in failures:
        print(f"failed: {line}")
    for name, images in methods.items():
        _note_missing(name, sorted((ir.keys() & vis.keys()) - images.keys()))
    if not rows:
        raise UsageError("no image could be scored; the lines above say why")
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(list(COLUMNS[:2]), kind="stable")
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.csv, index=False)
        print(f"values: {args.csv}")
    print(_means(table, [METRICS[name] for name in ids]))
    return 1 if failures else 0


def _images(folder: Path) -> dict[str, Path]:
    from bench.datasets.files import images_by_stem
    from tsdm_bench.images import IMAGE_SUFFIXES

    images = images_by_stem(folder)
    if not images:
        what = "holds no image" if folder.is_dir() else "is not a folder"
        raise UsageError(f"{folder} {what}; give a folder of images ({' '.join(sorted(IMAGE_SUFFIXES))})")
    return images


def _method_folders(folders: Iterable[Path]) -> dict[str, Path]:
    """Folders of fused images by method name: the folder's own, with its parent's where two are alike."""
    from bench.datasets.files import images_by_stem

    found: list[Path] = []
    for folder in folders:
        below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        nested = [path for path in below if images_by_stem(path)]
        if images_by_stem(folder) or not nested:
            _images(folder)
            nested = [folder]
        found += nested
    found = list(dict.fromkeys(path.resolve() for path in found))
    names = [path.name for path in found]
    return {path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}": path for path in found}


def _plan(
    ir: dict[str, Path],
    vis: dict[str, Path],
    methods: dict[str, dict[str, Path]],
    ids: tuple[str, ...],
    args: argparse.Namespace,
) -> tuple[list[Task], list[str]]:
    """One task per source pair that has results, and a line for every result without sources."""
    tasks, failures = [], []
    for image in sorted(set().union(*methods.values())):
        fused = {name: images[image] for name, images in methods.items() if image in images}
        missing = [
            f"no {kind} image {image}.* in {folder}"
            for kind, images, folder in (("infrared", ir, args.ir), ("visible", vis, args.vis))
            if image not in images
        ]
        if missing:
            failures += [f"{name}/{path.name}: {' and '.join(missing)}" for name, path in fused.items()]
        else:
            tasks.append(Task(image, ir[image], vis[image], fused, ids))
    return tasks, failures


def _results(tasks: list[Task], workers: int | None) -> Iterator[Scores]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, len(tasks) // PAIRS_PER_WORKER))
    if workers == 1:
        _one_thread()
        yield from map(score, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        yield from pool.map(score, tasks)


def _one_thread() -> None:
    """Sums over several threads would round otherwise for another number of workers."""
    import torch

    torch.set_num_threads(1)


def score(task: Task) -> Scores:
    """All results of one source pair; what the sources have to offer is computed once."""
    from bench.metrics import evaluate, plane_of
    from tsdm_bench.images import ImageProblem, as_batch, read_rgb

    rows, failures = [], []
    try:
        ir, vis = (plane_of(as_batch(read_rgb(path))) for path in (task.ir, task.vis))
    except ImageProblem as problem:
        return Scores([], [f"{name}/{path.name}: {problem}" for name, path in task.fused.items()])
    for method, path in task.fused.items():
        try:
            values = evaluate(task.ids, ir, vis, plane_of(as_batch(read_rgb(path))))
        except (ImageProblem, ValueError) as problem:
            failures.append(f"{method}/{path.name}: {problem}")
            continue
        rows += [(method, task.image, name, value.item()) for name, value in values.items()]
    return Scores(rows, failures)


def _note_missing(method: str, images: list[str]) -> None:
    if images:
        names = ", ".join(images[:SHOWN]) + (", …" if len(images) > SHOWN else "")
        print(f"note: {method} has no result for {len(images)} source pairs ({names})")


def _with_interval(mean: float, half: float) -> str:
    """Both with as many decimals as give the interval two digits."""
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6) if half > 0 else 4
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"


def _means(table: pd.DataFrame, cards: list) -> str:
    """A line per metric, a column per method: mean and the half width of its 95 % interval."""
    from bench.statistics.intervals import mean_with_interval

    rows = table.assign(dataset="", scene=table["image"])
    means = mean_with_interval(rows, by=["method", "metric"]).set_index(["metric", "method"])
    methods = list(dict.fromkeys(table["method"]))
    arrows = {"higher": "↑", "lower": "↓", "zero": "→0"}
    lines = [["metric", "", *methods]]
    for card in cards:
        cells = []
        for method in methods:
            mean = means.loc[(card.name, method)]
            cells.append(_with_interval(mean["mean"], (mean["high"] - mean["low"]) / 2))
        lines.append([card.name, arrows[card.direction], *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    n = means["n"]
    counts = str(n.max()) if n.min() == n.max() else f"{n.min()} to {n.max()}"
    return "\n".join([*body, f"mean ± half of the 95 % bootstrap interval over {counts} images"])
