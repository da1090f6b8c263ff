"""Downloading a published dataset into the layout in which it is read."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from bench.datasets import drive
from bench.datasets.pair import Archive, Dataset, Pair
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.weights.download import receive
from tsdm_bench.words import counted

LARGEST_ARCHIVE = 8 << 30
"""Bytes; the archives on Git hosts have below 2 GB."""
LARGEST_LOOSE_FILE = 1 << 28
"""Bytes; label files have some million."""
MOST_EXPANSION = 20
"""How many times an archive of images can grow: they hardly grow at all."""


def download(dataset: Dataset, root: Path, *, progress: bool = True) -> None:
    """Fetch the archive of ``dataset`` and put what belongs to the layout below ``root``, all of it or nothing.

    What had arrived of the archive stays in ``root`` and the next call goes on from there. Raises ``UsageError`` where
    the archive cannot be had, is damaged, unsafe or laid out in another way, and ``OSError`` where ``root`` cannot be
    written.
    """
    archive = _archive(dataset)
    target = root / archive.folder
    if target.exists():
        raise UsageError(f"{target} is already there, and holds no pairs of {dataset.title}; move it away first")
    root.mkdir(parents=True, exist_ok=True)
    zip_file, staging = root / f"{dataset.name}.zip", root / f".{dataset.name}.unpacked"
    if not zip_file.is_file():
        _fetch(dataset, zip_file, progress)
    elif problem := _wrong(archive, zip_file):
        raise UsageError(f"{zip_file} {problem}; remove it and repeat the command, or {by_hand(dataset)}")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        _unpack(zip_file, archive, staging / archive.folder, progress)
        _check(dataset.pairs(staging), dataset, zip_file)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / archive.folder, target)
    except UsageError:
        raise
    except Exception as error:  # a damaged archive can fail in any way: wrong sums, unknown methods, passwords
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # the disk, not a place that is not in the file
            raise
        zip_file.unlink()
        told = words_of(error, 200)
        raise UsageError(f"the archive from {archive.url} is damaged ({told}) and was removed; try again") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    zip_file.unlink()


def _archive(dataset: Dataset) -> Archive:
    if dataset.archive is None:
        raise UsageError(f"{dataset.title} cannot be downloaded; {by_hand(dataset)}")
    return dataset.archive


def by_hand(dataset: Dataset) -> str:
    """How a person gets the dataset into its layout."""
    return f"get {dataset.obtain} and unpack it below the data root as {dataset.layout}"


def _fetch(dataset: Dataset, zip_file: Path, progress: bool) -> None:
    """The whole archive as ``zip_file``, with the checksum of its card where it has one."""
    part, archive = zip_file.with_suffix(".zip.part"), _archive(dataset)
    free = shutil.disk_usage(zip_file.parent).free
    if drive.lies_on_drive(archive.url):
        drive.receive(archive.url, archive.file, part, by_hand(dataset), progress=progress)
        os.replace(part, zip_file)
        return
    try:
        receive(
            zip_file.name,
            [archive.url],
            part,
            by_hand(dataset),
            largest=min(LARGEST_ARCHIVE, free),
            check=partial(_wrong, archive),
            progress=progress,
        )
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        raise UsageError(str(error)) from None
    os.replace(part, zip_file)


def download_beside(dataset: Dataset, root: Path, *, progress: bool = True) -> list[Path]:
    """Fetch the files of ``dataset`` that are published apart from its archive, and return those that were lacking.

    Raises ``UsageError`` where one cannot be had or is not what it should be; what is below ``root`` stays.
    """
    fetched = []
    for file in dataset.beside:
        target = root / file.place
        if target.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        other_way = f"put the file there as {target}"
        try:
            receive(target.name, file.urls, part, other_way, largest=LARGEST_LOOSE_FILE, check=file.problem,
                    progress=progress)  # fmt: skip
        except (ValueError, FileNotFoundError, ConnectionError) as error:
            raise UsageError(f"the pairs are there, but not all labels: {error}") from None
        os.replace(part, target)
        fetched.append(target)
    return fetched


def _wrong(archive: Archive, path: Path) -> str:
    """What is wrong with a file that should be the archive; empty where nothing is known to be."""
    if not archive.md5:
        return ""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    return "" if found == archive.md5 else f"has md5 {found}, expected {archive.md5}"


def _check(pairs: list[Pair], dataset: Dataset, zip_file: Path) -> None:
    """Refuse what was unpacked where it is not the published number of pairs, or one half lacks the other."""
    problem = next((pair.problem for pair in pairs if pair.problem), "")
    archive = _archive(dataset)
    if len(pairs) != archive.pairs:
        problem = f"{counted(len(pairs), 'pair')}, where {archive.pairs} were published"
    if problem:
        raise UsageError(
            f"{zip_file} is not what was expected of {archive.url}: {problem}; unpack it by hand if it serves, "
            "or remove it"
        )


def _unpack(zip_file: Path, archive: Archive, target: Path, progress: bool) -> None:
    """Write the files of ``archive.parts`` below ``target``; the checksum of each is compared as it is read."""
    with zipfile.ZipFile(zip_file) as zipped:
        members = [member for member in zipped.infolist() if not member.is_dir()]
        for member in members:
            _refuse_unsafe(member, zip_file)
        paths = [PurePosixPath(member.filename) for member in members]
        inside = PurePosixPath(archive.inside) if archive.inside is not None else _where_parts_lie(paths, archive.parts)
        wanted = [
            (member, path)
            for member, whole in zip(members, paths, strict=True)
            for path in _places(whole, inside, archive)
            if not path.name.startswith(".")
        ]
        lacking = [part for part in archive.parts if not any(path.is_relative_to(part) for _, path in wanted)]
        if lacking:
            raise UsageError(
                f"{zip_file} has no {inside / lacking[0]}: {archive.url} is not laid out as expected; unpack "
                f"the file by hand into {target.parent.parent / archive.folder} or remove it"
            )
        if len({path for _, path in wanted}) < len(wanted):
            raise UsageError(f"{zip_file} was not unpacked: two of its members have one name; remove the file")
        needed, free = sum(member.file_size for member, _ in wanted), shutil.disk_usage(zip_file.parent).free
        if needed > MOST_EXPANSION * zip_file.stat().st_size:
            raise UsageError(
                f"{zip_file} was not unpacked: it would grow to {needed >> 20:,} MiB, as images do not; remove the file"
            )
        if needed > free:
            raise UsageError(f"unpacking {zip_file} needs {needed >> 20} MiB, {free >> 20} MiB are free; make room")
        for member, path in tqdm(wanted, unit="file", desc=f"unpacking {zip_file.name}", disable=not progress):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            with zipped.open(member) as source, (target / path).open("xb") as copy:
                shutil.copyfileobj(source, copy)  # no more than the size that the member declares


def _where_parts_lie(paths: list[PurePosixPath], parts: tuple[str, ...]) -> PurePosixPath:
    """The outermost folder of an archive that holds all ``parts``; the top where none does."""
    folders = {folder for path in paths for folder in path.parents}
    holding = [folder for folder in folders if all(folder / part in folders for part in parts)]
    return min(holding, key=lambda folder: (len(folder.parts), folder), default=PurePosixPath())


def _places(path: PurePosixPath, top: PurePosixPath, archive: Archive) -> list[PurePosixPath]:
    """Where a file of the archive goes, seen from the folder of the dataset; empty where it is not needed."""
    if not path.is_relative_to(top):
        return []
    inside = path.relative_to(top)
    return [inside] if any(inside.is_relative_to(part) for part in (*archive.parts, *archive.more)) else []


def _refuse_unsafe(member: zipfile.ZipInfo, zip_file: Path) -> None:
    """A path that leads out of the target, or a link, is no part of an honest dataset."""
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or any(character in member.filename for character in "\\:"):
        problem = "leads out of the folder"
    elif kind not in (0, stat.S_IFREG):
        problem = "is a link, pipe or device"
    else:
        return
    raise UsageError(f"{zip_file} was not unpacked: its member {member.filename!r} {problem}; remove the file")
