"""Fuse two folders of images with one method; results are 8-bit PNG of the same names.

The command is resumable: an image that is there and of the same pair and method is kept (the files say what they are
of). A folder that holds images of another method is refused.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bench.cli.options import add_weights_dir

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", required=True, help="a name of `list methods`, or your own (folder:, command:, …)")
    parser.add_argument("--ir", type=Path, required=True, metavar="DIR", help="infrared images")
    parser.add_argument("--vis", type=Path, required=True, metavar="DIR", help="visible images of the same names")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the fused images go")
    parser.add_argument("--overwrite", action="store_true", help="replace whatever is there, of this or another method")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add_weights_dir(parser)


def run(args: argparse.Namespace) -> int:
    from bench import fuse

    fused = fuse(
        args.method,
        args.ir,
        args.vis,
        args.out,
        weights_dir=args.weights_dir,
        device=args.device,
        overwrite=args.overwrite,
    )
    for failure in fused.failures:
        log.error("failed: %s", failure)
    print(f"fused images: {args.out} ({len(fused.written)} written, {len(fused.kept)} kept)")
    return 1 if fused.failures else 0
