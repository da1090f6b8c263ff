"""The degraded pairs of a suite as image files, for methods that run elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from tqdm import tqdm

from bench.datasets.pair import Pair
from bench.executors.pool import Died, available_cores, map_unordered
from bench.manifest import Manifest
from bench.plan import CLEAN, Condition, conditions, select_pairs
from bench.run.identities import pair_facts
from bench.run.record import digest
from bench.suite import Suite
from degradation.condition import degrade
from degradation.mixed_condition import find_factor
from tsdm_bench.errors import UsageError, one_line
from tsdm_bench.files import refuse_unwritable_folder
from tsdm_bench.images import write_png

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """What lies in a folder of degraded pairs: how many pairs, and one line for each image that failed."""

    pairs: int
    failures: list[str]


@dataclass(frozen=True)
class _Task:
    """One pair and the conditions under which it is still missing; small and picklable."""

    pair: Pair
    conditions: tuple[Condition, ...]
    identities: dict[Condition, str]
    dataset: str
    seed: int
    out: Path


def write_degraded(suite: Suite, data_root: Path | None, out: Path, workers: int | None = None) -> Written:
    """Write every pair of ``suite`` under every condition, byte for byte what the methods of a run see.

    ``out``/{factor}/{severity}/{modality}/{ir,vis}/{image}.png, and ``manifest.jsonl`` with what each pair is of. What
    is listed there, lies there and is still of the same pair, seed and factor is not written again.

    Raises ``UsageError`` where ``out`` cannot be written to, or lists pairs of another dataset or seed.
    """
    wanted = conditions(suite)
    refuse_unwritable_folder(out, "--out")
    dataset, pairs = select_pairs(suite, data_root)
    manifest = Manifest(out, _key, "degrade")
    for entry in manifest.entries.values():
        if (entry["dataset"], entry["seed"]) != (dataset.name, suite.seed):
            raise UsageError(
                f"{manifest.path} lists pairs of dataset {entry['dataset']}, seed {entry['seed']}, not {dataset.name}, "
                f"seed {suite.seed}; choose another --out or delete the folder"
            )
    facts, changed, tasks = pair_facts(pairs, dataset), 0, []
    for pair in pairs:
        identities = {at: digest([facts[pair.image].content, _made_by(at, suite.seed)]) for at in wanted}
        task = _Task(pair, tuple(wanted), identities, dataset.name, suite.seed, out)
        missing = tuple(condition for condition in wanted if not _is_there(task, condition, manifest))
        changed += sum((pair.image, condition) in manifest.entries for condition in missing)
        if missing:
            tasks.append(replace(task, conditions=missing))
    if changed:
        log.warning("%d pairs in %s are of something else than is asked for now, or gone: written again", changed, out)
    out.mkdir(parents=True, exist_ok=True)
    failures = _write_all(tasks, manifest, len(wanted) * len(pairs), workers or available_cores())
    manifest.close()
    return Written(len(manifest.entries), failures)


def _write_all(tasks: Sequence[_Task], manifest: Manifest, total: int, workers: int) -> list[str]:
    left, failures = sum(len(task.conditions) for task in tasks), []
    workers = max(1, min(workers, len(tasks)))
    results = (
        ((task, _write_pair(task)) for task in tasks) if workers == 1 else map_unordered(_write_pair, tasks, workers)
    )
    with tqdm(total=total, initial=total - left, unit="pair", desc="degrade") as bar:
        for task, result in results:
            entries, error = ([], "its process ended") if isinstance(result, Died) else result
            for entry in entries:
                manifest.add(entry)
            bar.update(len(task.conditions))
            if error:
                failures.append(f"{task.pair.image}: {error}")
    return failures


def _write_pair(task: _Task) -> tuple[list[dict], str]:
    """Read the pair once, write it under every condition; returns the manifest entries and an error, if any."""
    cv2.setNumThreads(1)
    entries: list[dict] = []
    try:
        clean_ir, clean_vis = task.pair.read()
        for condition in task.conditions:
            (ir, vis), drawn = (clean_ir, clean_vis), dict[str, Any]()
            if condition != CLEAN:
                factor, severity, modality = find_factor(condition.factor), condition.severity, condition.modality
                ir, vis, drawn = degrade(
                    clean_ir, clean_vis, factor, severity, modality,
                    seed=task.seed, dataset=task.dataset, image=task.pair.image,
                )  # fmt: skip
            entry = _entry(task, condition, drawn)
            for name, image in (("ir", ir), ("vis", vis)):
                write_png(task.out / entry[name], image)
            entries.append(entry)
    except Exception as error:  # one bad pair must not stop the others
        return entries, one_line(error)
    return entries, ""


def _made_by(condition: Condition, seed: int) -> list:
    if condition == CLEAN:
        return [condition]
    factor = find_factor(condition.factor)
    hit = factor.modalities if condition.modality == "both" else (condition.modality,)
    return [condition, seed, factor.version, {name: factor.ladder[name][condition.severity - 1] for name in hit}]


def _is_there(task: _Task, condition: Condition, manifest: Manifest) -> bool:
    entry = manifest.entries.get((task.pair.image, condition))
    if entry is None or entry.get("identity") != task.identities[condition]:
        return False
    return all((task.out / entry[name]).is_file() for name in ("ir", "vis"))


def _entry(task: _Task, condition: Condition, drawn: dict) -> dict:
    folder = "/".join(condition.words)
    return {
        "dataset": task.dataset,
        "image": task.pair.image,
        **condition._asdict(),
        "seed": task.seed,
        "version": "" if condition == CLEAN else find_factor(condition.factor).version,
        "identity": task.identities[condition],
        "ir": f"{folder}/ir/{task.pair.image}.png",
        "vis": f"{folder}/vis/{task.pair.image}.png",
        "drawn": drawn,
    }


def _key(entry: dict) -> tuple[str, Condition]:
    return entry["image"], Condition(entry["factor"], entry["severity"], entry["modality"])
