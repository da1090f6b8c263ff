"""Downloading files: with progress, resumed where it broke off, in place only with the right checksum."""

from __future__ import annotations

import http.client
import os
import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from tsdm_bench.errors import words_of
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.location import cache_dir, candidates, locate, remedy, sha256

TIMEOUT_SECONDS = 30
"""Between two bytes."""
WINDOW_SECONDS = 60
SLOWEST = 2000
"""Bytes a second, over a window; a file of 1 MB would take more than eight minutes."""
CHUNK_BYTES = 1 << 18
NETWORK_ERRORS = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
"""An ``OSError`` of another kind is one of this machine: a full disk, a folder that cannot be written."""
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416


def fetch(file: WeightFile, weights_dir: Path | None = None, *, progress: bool = True) -> Path:
    """Path of a weight file, downloaded to the cache where no place has it yet.

    Raises what :func:`receive` raises: ``ValueError`` where no address has the bytes of the card. What had arrived when
    a connection broke off stays in the cache as ``*.part`` and the next call goes on from there.
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
    receive(name, file.urls, part, by_hand, size=file.bytes, check=partial(_wrong, file), progress=progress)
    os.replace(part, target)
    return target


def _wrong(file: WeightFile, path: Path) -> str:
    """What is wrong with a file that arrived; empty where it is that of the card."""
    found = sha256(path)
    return "" if found == file.sha256 else f"has sha256 {found[:12]}…, expected {file.sha256[:12]}…"


def receive(
    name: str,
    urls: Iterable[str],
    part: Path,
    by_hand: str,
    *,
    size: int | None = None,
    largest: int | None = None,
    check: Callable[[Path], str] = lambda path: "",
    progress: bool = True,
) -> str:
    """Complete ``part`` from the first of ``urls`` that delivers the right bytes; returns that address.

    ``size`` is the length in bytes where it is known, ``largest`` what it can be at most; nothing is read beyond.
    ``check`` says what is wrong with a complete file, or nothing: a wrong one is removed and the next address tried.

    Raises ``ValueError`` where a server gave wrong bytes and no other the right ones, ``FileNotFoundError`` where a
    server answers but refuses the file (status and address are named, 404 and 403 for example), and ``ConnectionError``
    where no server answers, or the connection breaks off or all but stands still: then this machine may be offline. All
    end with ``by_hand``, the other way to get it. Any other ``OSError`` says that ``part`` cannot be written.
    """
    wrong, refused, unreachable = [], [], []
    for url in urls:
        # what an earlier try left may be wrong: then once more from the beginning
        for _ in range(2 if part.exists() else 1):
            try:
                _append(url, part, size, largest, name, progress)
                problem = check(part)
            except HTTPError as error:
                refused.append(f"{url} answers {error.code} {words_of(error.reason or '', 100)}")
                break
            except _TooLong as error:
                problem = str(error)
            except NETWORK_ERRORS as error:
                unreachable.append(f"{url}: {words_of(getattr(error, 'reason', None) or error, 200)}")
                break
            if not problem:
                return url
            part.unlink(missing_ok=True)
        else:
            wrong.append(f"{url} {problem}")
    told = "; ".join([*wrong, *refused, *unreachable])
    if wrong:
        raise ValueError(f"cannot download {name}: {told}; nothing was kept: try again, or {by_hand}")
    if refused:
        raise FileNotFoundError(f"cannot download {name}: {told}; {by_hand}")
    raise ConnectionError(f"cannot download {name} ({told}); try again when online, or {by_hand}")


class _TooLong(Exception):
    """What a server sends is longer than the file can be."""


def _append(url: str, part: Path, size: int | None, largest: int | None, name: str, progress: bool) -> None:
    """Append to ``part`` what it still lacks of ``url``, or write it anew where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return
    response = _open(Request(url, headers={"Range": f"bytes={have}-"} if have else {}), part)
    goes_on = response.status == PARTIAL
    if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        response.close()
        raise URLError("the server sends another part than it was asked for")
    with response, part.open("ab" if goes_on else "wb") as stream:
        have = have if goes_on else 0
        told = None if response.length is None else have + response.length
        most = size if size is not None else largest
        if most is not None and told is not None and told > most:
            raise _TooLong(f"has {told:,} bytes, expected {'' if size else 'at most '}{most:,}")
        with tqdm(total=size or told, initial=have, unit="B", unit_scale=True, desc=name, disable=not progress) as bar:
            for chunk in _chunks(response):
                stream.write(chunk)
                bar.update(len(chunk))
                if most is not None and stream.tell() > most:
                    raise _TooLong(f"goes on after {most:,} bytes, where it should end")
        got = stream.tell()
    if got < (size or told or 0):
        raise URLError(f"the connection closed after {got} of {size or told} bytes")


def _open(request: Request, part: Path) -> http.client.HTTPResponse:
    """The answer to a request; its head must be there in time, however slowly it comes."""
    answer: queue.Queue = queue.Queue()

    def ask() -> None:
        try:
            answer.put(urlopen(request, timeout=TIMEOUT_SECONDS))
        except Exception as error:
            answer.put(error)

    # a thread: urllib's own limit is for each byte, and a head of a byte a second would never end
    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=2 * TIMEOUT_SECONDS)
    except queue.Empty:
        raise URLError(f"no answer within {2 * TIMEOUT_SECONDS} s") from None
    if isinstance(response, HTTPError) and response.code == RANGE_NOT_SATISFIABLE:
        part.unlink()
        raise URLError("the server has nothing beyond the part at hand, which was removed") from response
    if isinstance(response, Exception):
        raise response
    return response


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives, as it arrives; ``URLError`` where it is less than :data:`SLOWEST` over :data:`WINDOW_SECONDS`."""
    began, got = time.monotonic(), 0
    while chunk := response.read1(CHUNK_BYTES):  # not read(), which waits for the whole chunk
        yield chunk
        got += len(chunk)
        passed = time.monotonic() - began
        if passed > WINDOW_SECONDS:
            if got < SLOWEST * passed:
                raise URLError(f"the server sends {got / passed:.0f} bytes a second, which is as good as nothing")
            began, got = time.monotonic(), 0
