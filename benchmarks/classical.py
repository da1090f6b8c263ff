"""Milliseconds of each classical method for one 1024×768 pair on one core.

    python -m benchmarks.classical [--repeats 5] [--json FILE]

CPU time of the process, best of the repeats, for luma fusion with colour conversion included.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import time
from pathlib import Path

import cv2
import torch

import fusion.classical
from fusion.method import Method, prepare

HEIGHT, WIDTH = 768, 1024


def pair(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Two different smooth random scenes with fine texture, 1×1×H×W and 1×3×H×W, on 8-bit levels."""

    def scene(channels: int) -> torch.Tensor:
        blobs = torch.rand(1, channels, HEIGHT // 64, WIDTH // 64, generator=generator)
        smooth = torch.nn.functional.interpolate(blobs, size=(HEIGHT, WIDTH), mode="bicubic")
        texture = torch.rand(1, channels, HEIGHT, WIDTH, generator=generator)
        return ((0.85 * smooth + 0.15 * texture).clamp(0, 1) * 255).round() / 255

    return scene(1), scene(3)


def cards() -> dict[str, Method]:
    """The classical methods and the sources, by name."""
    names = [info.name for info in pkgutil.iter_modules(fusion.classical.__path__, "fusion.classical.")]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return {card.name: card for card in values if isinstance(card, Method)}


def milliseconds(method: Method, ir: torch.Tensor, vis: torch.Tensor, repeats: int) -> float:
    """Best CPU time of ``repeats`` fusions, after one that warms up."""
    fuse = prepare(method)
    fuse(ir, vis)
    times = []
    for _ in range(repeats):
        start = time.process_time()
        fuse(ir, vis)
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the times to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    ir, vis = pair(torch.Generator().manual_seed(0))
    times = {}
    for name, card in sorted(cards().items()):
        times[name] = round(milliseconds(card, ir, vis, arguments.repeats), 1)
        print(f"{name:20s} {times[name]:8.1f} ms", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"size": [WIDTH, HEIGHT], "cpu_milliseconds": times}, indent=1) + "\n")


if __name__ == "__main__":
    main()
