"""Downloading files: with progress, resumed where it broke off, in place only with the right checksum."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.location import cache_dir, candidates, locate, remedy, sha256

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 18
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416


def fetch(file: WeightFile, weights_dir: Path | None = None, *, progress: bool = True) -> Path:
    """Path of a weight file, downloaded to the cache where no place has it yet.

    Raises ``ValueError`` for a checksum that does not match the card and whatever :func:`receive` raises; what had
    arrived stays in the cache as ``*.part`` and the next call goes on from there.
    """
    name = file.name
    if any(path.is_file() for path in candidates(file, weights_dir)):
        return locate(file, weights_dir)
    if not file.urls:
        raise FileNotFoundError(f"{name} has no address to download from; {remedy(file)}")
    target = cache_dir() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{name}.{file.sha256[:8]}.part")
    by_hand = f"put the file in --weights-dir under that name (from {file.source})"
    url = receive(name, file.urls, part, by_hand, size=file.bytes, progress=progress)
    found = sha256(part)
    if found != file.sha256:
        part.unlink()
        raise ValueError(
            f"{name} from {url} has sha256 {found[:12]}…, expected {file.sha256[:12]}…; nothing was kept: "
            f"try again, or put the right file in --weights-dir"
        )
    os.replace(part, target)
    return target


def receive(
    name: str, urls: Iterable[str], part: Path, by_hand: str, *, size: int | None = None, progress: bool = True
) -> str:
    """Complete ``part`` from the first of ``urls`` that delivers; returns that address.

    ``size`` is the length in bytes where it is known. Raises ``FileNotFoundError`` where a server answers but refuses
    the file (status and address are named, 404 and 403 for example), and ``ConnectionError`` where no server answers
    or the connection breaks off: then this machine may be offline. Both end with ``by_hand``, the other way to get it.
    """
    refused, unreachable = [], []
    for url in urls:
        try:
            _append(url, part, size, name, progress)
            return url
        except HTTPError as error:
            refused.append(f"{url} answers {error.code} {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            unreachable.append(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}")
    if refused:
        raise FileNotFoundError(f"cannot download {name}: {'; '.join(refused + unreachable)}; {by_hand}")
    raise ConnectionError(f"cannot download {name} ({'; '.join(unreachable)}); try again when online, or {by_hand}")


def _append(url: str, part: Path, size: int | None, name: str, progress: bool) -> None:
    """Append to ``part`` what it still lacks of ``url``, or write it anew where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()
        raise URLError("the server has nothing beyond the part at hand, which was removed") from error
    with response, part.open("ab" if response.status == PARTIAL else "wb") as stream:
        if response.status != PARTIAL:
            have = 0
        if size is None and response.length is not None:
            size = have + response.length
        with tqdm(total=size, initial=have, unit="B", unit_scale=True, desc=name, disable=not progress) as bar:
            while chunk := response.read(CHUNK_BYTES):
                stream.write(chunk)
                bar.update(len(chunk))
                if size is not None and stream.tell() > size:
                    break
    if size is not None and part.stat().st_size < size:
        raise URLError(f"the connection closed after {part.stat().st_size} of {size} bytes")
