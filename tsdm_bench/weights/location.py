"""Where a weight file lies: the weights directory first, then the package it comes with, then the cache."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tsdm_bench.weights.card import WeightFile

CACHE_VARIABLE = "TSDM_BENCH_CACHE"


def cache_dir() -> Path:
    """The folder of downloaded weights: below ``TSDM_BENCH_CACHE``, else below the platform's cache folder.

    Where nobody has a home, as in some containers, it lies among the temporary files.
    """
    override = os.environ.get(CACHE_VARIABLE)
    try:
        home = Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir())
    if override:
        base = Path(override)
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "tsdm-bench"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches" / "tsdm-bench"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "tsdm-bench"
    return base / "weights"


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.lru_cache(maxsize=1024)
def _sha256_of_version(path: Path, size: int, modified_ns: int) -> str:
    """``sha256(path)``, remembered for as long as size and time of modification stay the same."""
    return sha256(path)


def is_intact(path: Path, file: WeightFile) -> bool:
    """Whether the file at ``path`` is the one of the card; any file is where the card knows no hash."""
    if not file.sha256:
        return True
    status = path.stat()
    return status.st_size == file.bytes and _sha256_of_version(path, status.st_size, status.st_mtime_ns) == file.sha256


def candidates(file: WeightFile, weights_dir: Path | None = None) -> list[Path]:
    """The places where ``file`` is looked for, in order."""
    places = [Path(weights_dir) / file.name] if weights_dir is not None else []
    if file.folder is not None:
        places.append(file.folder / file.name)
    return [*places, cache_dir() / file.name]


def locate(file: WeightFile, weights_dir: Path | None = None) -> Path:
    """Path of a weight file, checked by size and sha256.

    The first place that has a file of that name decides: ``weights_dir``, the package it comes with, the cache. In
    ``weights_dir`` any file stands in for weights that come with a package only: a training of your own. Raises
    ``FileNotFoundError`` where no place has it and ``ValueError`` where the file found is not that of the card.
    """
    for place, path in enumerate(candidates(file, weights_dir)):
        if path.is_file():
            own_training = file.folder is not None and not file.urls and weights_dir is not None and place == 0
            if own_training or is_intact(path, file):
                return path
            raise ValueError(
                f"{path} is not {file.name} ({file.bytes} bytes, sha256 {file.sha256[:12]}…) of {file.source}; "
                f"remove it{f', then `run_bench.py weights fetch {file.name}`' if file.urls else ''}"
            )
    raise FileNotFoundError(
        f"weight file {file.name} is neither in the weights directory ({weights_dir or 'none given'}) nor in "
        f"{cache_dir()}; {remedy(file)}"
    )


def remedy(file: WeightFile) -> str:
    """What a user can do to get ``file`` in place, in words."""
    by_hand = f"put it in --weights-dir under that name (from {file.urls[0] if file.urls else file.source})"
    return f"`run_bench.py weights fetch {file.name}`, or {by_hand}" if file.urls else by_hand


def missing(files: Iterable[WeightFile], weights_dir: Path | None = None) -> list[WeightFile]:
    """Those of ``files`` that lie in none of the places; a damaged file is not missing (:func:`locate` reports it)."""
    return [file for file in files if not any(path.is_file() for path in candidates(file, weights_dir))]


def available(files: Iterable[WeightFile], weights_dir: Path | None = None) -> str:
    """How what reads ``files`` gets them: it has them (``yes``), or it fetches them on first use, or a person does."""
    lacking = missing(files, weights_dir)
    if not lacking:
        return "yes"
    return "on first use" if all(file.urls for file in lacking) else "by hand"
