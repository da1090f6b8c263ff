"""The card of a weight file: where it comes from, how to recognise it, and under which terms it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tsdm_bench.cards import Card


@dataclass(frozen=True, kw_only=True)
class WeightFile(Card):
    """One file of published or own weights; its name is the one that it has in a weights directory.

    It is part of the card of whatever reads it: a method or a detector.
    """

    title: str = ""
    bytes: int = 0
    sha256: str = ""
    """Hexadecimal; empty, with ``bytes`` 0, where no fixed file is known: any file of that name is then taken."""
    urls: tuple[str, ...] = ()
    """Tried in order; empty where the file can only be put in place by hand."""
    folder: Path | None = None
    """The folder of its package that the file comes with; None where it is not packaged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.urls and not self.sha256:
            raise ValueError(f"weight card {self.name} has an address but no sha256; nothing is downloaded unchecked")


def github_file(
    repository: str, commit: str, path: str, *, name: str, bytes: int, sha256: str, licence: str
) -> WeightFile:
    """The card of one file of a GitHub repository at one commit, called ``name`` here.

    >>> file = github_file("me/net", "abc", "the best.pth", name="net.pth", bytes=7, sha256="0" * 64, licence="MIT")
    >>> file.urls[0]
    'https://raw.githubusercontent.com/me/net/abc/the%20best.pth'
    """
    return WeightFile(
        name=name,
        bytes=bytes,
        sha256=sha256,
        licence=licence,
        source=f"github.com/{repository} at {commit[:8]}, {path}",
        urls=(
            f"https://raw.githubusercontent.com/{repository}/{commit}/{quote(path)}",
            f"https://github.com/{repository}/raw/{commit}/{quote(path)}",  # also serves large-file storage
        ),
    )
