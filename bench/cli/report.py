"""Rebuild tables, curves and the HTML page of a run from its stored rows and detections."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import add_latex_style, latex_style


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    add_latex_style(parser)


def run(args: argparse.Namespace) -> int:
    from bench import report

    print(f"results: {report(args.run_folder, **latex_style(args)).path}")
    return 0
