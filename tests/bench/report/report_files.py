"""Images for a report to show, and reading back what it wrote."""

from __future__ import annotations

import re

import numpy as np

from bench.cell.rows import Picture
from bench.plan import CLEAN, Condition
from bench.run.store import RunFolder
from tsdm_bench.images import write_png

NOISE = Condition("noise_gray", 5, "both")


def table(folder: RunFolder, name: str, title: str = "") -> dict[str, list[str]]:
    """Rows of the first Markdown table whose heading holds ``title``, by their first cell; the head under ``""``."""
    text = (folder.path / f"tables/{name}.md").read_text(encoding="utf-8")
    part = next(part for part in text.split("\n### ")[1:] if title in part.split("\n")[0])
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.split("\n") if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows if not row[0].startswith("---")]
    return {"": cells[0][1:]} | {row[0]: row[1:] for row in cells[1:]}


def text(folder: RunFolder, name: str) -> str:
    return (folder.path / name).read_text(encoding="utf-8")


def store_pictures(folder: RunFolder, images: tuple[str, ...] = ("scene a",), names: tuple[str, ...] = ()) -> None:
    """Noise in place of the images of a run: what they show is no matter here."""
    generator = np.random.default_rng(0)
    for image in images:
        for condition in (CLEAN, NOISE):
            for name in names or ("ir", "vis", "a", "b"):
                pixels = generator.integers(0, 255, (90, 120, 3), dtype=np.uint8)
                write_png(folder.picture_path(Picture(image, *condition, name, b"")), pixels)
