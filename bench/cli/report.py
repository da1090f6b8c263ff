"""Rebuild tables, curves and the HTML page of a run from its stored rows and detections."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import add_latex_style, add_reading, latex_style


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    add_reading(parser, "as the run was asked for")
    add_latex_style(parser)


def run(args: argparse.Namespace) -> int:
    from bench import report

    found = report(args.run_folder, ap=args.ap, classes=args.classes, **latex_style(args))
    print(f"results: {found.path}")
    return 0
