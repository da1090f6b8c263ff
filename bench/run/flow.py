"""The flow of a run: suite → plan → executor → shards in the run folder → report."""

from __future__ import annotations

import contextlib
import logging
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from bench.cell.rows import CellResult, Failure
from bench.cell.setup import Setup
from bench.datasets.pair import Dataset, Pair
from bench.executors import executor
from bench.executors.local import available_cores
from bench.methods import expand, find_method, find_weights, obtain
from bench.metrics import METRICS, resolve
from bench.plan import conditions, plan, select_pairs, select_training_pairs
from bench.report.pictures import write_contact_sheet, write_panels
from bench.run.cost import write_efficiency
from bench.run.retraining import describe_retraining, prepare_retraining, train_detectors
from bench.run.store import RunFolder, without_methods
from bench.suite import PROTOCOLS, Suite
from tsdm_bench.errors import UsageError

log = logging.getLogger(__name__)

FLUSH_SECONDS = 20.0
"""A killed run loses at most this much work and the cells in flight."""
PACKAGES = ("torch", "torchvision", "ultralytics", "kornia", "numpy", "opencv-python", "pycocotools", "tsdm-bench")


@dataclass(frozen=True)
class Options:
    """Where and how a run is computed; nothing here changes a value (other than the device's rounding)."""

    data_root: Path | None = None
    weights_dir: Path | None = None
    out: Path = Path("results")
    device: str = "auto"
    workers: int | None = None
    executor: str = "local"
    panels: int = 0
    """How many pairs are drawn as panels; 0 draws no picture at all."""
    named_methods: bool = False
    """Whether the user named the methods: then one that is unavailable is an error, not left out."""
    recompute: tuple[str, ...] = ()
    """Methods whose stored results are forgotten, since their weights, code or images changed."""


def run_benchmark(suite: Suite, options: Options) -> RunFolder:
    """Compute the cells of ``suite`` that its run folder lacks. Returns the folder; the report is made from it.

    Raises ``UsageError`` before any computing where the suite cannot run, ``KeyboardInterrupt`` after saving what is
    done, where the user stops it.
    """
    conditions(suite)  # names an unknown factor before anything is read
    metrics = resolve(suite.metrics)
    dataset, pairs = select_pairs(suite, options.data_root)
    training = select_training_pairs(suite, options.data_root) if suite.retrains else []
    suite, specs, left_out = _available(suite, options)
    classes = dataset.classes or tuple(sorted({box.label for pair in [*pairs, *training] for box in pair.boxes or ()}))
    device = pick_device(options.device)
    # One thread per worker: sums over several threads would round otherwise for another number of workers.
    threads = 1 if device == "cpu" else available_cores()
    setup = Setup(suite, specs, dataset.name, classes, metrics, options.weights_dir, device, threads)
    if suite.retrains:
        setup = prepare_retraining(setup, pairs, training)
    elif suite.detector:
        setup = _with_one_detector(setup, pairs)
    run_id = f"seed{suite.seed}-{setup.suite.identity(options.data_root)}"
    folder = RunFolder((options.out / suite.name / run_id).resolve())
    folder.path.mkdir(parents=True, exist_ok=True)
    info = _describe(setup, dataset, pairs, left_out, options)
    if suite.retrains:
        info["detector"] = describe_retraining(setup, pairs, training)
    _refuse_unknown(options.recompute, specs)
    known = without_methods(folder.read_info(), options.recompute)
    _refuse_other_results(known, info)
    if options.recompute:
        folder.forget(options.recompute)
    info["methods"] = known.get("methods", {}) | info["methods"]
    with _log_to(folder.path / "log.txt"):
        failures = []
        if suite.retrains:
            setup, failures = _retrain(setup, training, info, folder)
        _compute(setup, pairs, info, options, folder, failures)
        methods = [find_method(spec) for spec in setup.specs.values()]
        write_efficiency(folder.path, methods, lambda method: find_weights(method, options.weights_dir), device)
        if options.panels:
            write_panels(folder, setup, pairs, options.panels)
            write_contact_sheet(folder, setup, pairs)
    _point_latest(folder)
    return folder


