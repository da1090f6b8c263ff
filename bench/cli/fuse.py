"""Fuse two folders of images with one method; results are 8-bit PNG of the same names."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from bench.cli.run import add_weights_dir
from tsdm_bench.errors import UsageError, one_line, words_of

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", required=True, help="a name of `list methods`, or your own (folder:, command:, …)")
    parser.add_argument("--ir", type=Path, required=True, metavar="DIR", help="infrared images")
    parser.add_argument("--vis", type=Path, required=True, metavar="DIR", help="visible images of the same names")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the fused images go")
    parser.add_argument("--overwrite", action="store_true", help="fuse again what is already there")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add_weights_dir(parser)


def run(args: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm

    from bench.datasets.files import pair_up
    from bench.methods import find_method, find_weights, obtain
    from bench.run.flow import pick_device
    from fusion.method import prepare
    from tsdm_bench.images import ImageProblem, images_in, quantise, write_png
    from tsdm_bench.names import check_image_name

    for folder in (args.ir, args.vis):
        if not images_in(folder):
            raise UsageError(f"no images in {folder}; give a folder of PNG, JPEG, BMP or TIFF files")
    method = find_method(args.method)
    for reason in obtain([method], args.weights_dir).values():
        raise UsageError(reason)
    device = pick_device(args.device)
    fuse = prepare(method, find_weights(method, args.weights_dir), device)
    pairs = pair_up(images_in(args.ir), images_in(args.vis), scene=str)
    for pair in pairs:
        check_image_name(pair.image)
    failed = 0
    for pair in tqdm(pairs, unit="pair"):
        target = args.out / f"{pair.image}.png"
        if target.exists() and not args.overwrite:
            continue
        try:
            ir, vis = (torch.from_numpy(image).to(device).float() / 255 for image in pair.read())
            key = {"dataset": "folder", "image": pair.image, "factor": "clean", "severity": 0, "modality": "both"}
            fused = quantise(fuse(ir[None, None], vis.permute(2, 0, 1)[None], key))
        except Exception as error:
            cause = words_of(error) if isinstance(error, ImageProblem) else one_line(error)
            log.error("failed: %s: %s", pair.image, cause)
            failed += 1
            continue
        write_png(target, fused)
    print(f"fused images: {args.out}")
    return 1 if failed else 0
