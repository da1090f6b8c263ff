"""The list of what lies in a folder of images that a command wrote, and what each is of: ``manifest.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_atomically

NAME = "manifest.jsonl"
Key = TypeVar("Key", bound=str | tuple[Any, ...])


class Manifest(Generic[Key]):
    """Entries by key. Each is written at once and counts when its line is whole; :meth:`close` sorts the file, so that
    it is the same whatever the number of workers and interruptions.

    Raises ``UsageError`` where the file in ``folder`` is not such a list (``key`` of an entry fails on it).
    """

    def __init__(self, folder: Path, key: Callable[[dict], Key], command: str) -> None:
        self.path, self.key, self.entries = folder / NAME, key, dict[Key, dict]()
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a crash
            try:
                self.entries[key(entry)] = entry
            except (KeyError, TypeError):
                raise UsageError(f"{self.path} is not a manifest of `{command}`; choose another --out") from None
        self._open_ended = bool(text) and not text.endswith("\n")

    def add(self, entry: dict) -> None:
        """Note an entry in memory and, as one line, at the end of the file."""
        self.entries[self.key(entry)] = entry
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(("\n" if self._open_ended else "") + _line(entry))
        self._open_ended = False

    def close(self) -> None:
        """Write the file anew, sorted by key, whole or not at all."""
        text = "".join(_line(self.entries[key]) for key in sorted(self.entries))
        write_atomically(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _line(entry: dict) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"
