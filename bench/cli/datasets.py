"""Check a dataset on disk: every pair is read, and every file that cannot serve is named."""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.run import add_data_root
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.datasets.pair import Pair

HELP = "verify a dataset on disk"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("verify",))
    parser.add_argument("name", help="a name of `list datasets`")
    add_data_root(parser)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from bench.datasets import DATASETS

    dataset = DATASETS[args.name]
    if args.data_root is None and not dataset.synthetic:
        raise UsageError(f"name the folder of {dataset.name} by --data-root (expected there: {dataset.layout})")
    pairs = dataset.pairs(Path(args.data_root or ""))
    with ThreadPoolExecutor() as pool:
        problems = [problem for problem in tqdm(pool.map(_problem, pairs), total=len(pairs), unit="pair") if problem]
    boxes = Counter(box.label for pair in pairs for box in pair.boxes or ())
    splits = Counter(pair.split for pair in pairs if pair.split)
    published = dataset.size or "any number"
    print(f"{dataset.title}: {len(pairs) - len(problems)} good pairs of {len(pairs)}; published: {published}")
    if splits:
        print("splits: " + ", ".join(f"{name} {count}" for name, count in splits.most_common()))
    if boxes:
        labelled = sum(pair.boxes is not None for pair in pairs)
        print(
            f"{boxes.total()} boxes on {labelled} labelled pairs: "
            + ", ".join(f"{n} {c}" for n, c in boxes.most_common())
        )
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


def _problem(pair: Pair) -> str:
    from bench.datasets.files import ImageProblem

    try:
        pair.read()
    except ImageProblem as error:
        return str(error)
    return ""
