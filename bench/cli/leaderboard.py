"""Check the entries of a leaderboard, and make a page of them that sorts.

Entries are made by `report RUN --leaderboard`, one per method, and sent by pull request (CONTRIBUTING.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import LEADERBOARD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", type=Path, nargs="?", default=LEADERBOARD, metavar="DIR", help=f"their folder (default: {LEADERBOARD})"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page (default: DIR/index.html)")


def run(args: argparse.Namespace) -> int:
    from bench import show_leaderboard

    number, page = show_leaderboard(args.place, out=args.out)
    print(f"entries: {number}, all of them sound")
    print(f"leaderboard: {page}")
    return 0
