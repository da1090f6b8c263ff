"""Write the degraded pairs of a suite as PNG, for methods that run elsewhere (MATLAB, another machine).

The images are byte for byte what the methods of a run see. Under the output folder lie

  {factor}/{severity}/{modality}/ir/{image}.png     infrared, 8-bit grey
  {factor}/{severity}/{modality}/vis/{image}.png    visible, 8-bit RGB
  manifest.jsonl                                    per pair: condition, parameters drawn, seed

with the clean pairs in clean/0/both. Write the fused images to a path made of the same words, such as
RESULTS/{factor}/{severity}/{modality}/{image}.png, and give that pattern back as the method
`folder:RESULTS/{factor}/{severity}/{modality}/{image}.png`.

The command is resumable: what the manifest lists and the folder holds is not written again.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
from tqdm import tqdm

from bench.cli.run import add_selection, suite_of
from bench.datasets.pair import Pair
from bench.plan import CLEAN, Condition, conditions, select_pairs
from degradation.condition import degrade
from degradation.factor import FACTORS
from tsdm_bench.errors import UsageError, one_line
from tsdm_bench.files import write_atomically
from tsdm_bench.images import write_png
from tsdm_bench.names import check_image_name

MANIFEST = "manifest.jsonl"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One pair and the conditions under which it is still missing; small and picklable."""

    pair: Pair
    conditions: tuple[Condition, ...]
    dataset: str
    seed: int
    out: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the images and the manifest go")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")


def run(args: argparse.Namespace) -> int:
    workers = args.workers if args.workers is not None else os.cpu_count() or 1
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}")
    if args.out.exists() and not args.out.is_dir():
        raise UsageError(f"--out {args.out} is a file; give a folder, which may be new")
    suite = suite_of(args)
    wanted = conditions(suite)
    dataset, pairs = select_pairs(suite, args.data_root, detects=False)
    for pair in pairs:
        check_image_name(pair.image)
    entries = _read_manifest(args.out / MANIFEST, dataset.name, suite.seed)
    tasks = [_missing(pair, wanted, entries, dataset.name, suite.seed, args.out) for pair in pairs]
    tasks = [task for task in tasks if task.conditions]
    failures = 0
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        tqdm(total=len(wanted) * len(pairs), unit="pair", desc=f"degrade {dataset.name}") as bar,
        open(args.out / MANIFEST, "a", encoding="utf-8") as manifest,
    ):
        bar.update(len(wanted) * len(pairs) - sum(len(task.conditions) for task in tasks))
        for task, written, error in _write_all(tasks, workers):
            for entry in written:
                entries[_key(entry)] = entry
                manifest.write(_line(entry))
            manifest.flush()
            bar.update(len(task.conditions))
            if error:
                failures += 1
                log.error("failed: %s: %s", task.pair.image, error)
    _write_manifest(args.out / MANIFEST, entries)
    print(f"{len(entries)} pairs in {args.out}, listed in {args.out / MANIFEST}")
    return 1 if failures else 0


def _write_all(tasks: list[Task], workers: int) -> Iterator[tuple[Task, list[dict], str]]:
    """Each task with its manifest entries and, where it could not be finished, the error."""
    if workers == 1 or len(tasks) < 2:
        yield from ((task, *write_pair(task)) for task in tasks)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), cv2.setNumThreads, (1,))
    try:
        running = {pool.submit(write_pair, task): task for task in tasks}
        for future in as_completed(running):
            yield running[future], *future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def write_pair(task: Task) -> tuple[list[dict], str]:
    """Read the pair once, write it under every condition; returns the manifest entries and an error, if any."""
    entries: list[dict] = []
    try:
        clean_ir, clean_vis = task.pair.read()
        for condition in task.conditions:
            ir, vis, drawn = clean_ir, clean_vis, {}
            if condition != CLEAN:
                key = {"seed": task.seed, "dataset": task.dataset, "image": task.pair.image}
                ir, vis, drawn = degrade(clean_ir, clean_vis, FACTORS[condition.factor], *condition[1:], **key)
            entry = _entry(task, condition, drawn)
            write_png(task.out / entry["ir"], ir)
            write_png(task.out / entry["vis"], vis)
            entries.append(entry)
    except Exception as error:  # one bad pair must not stop the others
        return entries, one_line(error)
    return entries, ""


def _missing(
    pair: Pair, wanted: list[Condition], entries: dict[tuple, dict], dataset: str, seed: int, out: Path
) -> Task:
    def there(condition: Condition) -> bool:
        entry = entries.get((pair.image, condition))
        return entry is not None and all((out / entry[name]).is_file() for name in ("ir", "vis"))

    return Task(pair, tuple(condition for condition in wanted if not there(condition)), dataset, seed, out)


def _entry(task: Task, condition: Condition, drawn: dict) -> dict:
    folder = "/".join(map(str, condition))
    return {
        "dataset": task.dataset,
        "image": task.pair.image,
        **condition._asdict(),
        "seed": task.seed,
        "version": _version(condition),
        "ir": f"{folder}/ir/{task.pair.image}.png",
        "vis": f"{folder}/vis/{task.pair.image}.png",
        "drawn": drawn,
    }


def _version(condition: Condition) -> str:
    return "" if condition == CLEAN else FACTORS[condition.factor].version


def _key(entry: dict) -> tuple[str, Condition]:
    return entry["image"], Condition(entry["factor"], entry["severity"], entry["modality"])


def _line(entry: dict) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _write_manifest(path: Path, entries: dict[tuple, dict]) -> None:
    """The finished manifest, sorted: the same file whatever the number of workers and interruptions."""
    text = "".join(_line(entries[key]) for key in sorted(entries))
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _read_manifest(path: Path, dataset: str, seed: int) -> dict[tuple, dict]:
    """The entries of an earlier run into the same folder; a line cut short by a crash does not count.

    Raises ``UsageError`` where the folder holds another dataset, another seed or an older version of a factor.
    """
    entries = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        try:
            found, key = (entry["dataset"], entry["seed"], entry["version"]), _key(entry)
        except (KeyError, TypeError):
            raise UsageError(f"{path} is not a manifest of `degrade`; choose another --out") from None
        expected = dataset, seed, _version(key[1])
        if found != expected:
            raise UsageError(
                f"{path} lists pairs of dataset, seed, factor version {found}, not {expected}; choose another --out "
                "or delete the folder"
            )
        entries[key] = entry
    return entries
