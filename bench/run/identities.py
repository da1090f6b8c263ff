"""What pairs, methods and ready results are, read from their files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from bench.datasets.pair import Dataset, Pair
from bench.executors.pool import available_cores
from bench.methods import find_method, find_weights
from bench.run.objects import labels_identity
from bench.run.record import MethodFacts, PairFacts, digest
from fusion.method import Method

WORTH_A_BAR = 1 << 30
"""Bytes of image files above which reading them is shown."""


def pair_facts(pairs: Sequence[Pair], dataset: Dataset) -> dict[str, PairFacts]:
    """The identities of pairs by image: of the content of their files, their labels and their scene."""
    files = list(dict.fromkeys(file for pair in pairs for file in pair.files))
    hashes = dict(zip(files, _hashes(files), strict=True))
    return {
        pair.image: PairFacts(
            content=digest([hashes[file] for file in pair.files] or [dataset.name, dataset.version]),
            labels=labels_identity(pair),
            scene=pair.scene,
        )
        for pair in pairs
    }


def method_facts(spec: str, weights_dir: Path | None) -> MethodFacts:
    """What a method is, with the content of its weights and of a user's own files."""
    method = find_method(spec)
    return MethodFacts(
        spec=spec,
        title=method.title,
        kind=method.kind,
        version=method.version,
        weights={name: file_hash(path) for name, path in find_weights(method, weights_dir).items()},
        code={str(path): file_hash(path) for path in method.code},
        trained_on=method.trained_on,
        restores=method.restores,
        ours=method.ours,
        warning=method.warning,
        citation=method.citation,
    )


def result_identity(method: Method, key: dict) -> str:
    """Of the ready result of a pair under a condition; empty where it is missing, or the method computes."""
    if method.result_file is None:
        return ""
    try:
        return file_hash(method.result_file(key))
    except (OSError, ValueError):
        return ""


def file_hash(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; empty where it cannot be read (reading it later says why)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _hashes(files: Sequence[Path]) -> list[str]:
    total = sum(file.stat().st_size for file in files if file.is_file())
    with ThreadPoolExecutor(available_cores()) as pool:
        hashes = pool.map(file_hash, files)
        return list(tqdm(hashes, "reading pairs", len(files), unit="file", disable=total < WORTH_A_BAR))
