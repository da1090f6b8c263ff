"""Write what a run holds in other forms: rows and tables as CSV, tables as sheets of one Excel file, boxes as JSON.

`--to coco` writes the labelled objects and the detections of every method and condition in COCO's form, with a README
that says how pycocotools, hotcoco, FiftyOne and ultralytics load them. A published run has its boxes in the dataset.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import add_data_root
from bench.exporting import FORMS
from tsdm_bench.words import counted

SHOWN = 20
"""Files that are listed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    words = "; ".join(f"{name}: {form.words}" for name, form in FORMS.items())
    parser.add_argument("--to", required=True, choices=FORMS, help=words)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it is written (default: RUN/export)")
    add_data_root(parser)


def run(args: argparse.Namespace) -> int:
    from bench import export

    paths = export(args.run_folder, args.to, out=args.out, data_root=args.data_root)
    for path in paths[:SHOWN]:
        print(f"{args.to}: {path}")
    if len(paths) > SHOWN:
        print(f"{args.to}: and {counted(len(paths) - SHOWN, 'more file')} in {paths[0].parent}")
    return 0
