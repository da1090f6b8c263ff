"""Run a benchmark suite and write its tables and curves.

A run is resumable: the same command on the same run folder computes only the cells that are missing, and --methods,
--factors, --severities and --limit may be widened later without losing anything.
"""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path

from bench.cli import comma_list, comma_numbers
from bench.executors import EXECUTORS
from bench.suite import PROTOCOLS, Suite, load_suite, suite_names
from detectors.training.recipe import RECIPES
from tsdm_bench.errors import UsageError

DATA_VARIABLE, WEIGHTS_VARIABLE = "TSDM_BENCH_DATA", "TSDM_BENCH_WEIGHTS"
log = logging.getLogger(__name__)


def add_data_root(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--data-root",
        type=Path,
        default=os.environ.get(DATA_VARIABLE),
        metavar="DIR",
        help=f"folder of the datasets in their published layouts (default: ${DATA_VARIABLE})",
    )


def add_weights_dir(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--weights-dir",
        type=Path,
        default=os.environ.get(WEIGHTS_VARIABLE),
        metavar="DIR",
        help=f"folder of method and detector weights (default: ${WEIGHTS_VARIABLE}, then the download cache)",
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that choose which part of a suite is meant; shared with ``degrade``."""
    parser.add_argument("--suite", default="demo", help=f"{', '.join(suite_names())}, or a YAML file (default: demo)")
    add_data_root(parser)
    parser.add_argument("--factors", type=comma_list, metavar="F,G", help="degradation factors (list factors)")
    parser.add_argument("--severities", type=comma_numbers, metavar="0,3,5", help="0 is the clean pair, 5 the worst")
    parser.add_argument("--modalities", type=comma_list, metavar="ir,vis,both", help="which images are degraded")
    parser.add_argument("--limit", type=int, metavar="N", help="only N pairs, taken evenly over the dataset")
    parser.add_argument("--seed", type=int, help="seed of every random draw (default: the suite's, 0)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    add_weights_dir(parser)
    parser.add_argument("--methods", type=comma_list, metavar="A,B", help="fusion methods (list methods), groups (all, "
                        "source, classical, learned, variants), or your own")  # fmt: skip
    parser.add_argument("--metrics", type=comma_list, metavar="M,N", help="metric preset or ids (list metrics)")
    parser.add_argument("--detector", metavar="FILE", help="detector weights (.pt, .onnx) or ultralytics model name; "
                        "'none' switches detection off")  # fmt: skip
    parser.add_argument("--protocol", choices=PROTOCOLS, help="one detector for all methods (fixed), or one trained on "
                        "the fused images of each (default: the suite's)")  # fmt: skip
    parser.add_argument("--recipe", choices=RECIPES, help="how detectors are trained (default: the suite's, full)")
    parser.add_argument(
        "--image-size", type=int, metavar="PX", help="input size of the detector (default: the suite's)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes on the CPU (default: one per core)")
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="who computes the cells")
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="where run folders go")
    parser.add_argument(
        "--panels", type=int, default=3, metavar="N", help="pairs drawn as panels (default: 3; 0: no pictures)"
    )
    parser.add_argument("--recompute", type=comma_list, default=[], metavar="A,B", help="methods whose stored results "
                        "are thrown away and computed again, after their weights, code or images changed")  # fmt: skip
    parser.add_argument("--no-report", action="store_true", help="compute only; `report RUN` makes the tables later")


def suite_of(args: argparse.Namespace) -> Suite:
    """The suite that the options describe."""
    fields = ("factors", "severities", "modalities", "limit", "seed", "methods", "metrics")
    overrides = {name: value for name in fields if (value := getattr(args, name, None)) is not None}
    detector, image_size = getattr(args, "detector", None), getattr(args, "image_size", None)
    if detector == "none":
        overrides["detector"] = None
    elif detector:
        overrides["detector.weights"] = detector
    if image_size:
        overrides["detector.image_size"] = image_size
    for name in ("protocol", "recipe"):
        if value := getattr(args, name, None):
            overrides[f"detection.{name}"] = value
    suite = load_suite(args.suite, overrides)
    if not suite.retrains:
        return suite
    if detector:
        raise UsageError(
            f"--detector {detector} is for protocol fixed; protocol {suite.detection.protocol} trains its own: leave "
            f"out one of both"
        )
    return _trained_at(suite, image_size) if image_size else suite


def _trained_at(suite: Suite, image_size: int) -> Suite:
    """The suite with another input size of the detectors that it trains."""
    try:
        recipe = replace(suite.detection.recipe, image_size=image_size)
    except ValueError as error:
        raise UsageError(f"--image-size: {error}") from None
    return suite.model_copy(update={"detection": suite.detection.model_copy(update={"recipe": recipe})})


def run(args: argparse.Namespace) -> int:
    if args.workers is not None and args.workers < 1:
        raise UsageError(f"--workers must be at least 1, got {args.workers}")
    suite = suite_of(args)

    from bench.report import write_report  # after the checks: this takes seconds
    from bench.run.flow import Options, run_benchmark

    folder = run_benchmark(
        suite,
        Options(
            args.data_root,
            args.weights_dir,
            args.out,
            args.device,
            args.workers,
            args.executor,
            panels=0 if args.no_report else args.panels,
            named_methods=args.methods is not None,
            recompute=tuple(args.recompute),
        ),
    )
    if not args.no_report:
        write_report(folder)
    return _close(folder)


def _close(folder: object) -> int:
    """Tell where the results are and which cells failed, by file and error; 1 if any did."""
    failures = folder.failures()
    groups: dict[tuple[str, str, str], int] = {}
    for failure in failures:
        where = (failure.image, failure.method, failure.error)
        groups[where] = groups.get(where, 0) + 1
    for (image, method, error), count in list(groups.items())[:20]:
        log.error(
            "failed: %s%s: %s (%d cell%s)", image, f" with {method}" if method else "", error, count, "s" * (count > 1)
        )
    if len(groups) > 20:
        log.error("… and %d more kinds of failure in %s", len(groups) - 20, folder.path / "failures.jsonl")
    print(f"results: {folder.path}")
    for name in ("index.html", "tables", "curves"):
        if (folder.path / name).exists():
            print(f"  {folder.path / name}")
    return 1 if failures else 0
