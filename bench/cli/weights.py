"""Show, download or verify the weight files of methods, restorers and detectors.

Files are looked for in --weights-dir, then in the package, then in the cache (TSDM_BENCH_CACHE moves it); downloads
go to the cache, checked by sha256. NAMES are names of files or of what reads them; without any, all files are meant.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from bench.cli.options import add_weights_dir
from bench.columns import as_text_table
from bench.weights import READ_BY, WEIGHT_FILES, readers
from detectors.card import DETECTORS
from fusion.restoration.restorer import RESTORERS, weights_of
from tsdm_bench.cards import unknown
from tsdm_bench.errors import UsageError
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.download import fetch
from tsdm_bench.weights.location import candidates, is_intact, remedy

COLUMNS = ("name", "method", "bytes", "licence", "place")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "fetch", "verify"))
    parser.add_argument(
        "names", nargs="*", metavar="NAMES", help="files, or methods, restorers, detectors (default: all)"
    )
    add_weights_dir(parser)


def run(args: argparse.Namespace) -> int:
    for name in args.names:  # before all cards are imported, which takes seconds
        if not any(cards.may_hold(name) for cards in READ_BY):
            raise unknown(WEIGHT_FILES.kind, name, (), WEIGHT_FILES.shown_by)
    files = _files(args.names)
    if args.action == "list":
        rows = [
            vars(file) | {"method": readers(file), "place": _place(file, args.weights_dir) or "not here"}
            for file in files
        ]
        print(as_text_table(rows, COLUMNS))
        return 0
    act = _fetch if args.action == "fetch" else _verify
    problems = list(act(files, args.weights_dir, bool(args.names)))
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


def _files(names: list[str]) -> list[WeightFile]:
    """The cards behind such names, each once."""
    if not names:
        return list(WEIGHT_FILES.values())
    return list(dict.fromkeys(file for name in names for file in _named(name)))


def _named(name: str) -> tuple[WeightFile, ...]:
    cards = next((cards for cards in READ_BY if name in cards), None)
    if cards is RESTORERS:
        return weights_of(RESTORERS[name])
    files = (WEIGHT_FILES[name],) if cards is None else cards[name].weights
    if not files and cards is DETECTORS:
        raise UsageError(f"{name} has no fixed file: ultralytics downloads it on first use, e.g. by --detector {name}")
    return files


def _place(file: WeightFile, weights_dir: Path | None) -> Path | None:
    return next((path for path in candidates(file, weights_dir) if path.is_file()), None)


def _fetch(files: list[WeightFile], weights_dir: Path | None, named: bool) -> Iterator[str]:
    """Download what is lacking; files without an address only count as a problem where they were named.

    Where no server answers, the machine is taken to be offline and nothing more is tried.
    """
    for file in files:
        if not file.urls and not named and _place(file, weights_dir) is None:
            continue
        try:
            print(fetch(file, weights_dir))
        except ConnectionError as error:
            yield str(error)
            return
        except (OSError, ValueError) as error:
            yield str(error)


def _verify(files: list[WeightFile], weights_dir: Path | None, named: bool) -> Iterator[str]:
    """Compare what is here with its card; a file that is not here only counts as a problem where it was named."""
    for file in files:
        path = _place(file, weights_dir)
        if path is not None and is_intact(path, file):
            print(f"{path}: {'good' if file.sha256 else 'not checked (its card has no sha256)'}")
        elif path is not None:
            yield f"{path} is not the file of its card (expected {file.bytes} bytes, sha256 {file.sha256})"
        elif named:
            yield f"{file.name} is not here: {remedy(file)}"
