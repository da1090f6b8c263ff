"""Downloading weight files: with progress, resumed where it broke off, in place only with the right checksum."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from fusion.weights.card import WeightFile, card
from fusion.weights.location import cache_dir, candidates, locate, remedy, sha256

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 18
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416


def fetch(name: str, weights_dir: Path | None = None, *, progress: bool = True) -> Path:
    """Path of the weight file ``name``, downloaded to the cache where no place has it yet.

    Raises ``ValueError`` for a checksum that does not match the card and ``ConnectionError`` where no address of the
    card delivers the file; what had arrived stays in the cache as ``*.part`` and the next call goes on from there.
    """
    file = card(name)
    if any(path.is_file() for path in candidates(file, weights_dir)):
        return locate(name, weights_dir)
    if not file.urls:
        raise FileNotFoundError(f"{name} has no address to download from; {remedy(file)}")
    target = cache_dir() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{name}.{file.sha256[:8]}.part")
    reasons = []
    for url in file.urls:
        try:
            _download(url, part, file, progress)
            break
        except (URLError, OSError, http.client.HTTPException) as error:
            reasons.append(str(getattr(error, "reason", None) or error))
    else:
        raise ConnectionError(
            f"cannot download {name} from {file.urls[0]} ({'; '.join(dict.fromkeys(reasons))}); try again when online, "
            f"or put the file in --weights-dir under that name"
        )
    found = sha256(part)
    if found != file.sha256:
        part.unlink()
        raise ValueError(
            f"{name} from {url} has sha256 {found[:12]}…, expected {file.sha256[:12]}…; nothing was kept: "
            f"try again, or put the right file in --weights-dir"
        )
    os.replace(part, target)
    return target


def _download(url: str, part: Path, file: WeightFile, progress: bool) -> None:
    """Append to ``part`` what it still lacks of ``url``, or write it anew where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    if have >= file.bytes:
        return
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()
        raise URLError("the server has a shorter file than the part at hand, which was removed") from error
    with response, part.open("ab" if response.status == PARTIAL else "wb") as stream:
        if response.status != PARTIAL:
            have = 0
        with tqdm(
            total=file.bytes, initial=have, unit="B", unit_scale=True, desc=file.name, disable=not progress
        ) as bar:
            while chunk := response.read(CHUNK_BYTES):
                stream.write(chunk)
                bar.update(len(chunk))
                if stream.tell() > file.bytes:
                    break
    if part.stat().st_size < file.bytes:
        raise URLError(f"the connection closed after {part.stat().st_size} of {file.bytes} bytes")