def _retrain(setup: Setup, training: list[Pair], info: dict, folder: RunFolder) -> tuple[Setup, list[Failure]]:
    """The set-up with a detector for each method, without the methods whose detector failed; told in ``info``."""
    detectors, known, failures = train_detectors(setup, training, info["methods"], folder.path)
    info["detector"]["per_method"] = folder.read_info().get("detector", {}).get("per_method", {}) | known
    _refuse_other_results(folder.read_info(), info)
    info["left_out"] |= {failure.method: failure.error for failure in failures}
    suite = setup.suite.model_copy(update={"methods": tuple(detectors)})
    info["suite"] = suite.model_dump(mode="json")
    return replace(setup, suite=suite, detectors=detectors), failures


def _compute(
    setup: Setup, pairs: list[Pair], info: dict, options: Options, folder: RunFolder, failures: list[Failure]
) -> None:
    total = len(plan(setup.suite, pairs))
    cells = plan(setup.suite, pairs, folder.done())
    workers = 1 if setup.device != "cpu" else min(options.workers or available_cores(), max(1, len(cells)))
    started = time.monotonic() - folder.read_info().get("seconds", 0.0)

    def save(results: list[CellResult]) -> None:
        folder.append(results)
        folder.write_info(info | {"seconds": time.monotonic() - started})

    folder.forget_failures()
    save([CellResult(failures=failures)])
    folder.write_pairs(pairs)
    log.info(
        "%s: %d of %d cells to compute, %d worker(s), %s", setup.suite.name, len(cells), total, workers, setup.device
    )
    try:
        _collect(executor(options.executor)(cells, setup, workers), save, total, len(cells))
    except BrokenProcessPool:
        raise UsageError(
            f"a worker was killed, most likely for lack of memory; what was computed is kept in {folder.path}: repeat "
            f"the command with fewer --workers (now {workers})"
        ) from None


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Keep what is logged in a file of the run folder as well."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _collect(results: Iterable[CellResult], save: Callable[[list[CellResult]], None], total: int, missing: int) -> None:
    """Save results as they come, at the latest after ``FLUSH_SECONDS`` and whatever ends the loop; show progress."""
    waiting: list[CellResult] = []
    failed, flushed = 0, time.monotonic()
    bar = tqdm(total=total, initial=total - missing, unit="cell", dynamic_ncols=True, smoothing=0.05)
    try:
        for result in results:
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
    finally:
        bar.close()
        save(waiting)


def _available(suite: Suite, options: Options) -> tuple[Suite, dict[str, str], dict[str, str]]:
    """The suite with the methods that can run here by name, their specifications, and why others were left out."""
    specs: dict[str, str] = {}
    for spec in expand(suite.methods):
        name = find_method(spec).name
        if name in specs and specs[name] != spec:
            raise UsageError(
                f"{specs[name]!r} and {spec!r} are both called {name!r}; put a name in front: other={spec}"
            )
        specs[name] = spec
    left_out = obtain([find_method(spec) for spec in specs.values()], options.weights_dir)
    if options.named_methods:
        for name, reason in left_out.items():
            if specs[name] in suite.methods:  # named by itself, not as one of a group
                raise UsageError(reason)
    for reason in left_out.values():
        log.warning("%s; it is left out", reason)
    specs = {name: spec for name, spec in specs.items() if name not in left_out}
    if not specs:
        raise UsageError(f"none of the methods of suite {suite.name} is available; see `run_bench.py list methods`")
    return suite.model_copy(update={"methods": tuple(specs)}), specs, left_out


def _with_one_detector(setup: Setup, pairs: list[Pair]) -> Setup:
    """The set-up with the first of its detectors that can be had; without one where no pair has labels."""
    settings, reasons = setup.suite.detector, []
    if all(pair.boxes is None for pair in pairs):
        log.warning("no pair of %s is labelled: detection is left out", setup.dataset)
        return replace(setup, suite=setup.suite.model_copy(update={"detector": None}))
    for weights in settings.weights:
        one = settings.model_copy(update={"weights": (weights,)})
        candidate = replace(setup, suite=setup.suite.model_copy(update={"detector": one}))
        try:
            candidate.open_detector()
        except FileNotFoundError as error:
            reasons.append(str(error))
        except ValueError as error:
            raise UsageError(str(error)) from None
        else:
            return candidate
    raise UsageError(f"{'; '.join(reasons)}; or switch detection off by --detector none")


