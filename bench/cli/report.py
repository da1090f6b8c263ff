"""Rebuild tables, curves and the HTML page of a run from its stored rows and detections."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")


def run(args: argparse.Namespace) -> int:
    from bench import report

    print(f"results: {report(args.run_folder).path}")
    return 0
