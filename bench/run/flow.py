"""The flow of a run: suite → resolved → cells → shards in the run folder. The report is made from the folder."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from bench.cell.rows import CellResult, Failure
from bench.cell.setup import Setup
from bench.executors import executor
from bench.executors.pool import available_cores
from bench.methods import find_method, find_weights
from bench.plan import Cell, balanced, conditions, plan
from bench.run.contrasts import write_contrasts
from bench.run.cost import write_costs
from bench.run.forecast import CALLS_WORTH_A_FORECAST, forecast
from bench.run.guard import differences, elsewhere, explain, outdated
from bench.run.identities import result_identity
from bench.run.pictures import lacking
from bench.run.record import Identities, RunRecord
from bench.run.resolve import Options, Resolved, resolve
from bench.run.retraining import train_detectors
from bench.run.shards import CellKey
from bench.run.store import RunFolder
from bench.stopping import stop_if_wished
from bench.suite import Suite
from bench.unfused import UNFUSED
from tsdm_bench.errors import UsageError
from tsdm_bench.files import refuse_unwritable_folder
from tsdm_bench.words import counted

log = logging.getLogger(__name__)

FLUSH_SECONDS = 20.0
"""A killed run loses at most this much work and the cells in flight."""


@dataclass(frozen=True)
class Work:
    """What is left to compute, and what each cell of the run is of."""

    cells: list[Cell]
    total: int
    identities: dict[CellKey, str]


def run_benchmark(suite: Suite, options: Options) -> RunFolder:
    """Compute the cells of ``suite`` that its run folder lacks. Returns the folder; the report is made from it.

    Raises ``UsageError`` before any computing where the suite cannot run, ``KeyboardInterrupt`` after saving what is
    done, where the user stops it.
    """
    refuse_unwritable_folder(options.out, "--out")
    run = resolve(suite, options)
    if options.repeats:
        told = [*differences(options.repeats, run.record), *elsewhere(options.repeats, run.record)]
        log.warning("repeating a run: %s", "; ".join(told) or "nothing that decides its rows differs here")
    run_id = f"seed{suite.seed}-{run.setup.suite.identity(options.data_root)}"
    folder = RunFolder((options.out / suite.name / run_id).resolve())
    refuse_unwritable_folder(folder.path, "--out")
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.locked(), _log_to(folder.path / "log.txt"):
        before = _earlier_record(folder)
        failures: list[Failure] = []
        if run.setup.suite.retrains:
            run, failures = _retrain(run, before, folder)
        _compute(run, before, options, folder, failures)
        if run.record.detector is not None:
            done = {cell.image for cell in folder.identities()}
            write_contrasts(folder, [pair for pair in run.pairs if pair.image in done], run.record.pairs)
        methods = [find_method(spec) for spec in run.setup.specs.values() if spec not in UNFUSED]
        write_costs(folder.path, methods, lambda method: find_weights(method, options.weights_dir), run.setup.device)
    _point_latest(folder)
    return folder


def _earlier_record(folder: RunFolder) -> RunRecord | None:
    """The record of the commands before this one; one that is damaged is laid aside and written anew."""
    try:
        return folder.record() if (folder.path / "run.json").is_file() else None
    except UsageError as error:
        log.warning("%s; it is written anew, the damaged one is kept as run.damaged.json", error)
        os.replace(folder.path / "run.json", folder.path / "run.damaged.json")
        return None


def _retrain(run: Resolved, before: RunRecord | None, folder: RunFolder) -> tuple[Resolved, list[Failure]]:
    """The run with a detector for each method, without the methods whose detector failed."""
    trained, known, failures = train_detectors(run.setup, run.training, run.record, folder.path)
    earlier = before.detector.per_method if before and before.detector else {}
    methods = tuple(name for name in run.setup.suite.methods if name in known)
    suite = run.setup.suite.model_copy(update={"methods": methods})
    if run.record.detector is None:
        raise AssertionError("a retraining run has the facts of its detectors")
    update = {
        "suite": suite,
        "detector": run.record.detector.model_copy(update={"per_method": earlier | known}),
        "left_out": run.record.left_out | {failure.method: failure.error for failure in failures},
    }
    setup = replace(run.setup, suite=suite, detectors=trained)
    return replace(run, setup=setup, record=run.record.model_copy(update=update)), failures


def _work(run: Resolved, before: RunRecord | None, folder: RunFolder, recompute: Iterable[str]) -> Work:
    """What is left to do, after that which is of something else than is asked for was set aside."""
    identities = _identities(run)
    stored = folder.identities()
    changed = outdated(stored, identities)
    for line in explain(changed, stored, before, run.record):
        log.warning("%s", line)
    again = {cell for cell in identities if cell in stored and cell.method in recompute}
    folder.set_aside(changed | again)
    done = {cell: what for cell, what in stored.items() if cell in identities and cell not in changed | again}
    undrawn = lacking(folder, run.setup, done)
    folder.drop(undrawn)
    finished = done.keys() - undrawn
    cells = plan(run.setup.suite, run.pairs, {(cell.image, cell.condition, cell.method) for cell in finished})
    return Work(cells, len(plan(run.setup.suite, run.pairs)), identities)


def _identities(run: Resolved) -> dict[CellKey, str]:
    """What every cell of the plan is of."""
    identities, setup = Identities(run.record), run.setup
    methods = {name: find_method(setup.specs[name]) for name in setup.suite.methods}
    found = {}
    for pair in run.pairs:
        for condition in conditions(setup.suite):
            key = {"dataset": setup.dataset, "image": pair.image, **condition._asdict()}
            for name, method in methods.items():
                result = result_identity(method, key)
                found[CellKey(pair.image, condition, name)] = identities.of(pair.image, condition, name, result)
    return found


def _compute(
    run: Resolved, before: RunRecord | None, options: Options, folder: RunFolder, failures: list[Failure]
) -> None:
    setup, work = run.setup, _work(run, before, folder, options.recompute)
    until = math.inf if options.budget is None else time.monotonic() + options.budget
    cores = 1 if setup.device != "cpu" else options.workers or available_cores()
    workers = max(1, min(cores, len(work.cells)))
    earlier, (part,) = before.parts if before else (), run.record.parts
    started, computed = time.monotonic(), 0

    def save(results: list[CellResult]) -> None:
        nonlocal computed
        computed += len(results)
        folder.append(results, work.identities)
        now = part.model_copy(update={"seconds": time.monotonic() - started, "cells": computed})
        parts = (*earlier, now) if work.cells or not earlier else earlier
        folder.write_record(run.record.model_copy(update={"parts": parts}))

    folder.forget_failures()
    folder.append([CellResult(failures=failures)])
    folder.write_pairs(run.pairs)
    save([])
    work = _in_order(work, setup, workers, options.budget)
    log.info(
        "%s: %d of %d cells to compute, %s, %s",
        setup.suite.name, len(work.cells), work.total, counted(workers, "worker"), setup.device,
    )  # fmt: skip
    try:
        _collect(_executor(options)(work.cells, setup, workers), save, work.total, len(work.cells), until)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(
            f"no space is left in {folder.path} ({error.strerror}); what was computed before is kept: make room and "
            f"repeat the command, or give an --out elsewhere"
        ) from None


def _executor(options: Options) -> Callable[..., Generator[CellResult]]:
    found = executor(options.executor)
    if options.executor == "ray":
        return partial(found, address=options.address, gpu_share=options.gpu_share)
    return found


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Keep what is logged in a file of the run folder as well."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _in_order(work: Work, setup: Setup, workers: int, budget: float | None) -> Work:
    """The work so that whatever is done of it at any moment is a balanced sample; says what it will take."""
    calls = sum(len(cell.methods) for cell in work.cells)
    expected = None
    networks = any(find_method(spec).parameters for spec in setup.specs.values())  # one image may take a minute
    if work.cells and (budget or networks or calls >= CALLS_WORTH_A_FORECAST):
        expected = forecast(setup, work.cells)
    if expected is None:
        return replace(work, cells=balanced(work.cells))
    alone = expected.dear(work.cells) if setup.device == "cpu" else ()
    cells = balanced(work.cells, alone)
    for line in expected.lines(cells, workers):
        log.info("%s", line)
    if budget:
        log.info("%s", expected.fitting(cells, workers, budget))
    return replace(work, cells=cells, total=work.total + len(cells) - len(work.cells))


def _collect(
    results: Generator[CellResult], save: Callable[[list[CellResult]], None], total: int, missing: int, until: float
) -> None:
    """Save results as they come: the first at once, others at the latest after ``FLUSH_SECONDS``, and whatever ends the
    loop. It ends at the time ``until``. Shows progress.
    """
    waiting: list[CellResult] = []
    failed, flushed = 0, -math.inf
    bar = tqdm(total=total, initial=total - missing, unit="cell", dynamic_ncols=True, smoothing=0.05)
    try:
        for result in results:
            stop_if_wished()  # before a method that was interrupted counts as one that failed
            waiting.append(result)
            failed += bool(result.failures)
            for failure in result.failures:
                log.debug("failed: %s", failure)
            if failed:
                bar.set_postfix(failed=failed, refresh=False)
            bar.update()
            if time.monotonic() - flushed > FLUSH_SECONDS:
                save(waiting)
                waiting, flushed = [], time.monotonic()
            if time.monotonic() > until:
                log.warning("the budget is used up: what was computed is kept, repeat the command to go on")
                break
    finally:
        bar.close()
        results.close()  # before saving, so that no worker goes on
        save(waiting)


def _point_latest(folder: RunFolder) -> None:
    """Let ``latest`` beside the run folder point to it, where nothing else is in that place."""
    latest = folder.path.parent / "latest"
    try:
        if latest.is_symlink() or not latest.exists():
            latest.unlink(missing_ok=True)
            latest.symlink_to(folder.path.name, target_is_directory=True)
        elif latest.is_file() and (latest.with_name(latest.read_text(encoding="utf-8").strip())).is_dir():
            latest.write_text(folder.path.name + "\n", encoding="utf-8")
        else:
            log.warning("%s is no link: it is left as it is and does not show the newest run, %s", latest, folder.path)
    except OSError:  # file systems without links
        with contextlib.suppress(OSError):
            latest.write_text(folder.path.name + "\n", encoding="utf-8")
