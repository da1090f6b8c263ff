"""Reading back what a report wrote."""

from __future__ import annotations

import re

from bench.run.store import RunFolder


def table(folder: RunFolder, name: str, title: str = "") -> dict[str, list[str]]:
    """Rows of the first Markdown table whose heading holds ``title``, by their first cell; the head under ``""``."""
    text = (folder.path / f"tables/{name}.md").read_text(encoding="utf-8")
    part = next(part for part in text.split("\n### ")[1:] if title in part.split("\n")[0])
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.split("\n") if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows if not row[0].startswith("---")]
    return {"": cells[0][1:]} | {row[0]: row[1:] for row in cells[1:]}


def text(folder: RunFolder, name: str) -> str:
    return (folder.path / name).read_text(encoding="utf-8")
