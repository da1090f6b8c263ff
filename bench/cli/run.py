"""Run a benchmark suite and write its tables and curves.

A run is resumable: the same command on the same run folder computes only the cells that are missing or of something
that changed, and --methods, --factors, --severities and --limit may be widened later without losing anything.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.options import (
    add_reading,
    add_selection,
    add_weights_dir,
    comma_numbers,
    seconds,
    share,
    suite_of,
    whole_number,
)
from bench.executors import EXECUTORS
from bench.lists import comma_list
from bench.suite import PROTOCOLS
from detectors.training.recipe import RECIPES
from tsdm_bench.errors import UsageError
from tsdm_bench.places import data_root_of

if TYPE_CHECKING:
    from bench.run.store import RunFolder

WHAT_IS_RUN: tuple[str, ...] = (
    "suite",
    "factors",
    "severities",
    "modalities",
    "subset",
    "limit",
    "seed",
    "seeds",
    "methods",
    "metrics",
    "detector",
)
WHAT_IS_RUN += ("protocol", "recipe", "image_size", "ap", "classes")
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--from", dest="record", type=Path, metavar="RUN/run.json", help="repeat a run from its record "
                        "and say what differs here; takes no other option that says what is run")  # fmt: skip
    add_weights_dir(parser)
    parser.add_argument("--methods", type=comma_list, metavar="A,B", help="fusion methods (list methods), groups (all, "
                        "source, classical, learned, variants), or your own")  # fmt: skip
    parser.add_argument("--seeds", type=comma_numbers, metavar="0,1,2", help="several, a run each: tables show mean "
                        "and spread over them")  # fmt: skip
    parser.add_argument("--metrics", type=comma_list, metavar="M,N", help="metric preset or ids (list metrics)")
    parser.add_argument("--detector", metavar="FILE", help="detector weights (.pt, .onnx) or ultralytics model name; "
                        "several with commas: a run each; 'none' switches detection off")  # fmt: skip
    parser.add_argument("--protocol", choices=PROTOCOLS, help="one detector for all methods (fixed), or one trained on "
                        "the fused images of each (default: the suite's)")  # fmt: skip
    parser.add_argument("--recipe", choices=RECIPES, help="how detectors are trained (default: the suite's, full)")
    parser.add_argument(
        "--image-size", type=int, metavar="PX", help="input size of the detector (default: the suite's)"
    )
    add_reading(parser, "the suite's")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--workers", type=whole_number, metavar="N", help="processes on the CPU (default: one per core)"
    )
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="who computes the cells")
    parser.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster (default: $RAY_ADDRESS, else one is "
                        "started here); with --executor ray")  # fmt: skip
    parser.add_argument("--gpu-share", type=share, metavar="0.5", help="how much of a GPU each worker of a Ray cluster "
                        "takes (default: 1)")  # fmt: skip
    parser.add_argument("--budget", type=seconds, metavar="2h", help="stop after so long; what is done by then is "
                        "a balanced sample: all methods and conditions on as many images as it allows")  # fmt: skip
    parser.add_argument(
        "--batch", type=whole_number, metavar="N", help="cells at once (default: what a GPU has room for; 1 on the CPU)"
    )
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="where run folders go")
    parser.add_argument(
        "--panels", type=int, default=3, metavar="N", help="pairs that the page shows (default: 3; 0: no pictures)"
    )
    parser.add_argument("--show", type=comma_list, default=(), metavar="A,B", help="pairs that page and `figure` show "
                        "under every condition, beside those of --panels")  # fmt: skip
    parser.add_argument("--recompute", type=comma_list, default=(), metavar="A,B", help="methods whose stored results "
                        "are set aside and computed again, whatever they are of")  # fmt: skip
    parser.add_argument(
        "--no-report",
        action="store_true",
        help="compute only, and store no images; `report RUN` makes the tables later",
    )


def run(args: argparse.Namespace) -> int:
    if args.panels < 0:
        raise UsageError(f"--panels {args.panels}: expected 0 or more")
    for name in ("address", "gpu_share"):
        if getattr(args, name) is not None and args.executor != "ray":
            raise UsageError(f"--{name.replace('_', '-')} is of a Ray cluster: add --executor ray, or leave it out")
    suite = suite_of(args) if args.record is None else None

    from bench import repeat, run

    settings = {
        "data_root": args.data_root,
        "weights_dir": args.weights_dir,
        "out": args.out,
        "device": args.device,
        "workers": args.workers,
        "executor": args.executor,
        "address": args.address,
        "gpu_share": args.gpu_share or 1.0,
        "batch": args.batch,
        "budget": args.budget,
        "panels": 0 if args.no_report else args.panels,
        "show": args.show,
        "recompute": args.recompute,
        "report": not args.no_report,
    }
    if suite is None:
        given = [f"--{name.replace('_', '-')}" for name in WHAT_IS_RUN if getattr(args, name) is not None]
        if given:
            raise UsageError(f"--from {args.record} says what is run: leave out {', '.join(given)}")
        if args.data_root == data_root_of(None):
            settings["data_root"] = None  # the record's own, while it is there
        return _close(repeat(args.record, **settings).folder)
    return _close(run(suite, named_methods=args.methods is not None, **settings).folder)


def _close(folder: RunFolder) -> int:
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
