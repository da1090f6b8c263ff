"""Which files are scored: the images of a folder, and folders of results by the name of their method."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from tsdm_bench.errors import UsageError, printable
from tsdm_bench.images import IMAGE_SUFFIXES, images_in, short

SHOWN = 6  # names in a note
NOT_OURS = ("__MACOSX",)  # beside the folders of a zip file that a Mac made

Picture = Path | np.ndarray
"""A file, or H×W or H×W×3 RGB uint8."""


def images_of(what: Path | np.ndarray) -> dict[str, tuple[Picture, ...]]:
    """Images by name: those of a folder, or an array as the only one. ``UsageError`` where a folder holds none."""
    if isinstance(what, np.ndarray):
        return {"image": (what,)}
    folder = Path(what)
    images = images_in(folder)
    if not images:
        raise UsageError(_holds_none(folder))
    return dict(images)


def _holds_none(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not a folder; give a folder of images ({' '.join(IMAGE_SUFFIXES)})"
    inside = _folders_in(folder)
    inside += [below for path in inside for below in _folders_in(path)]
    if deeper := next((path for path in inside if images_in(path)), None):
        return f"{folder} holds no image itself; name the folder that does, such as {deeper}"
    return f"{folder} holds no image; give a folder of images ({' '.join(IMAGE_SUFFIXES)})"


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in inside if not path.name.startswith(".") and path.name not in NOT_OURS]


def _broken_links(folder: Path) -> list[Path]:
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if path.is_symlink() and not path.exists() and path.suffix not in IMAGE_SUFFIXES]


def methods_of(
    fused: Path | np.ndarray | Sequence[Path] | Mapping[str, Path | np.ndarray], known: Collection[str]
) -> tuple[dict[str, dict[str, tuple[Picture, ...]]], list[str]]:
    """Method → image → its files, and notes on what was left out."""
    if isinstance(fused, np.ndarray):
        fused = {"fused": fused}
    if isinstance(fused, Mapping):
        return {name: images_of(what) for name, what in fused.items()}, []
    folders, notes = method_folders([Path(fused)] if isinstance(fused, (str, Path)) else list(fused), known)
    return {name: images_of(folder) for name, folder in folders.items()}, notes


def method_folders(folders: Sequence[Path], known: Collection[str]) -> tuple[dict[str, Path], list[str]]:
    """Folders of results by method name, and notes on what else lies there.

    A folder is a method where it holds images, or else a folder of methods. Where it holds images and such folders, it
    is a method if one of its images has the name of a source pair (``known``): a stray picture hides no method.
    """
    found: list[Path] = []
    notes: list[str] = []
    for folder in folders:
        own, below = images_in(folder), _folders_in(folder)
        nested = [path for path in below if images_in(path)]
        notes += [f"{path} is a broken link" for path in _broken_links(folder)]
        if own and (not nested or any(image in known for image in own)):
            found.append(folder)
            notes += [
                f"{short(path)} is left out, since {folder} is a method itself; name it as well" for path in nested
            ]
        elif nested:
            found += nested
            if own:
                notes.append(f"{folder}: {few(sorted(own))}: no source pair is called so; left out")
            notes += [f"left out: {_holds_none(path)}" for path in below if path not in nested]
        else:
            raise UsageError(_holds_none(folder))
    absolute = [Path(os.path.abspath(path)) for path in found]
    different = list(dict.fromkeys(absolute))
    notes += [f"{path} is named more than once" for path in different if absolute.count(path) > 1]
    return dict(zip(_names(different), different, strict=True)), notes


def _names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many before it as tell those apart that end alike."""

    def end(path: Path, parts: int) -> str:
        return printable("/".join(path.parts[-parts:]))

    def parts_needed(path: Path) -> int:
        alike = [other for other in paths if other.name == path.name]
        longest = max(len(other.parts) for other in alike)
        return next(n for n in range(1, longest + 1) if len({end(other, n) for other in alike}) == len(alike))

    return [end(path, parts_needed(path)) for path in paths]


def few(names: Sequence[str]) -> str:
    """The first names of a list, and whether there are more."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
