"""Two folders of images fused by one method to 8-bit PNG files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from bench.datasets.files import pair_up
from bench.datasets.folder import FOLDER
from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights, obtain
from bench.plan import CLEAN
from bench.run.identities import method_facts, pair_facts, result_identity
from bench.run.record import digest
from bench.unfused import Unfused, no_image
from fusion.method import prepare
from tsdm_bench.device import compute_in_float32, pick_device
from tsdm_bench.errors import UsageError, one_line, words_of
from tsdm_bench.files import refuse_unwritable_folder, write_atomically
from tsdm_bench.images import ImageProblem, images_in
from tsdm_bench.names import check_image_name
from tsdm_bench.tensors import as_batch, as_float, quantise

MARK = "TSDM-Bench"
"""The keyword of the text chunk."""


class Fused(NamedTuple):
    """What lies in a folder of fused images, by name, and one line for each pair that failed."""

    written: list[str]
    kept: list[str]
    failures: list[str]


def fuse_folders(
    method: str,
    ir: Path,
    vis: Path,
    out: Path,
    *,
    weights_dir: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> Fused:
    """Fuse the images of ``ir`` and ``vis`` that have one name; the result is ``out``/NAME.png.

    Each file says what it is of (a text chunk of the PNG): one that is of the same pair and method is kept, one of a
    pair or method that changed since is fused again. Raises ``UsageError`` where nothing can be fused, and where
    ``out`` holds images of another method or of unknown origin, unless ``overwrite`` is given.
    """
    for folder in (ir, vis):
        if not images_in(folder):
            raise UsageError(f"no images in {folder}; give a folder of PNG, JPEG, BMP or TIFF files")
    card, place = find_method(method), pick_device(device)
    if isinstance(card, Unfused):
        raise no_image(card.name)
    if card.knows_condition:
        raise UsageError(
            f"{card.name} is told how the pair was degraded, which only a run knows; name a restorer that is not "
            f"(`run_bench.py list restorers`)"
        )
    for reason in obtain([card], weights_dir).values():
        raise UsageError(reason)
    refuse_unwritable_folder(out, "--out")
    pairs = pair_up(images_in(ir), images_in(vis), scene=str)
    for pair in pairs:
        check_image_name(pair.image)
    identities = _identities(pairs, method, weights_dir)
    known = {pair.image: _mark(out / f"{pair.image}.png") for pair in pairs}
    if not overwrite:
        _refuse_others(out, known, card.name)
    out.mkdir(parents=True, exist_ok=True)
    compute_in_float32()
    fuse = prepare(card, find_weights(card, weights_dir), place)
    result = Fused([], [], [])
    for pair in tqdm(pairs, unit="pair"):
        mark = f"{card.name} {identities[pair.image]}"
        if known[pair.image] == mark and not overwrite:
            result.kept.append(pair.image)
            continue
        try:
            fused = _fused(pair, fuse, place)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a method may fail in any way
            cause = words_of(error) if isinstance(error, ImageProblem) else one_line(error)
            result.failures.append(f"{pair.image}: {cause}")
            continue
        _write(out / f"{pair.image}.png", fused, mark)
        result.written.append(pair.image)
    return result


def _write(path: Path, fused: np.ndarray, mark: str) -> None:
    text = PngInfo()
    text.add_text(MARK, mark)
    write_atomically(path, lambda to: Image.fromarray(fused).save(to, "PNG", pnginfo=text, compress_level=3))


def _mark(path: Path) -> str | None:
    """What a file of ours is of, as METHOD IDENTITY; empty for any other file, None where there is none."""
    if not path.exists():
        return None
    try:
        with Image.open(path) as image:
            return str(image.info.get(MARK, ""))
    except (OSError, ValueError, SyntaxError):
        return ""


def _identities(pairs: list[Pair], method: str, weights_dir: Path | None) -> dict[str, str]:
    facts, of_method, card = pair_facts(pairs, FOLDER), method_facts(method, weights_dir).identity, find_method(method)
    return {
        pair.image: digest([facts[pair.image].content, of_method, result_identity(card, _key(pair))]) for pair in pairs
    }


def _refuse_others(out: Path, known: Mapping[str, str | None], name: str) -> None:
    methods = {mark.partition(" ")[0] for mark in known.values() if mark}
    if others := methods - {name}:
        raise UsageError(
            f"{out} holds images of the method {', '.join(sorted(others))}; give another --out for {name}, or "
            f"--overwrite to replace them"
        )
    if unknown := [image for image, mark in known.items() if mark == ""]:
        raise UsageError(
            f"{out} holds images that this command did not write ({unknown[0]}.png, {len(unknown)} in all); give "
            f"another --out, or --overwrite to replace them"
        )


def _key(pair: Pair) -> dict:
    return {"dataset": FOLDER.name, "image": pair.image, **CLEAN._asdict()}


def _fused(pair: Pair, fuse: Callable, device: str) -> np.ndarray:
    ir, vis = (as_float(as_batch(image, device=device)) for image in pair.read())
    return quantise(fuse(ir, vis, _key(pair)))
