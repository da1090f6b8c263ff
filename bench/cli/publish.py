"""Write a finished run as a folder that can be committed: record, rows in one file, tables and main curves, no images.

The boxes of a dataset stay with it: the folder states how many there are and their checksum. It is a run folder, too:
report, compare and export read it, with the dataset at hand its boxes as well, and `--from DIR/run.json` repeats it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import add_data_root, share


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where it goes, such as results/published/m3fd"
    )
    parser.add_argument("--scores-from", type=share, metavar="0.01", help="leave out detections of a lower score where "
                        "all are too many; AP then counts from there, and the record says so")  # fmt: skip
    add_data_root(parser)


def run(args: argparse.Namespace) -> int:
    from bench import publish

    to = publish(args.run_folder, args.out, scores_from=args.scores_from, data_root=args.data_root)
    print(f"published: {to}")
    return 0
