"""Files on Google Drive, by gdown (extra ``drive``). Where Drive refuses, the way by hand is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bench.datasets.pair import Dataset
from tsdm_bench.errors import UsageError, words_of

HOST = "https://drive.google.com/"
FOLDER = "/drive/folders/"
EXTRA = "pip install 'tsdm-bench[drive]'"


def lies_on_drive(url: str) -> bool:
    """Whether an address is one of Google Drive."""
    return url.startswith(HOST)


def how_it_comes(dataset: Dataset) -> str:
    """Whether ``datasets download`` fetches a dataset, in words."""
    if dataset.archive is None:
        return "by hand"
    return "yes, with the extra drive" if lies_on_drive(dataset.archive.url) else "yes"


def can_fetch() -> bool:
    """Whether gdown is installed."""
    return importlib.util.find_spec("gdown") is not None


def receive(url: str, file: str, part: Path, by_hand: str, *, progress: bool = True) -> None:
    """Write a file of Google Drive to ``part``, going on with what is there; ``file`` is its name in a folder.

    Raises ``UsageError`` that ends with ``by_hand``, the other way to get it, where gdown is not installed or Drive
    refuses: most often since too many people fetched the file that day, which Drive calls its quota.
    """
    try:
        import gdown
        from gdown.exceptions import DownloadError
        from requests import HTTPError
    except ImportError:
        raise UsageError(f"{file or url} lies on Google Drive: {EXTRA} and repeat the command, or {by_hand}") from None
    try:
        if FOLDER in url:
            listed = gdown.download_folder(url=url, skip_download=True, quiet=True) or ()
            url = next((f"{HOST}uc?id={each.id}" for each in listed if Path(each.path).name == file), "")
        done = url and gdown.download(url=url, output=str(part), quiet=not progress, resume=True)
    except (DownloadError, HTTPError, RuntimeError, ValueError) as error:
        told = words_of(error, 200)
    except OSError as error:
        if error.errno:  # this machine: a full disk, a folder that cannot be written
            raise
        told = words_of(error, 100)
        raise UsageError(f"cannot reach Google Drive ({told}); try again when online, or {by_hand}") from None
    else:
        if done:
            return
        told = "the file is not listed in its folder" if not url else "nothing arrived"
    raise UsageError(
        f"Google Drive does not give {file or 'the file'} ({told}). It refuses what many people fetched that day: try "
        f"again tomorrow, or {by_hand}"
    )
