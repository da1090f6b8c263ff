"""Put runs side by side: clean and degraded means per method, for every metric that the runs share.

Numbers of different definitions, pairs, conditions or detectors never meet: where runs differ in one of them, the
command refuses and says in what; --shared compares the metric ids that all runs have. A page of its own shows the
differences pair by pair, with intervals. Published runs have their boxes in the dataset: without it, average precision
is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import add_data_root, add_reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders such as results/m3fd/latest")
    parser.add_argument("--shared", action="store_true", help="compare only the metric ids that all runs have")
    add_data_root(parser)
    add_reading(parser, "as the runs were asked for")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the merged table")
    parser.add_argument("--page", type=Path, metavar="FILE", help="the page with paired differences (default: "
                        "comparison.html in the first run folder)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    from tsdm_bench.files import refuse_unwritable

    for path, option in ((args.csv, "--csv"), (args.page, "--page")):
        if path:
            refuse_unwritable(path, option)

    from bench import compare
    from bench.report.tables import markdown
    from bench.run.store import RunFolder
    from tsdm_bench.files import write_csv, write_text

    page = args.page
    if page is None and len(args.runs) > 1:
        page = RunFolder.existing(args.runs[0]).path / "comparison.html"
        refuse_unwritable(page, "--page")
    found = compare(args.runs, shared=args.shared, ap=args.ap, classes=args.classes, data_root=args.data_root)
    for table in found.tables:
        print(markdown(table))
    for note in found.notes:
        print(f"note: {note}")
    if found.left_out:
        print(f"not in every run, left out: {', '.join(found.left_out)}")
    if args.csv:
        write_csv(args.csv, found.frame)
        print(f"table: {args.csv}")
    write_text(page, found.page())
    print(f"page: {page}")
    return 0
