"""Rebuild tables, curves and the HTML page of a run from its stored rows and detections.

A published run has its boxes in the dataset: without it, what rests on them is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import LEADERBOARD, add_data_root, add_latex_style, add_reading, latex_style


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    parser.add_argument("--leaderboard", type=Path, nargs="?", const=LEADERBOARD, metavar="DIR", help="enter the "
                        f"methods of the run into a leaderboard, a file each (default: {LEADERBOARD})")  # fmt: skip
    add_data_root(parser)
    add_reading(parser, "as the run was asked for")
    add_latex_style(parser)


def run(args: argparse.Namespace) -> int:
    from bench import report

    reading = {"ap": args.ap, "classes": args.classes, "data_root": args.data_root}
    found = report(args.run_folder, leaderboard=args.leaderboard, **reading, **latex_style(args))
    print(f"results: {found.path}")
    if args.leaderboard:
        print(f"leaderboard: {args.leaderboard}")
    return 0
