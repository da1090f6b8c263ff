"""Put runs side by side: clean and degraded means per method, for every metric that the runs share.

Numbers of different definitions, pairs, conditions or detectors never meet: where runs differ in one of them, the
command refuses and says in what; --shared compares the metric ids that all runs have.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders such as results/m3fd/latest")
    parser.add_argument("--shared", action="store_true", help="compare only the metric ids that all runs have")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the merged table")


def run(args: argparse.Namespace) -> int:
    from tsdm_bench.files import refuse_unwritable

    if args.csv:
        refuse_unwritable(args.csv, "--csv")

    from bench import compare
    from bench.report.tables import markdown
    from tsdm_bench.files import write_csv

    found = compare(args.runs, shared=args.shared)
    for table in found.tables:
        print(markdown(table))
    for note in found.notes:
        print(f"note: {note}")
    if found.left_out:
        print(f"not in every run, left out: {', '.join(found.left_out)}")
    if args.csv:
        write_csv(args.csv, found.frame)
        print(f"table: {args.csv}")
    return 0