def pick_device(name: str) -> str:
    """``auto`` is CUDA where there is one; raises ``UsageError`` where CUDA is asked for and absent."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine offers no CUDA device; use --device cpu")
    return name


def _describe(setup: Setup, dataset: Dataset, pairs: list[Pair], left_out: dict[str, str], options: Options) -> dict:
    """Everything a reader needs to repeat the run."""
    info = {
        "suite": setup.suite.model_dump(mode="json"),
        "dataset": {"name": dataset.name, "title": dataset.title, "synthetic": dataset.synthetic},
        "classes": list(setup.classes),
        "pairs": {"count": len(pairs), "sha256": sha256("\n".join(pair.image for pair in pairs).encode()).hexdigest()},
        "metrics": {name: METRICS[name].version for name in setup.metrics},
        "left_out": left_out,
        "methods": {name: _describe_method(spec, options) for name, spec in setup.specs.items()},
        "data_root": str(options.data_root or ""),
        "device": setup.device,
        "machine": {"platform": platform.platform(), "cores": available_cores(), "gpu": _gpu(setup.device)},
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "commit": _commit(),
        "command": sys.argv,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if setup.suite.detector and not setup.suite.retrains:
        detector = setup.open_detector()
        facts = {"name": detector.name, "sha256": detector.sha256, "class_map": detector.class_map}
        info["detector"] = facts | {"protocol": "fixed", "explanation": PROTOCOLS["fixed"]}
    return info


def _describe_method(spec: str, options: Options) -> dict:
    method = find_method(spec)
    hashes = {
        file: sha256(path.read_bytes()).hexdigest() for file, path in find_weights(method, options.weights_dir).items()
    }
    return {"spec": spec, "title": method.title, "kind": method.kind, "version": method.version, "weights": hashes} | {
        "trained_on": list(method.trained_on)
    }


def _refuse_unknown(names: Iterable[str], known: Mapping[str, str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"--recompute {name}: not among the methods of this run; name some of: {', '.join(known)}")


def _refuse_other_results(before: dict, now: dict) -> None:
    """Rows of two different networks, or of two definitions of a metric, must not meet under one name."""
    for name, known in before.get("metrics", {}).items():
        if now["metrics"].get(name, known) != known:
            raise UsageError(
                f"metric {name} is defined otherwise than when this run was begun (version {known}, now "
                f"{now['metrics'][name]}); start a new run with another --out"
            )
    for name, description in before.get("methods", {}).items():
        current = now["methods"].get(name)
        if current and (current["weights"], current["version"]) != (description["weights"], description["version"]):
            raise UsageError(
                f"method {name} has other weights or another version than when this run was begun; add --recompute "
                f"{name} to compute it again (the other methods stay), or start a new run with another --out"
            )
    old, new = before.get("detector", {}), now.get("detector", {})
    if old and new and old["sha256"] != new["sha256"]:
        raise UsageError(
            "the detector has other weights, or its training other pairs or another start, than when this run was "
            "begun; start a new run with another --out"
        )
    trained = old.get("per_method", {})
    for name, facts in new.get("per_method", {}).items():
        if name in trained and trained[name]["sha256"] != facts["sha256"]:
            raise UsageError(
                f"the detector of method {name} has other weights than when this run was begun; add --recompute "
                f"{name} to compute it again (the other methods stay), or start a new run with another --out"
            )


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:
        return ""


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _gpu(device: str) -> str:
    return torch.cuda.get_device_name() if device.startswith("cuda") else ""


def _point_latest(folder: RunFolder) -> None:
    link = folder.path.parent / "latest"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(folder.path.name)
    except OSError:  # a file system without links
        link.write_text(folder.path.name)
