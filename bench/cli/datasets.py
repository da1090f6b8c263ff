"""Download a dataset into its layout, or verify it on disk.

download says how to get by hand what no program can fetch. verify reads every pair and every label, and names every
fault that it finds; the exit status is 2 where there is one.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.options import add_data_root
from bench.console import as_called
from tsdm_bench.errors import UsageError
from tsdm_bench.words import counted

if TYPE_CHECKING:
    from bench.datasets.pair import Dataset, Pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("download", "verify"))
    parser.add_argument("name", help="a name of `list datasets`")
    parser.add_argument("--accept-terms", action="store_true", help="download: the terms of the dataset are accepted")
    add_data_root(parser)


def run(args: argparse.Namespace) -> int:
    from bench.datasets import DATASETS

    DATASETS.check(args.name)
    dataset = DATASETS[args.name]
    if args.data_root is None and not dataset.synthetic:
        raise UsageError(f"name the folder of {dataset.name} by --data-root (expected there: {dataset.layout})")
    root = Path(args.data_root or "")
    return _download(dataset, root, args.accept_terms) if args.action == "download" else _verify(dataset, root)


def _download(dataset: Dataset, root: Path, accepted: bool) -> int:
    """Put the dataset below ``root`` where it is not there yet, or say how a person does it."""
    from bench.datasets.download import download, download_beside

    if dataset.synthetic or not dataset.size:
        print(f"{dataset.title}: nothing to download ({dataset.obtain})")
        return 0
    verify = as_called(f"python run_bench.py datasets verify {dataset.name} --data-root {root}")
    print(f"{dataset.title}: {dataset.source}\nlicence: {dataset.licence}")
    count = _pairs_there(dataset, root)
    if count:
        part = dataset.archive is not None and count < dataset.archive.pairs
        rest = "; to get all of them, move these away and repeat" if part else ""
        print(f"already below {root}: {counted(count, 'pair')}, published: {dataset.size}; nothing was fetched{rest}")
    elif dataset.archive is None or (lacking := _lacking(dataset, accepted)):
        print(
            f"This dataset is not downloaded by this command{f' ({lacking})' if dataset.archive else ''}. By hand:\n"
            f"  1. get {dataset.obtain}\n"
            f"  2. unpack it below {root}, so that there are {dataset.layout}\n"
            f"  3. check it: {verify}"
        )
        return 1
    try:
        if not count and dataset.archive:
            download(dataset, root)
            found = _pairs_there(dataset, root)
            print(f"{counted(found, 'pair')} below {root / dataset.archive.folder}, published: {dataset.size}")
        for file in download_beside(dataset, root):
            print(f"labels: {file}")
        if labelled := sum(pair.boxes is not None for pair in dataset.pairs(root)):
            print(f"{counted(labelled, 'labelled pair')}")
    except OSError as error:
        raise UsageError(f"cannot write the dataset: {error}; name another folder by --data-root") from None
    print(f"check every file: {verify}")
    return 0


def _lacking(dataset: Dataset, accepted: bool) -> str:
    """What has to be there before a program can download the dataset; empty where all is."""
    from bench.datasets import drive

    if dataset.terms and not accepted:
        return f"its terms: {dataset.terms}; --accept-terms says that you accept them"
    if dataset.archive and drive.lies_on_drive(dataset.archive.url) and not drive.can_fetch():
        return f"it lies on Google Drive: {drive.EXTRA}, and repeat the command"
    return ""


def _pairs_there(dataset: Dataset, root: Path) -> int:
    try:
        return len(dataset.pairs(root))
    except UsageError:
        return 0


def _verify(dataset: Dataset, root: Path) -> int:
    from tqdm import tqdm

    from bench.datasets.files import repeated_names

    pairs = dataset.pairs(root)
    with ThreadPoolExecutor() as pool:
        unreadable = list(tqdm(pool.map(_problem, pairs), total=len(pairs), unit="pair", disable=None))
    problems = [problem for problem in unreadable if problem]
    problems += repeated_names(pairs)
    problems += dict.fromkeys(fault for pair in pairs for fault in pair.label_faults)
    good = sum(not problem and not pair.label_faults for pair, problem in zip(pairs, unreadable, strict=True))
    boxes = Counter(box.label for pair in pairs for box in pair.boxes or ())
    splits = Counter(pair.split for pair in pairs if pair.split)
    published = dataset.size or "any number"
    print(f"{dataset.title}: {good} good pairs of {len(pairs)}; published: {published}")
    if splits:
        print("splits: " + ", ".join(f"{name} {count}" for name, count in splits.most_common()))
    if boxes:
        labelled = sum(pair.boxes is not None for pair in pairs)
        print(
            f"{counted(boxes.total(), 'box')} on {counted(labelled, 'labelled pair')}: "
            + ", ".join(f"{n} {c}" for n, c in boxes.most_common())
        )
    for note in (note for pair in pairs for note in pair.notes):
        print(f"note: {note}")
    for problem in problems:
        print(f"problem: {problem}")
    return 2 if problems else 0


def _problem(pair: Pair) -> str:
    from tsdm_bench.images import ImageProblem

    try:
        pair.read()
    except ImageProblem as error:
        return str(error)
    return ""
