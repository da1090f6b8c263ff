"""Write what a run holds in other forms: rows and tables as CSV, or every table as a sheet of one Excel file."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.exporting import FORMS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    words = "; ".join(f"{name}: {form.words}" for name, form in FORMS.items())
    parser.add_argument("--to", required=True, choices=FORMS, help=words)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it is written (default: RUN/export)")


def run(args: argparse.Namespace) -> int:
    from bench import export

    for path in export(args.run_folder, args.to, out=args.out):
        print(f"{args.to}: {path}")
    return 0
