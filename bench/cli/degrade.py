"""Write the degraded pairs of a suite as PNG, for methods that run elsewhere (MATLAB, another machine).

The images are byte for byte what the methods of a run see. Under the output folder lie

  {factor}/{severity}/{modality}/ir/{image}.png     infrared, 8-bit grey
  {factor}/{severity}/{modality}/vis/{image}.png    visible, 8-bit RGB
  manifest.jsonl                                    per pair: condition, parameters drawn, seed

with the clean pairs in clean/0/both. Write the fused images to a path made of the same words, such as
RESULTS/{factor}/{severity}/{modality}/{image}.png, and give that pattern back as the method
`folder:RESULTS/{factor}/{severity}/{modality}/{image}.png`.

The command is resumable: what the manifest lists, the folder holds and is of the same pair, seed and factor is not
written again.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bench.cli.options import add_selection, suite_of, whole_number
from tsdm_bench.words import counted

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the images and the manifest go")
    parser.add_argument("--workers", type=whole_number, metavar="N", help="processes (default: one per core)")


def run(args: argparse.Namespace) -> int:
    suite = suite_of(args)

    from bench import degrade
    from bench.manifest import NAME

    written = degrade(suite, args.out, data_root=args.data_root, workers=args.workers)
    for failure in written.failures:
        log.error("failed: %s", failure)
    print(f"{counted(written.pairs, 'pair')} in {args.out}, listed in {args.out / NAME}")
    return 1 if written.failures else 0
