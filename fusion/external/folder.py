"""``folder:PATH``: fused images that exist already."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from degradation.mixed_condition import file_word
from fusion.external.contract import Options, external, read_image, result_like
from fusion.method import Method
from tsdm_bench.images import IMAGE_SUFFIXES, images_in, the_one
from tsdm_bench.places import place_of

if TYPE_CHECKING:  # a specification is understood before torch is imported, which takes seconds
    import torch
    from torch import Tensor


def folder_method(template: str, name: str | None, options: Options) -> Method:
    """``folder:PATH``: PATH is a folder, or a template with {image}, {factor}, {severity}, {modality}, {dataset}."""
    literal, brace, _ = template.partition("{")
    root = place_of(literal)
    if brace and not literal.endswith("/"):
        root = root.parent
    if not os.path.isdir(root):
        raise FileNotFoundError(f"no folder {root}; folder:PATH needs the folder that holds the fused images")
    load = partial(load_folder, template)
    found = partial(stored_result, template)
    return external(
        name or root.resolve().name, f"Fused images in {template}.", template, load, options, result_file=found
    )


def load_folder(template: str, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    """Ready results as a method."""
    return partial(fuse_from_folder, template)


def fuse_from_folder(template: str, ir: Tensor, vis: Tensor, key: dict | None) -> Tensor:
    """The stored result of the pair that ``key`` names; N must be 1."""
    if key is None or len(ir) != 1:
        raise ValueError("a folder of results serves one named pair at a time; got a batch or a pair without a name")
    return result_like(read_image(stored_result(template, key)), ir, vis.shape[1])


def stored_result(template: str, key: dict) -> Path:
    """The file of one pair under one condition; its suffix may be left out of the template."""
    asked = [word for word in ("factor", "severity") if key["severity"]]
    asked += ["modality"] if key["severity"] and key["modality"] != "both" else []
    if lacking := [f"{{{word}}}" for word in asked if f"{{{word}}}" not in template]:
        raise ValueError(
            f"{template} does not tell degraded results apart ({key['factor']} {key['severity']} {key['modality']} was "
            f"asked for); put {' '.join(lacking)} into the path, or run on clean pairs only (--severities 0)"
        )
    filled = template if "{image}" in template else f"{template.rstrip('/')}/{{image}}"
    words = key | {"factor": file_word(key["factor"])}
    filled = re.sub(r"\{(\w+)\}", lambda match: str(words.get(match[1], match[0])), filled)
    path = place_of(filled)
    if os.path.isfile(path):
        return path
    return find_by_stem(path.parent, path.name)


def find_by_stem(folder: Path, stem: str) -> Path:
    """The one file ``stem`` + an image suffix in ``folder``; raises ``ImageProblem`` where there are several."""
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    files = _listed(folder, changed).get(stem) or images_in(folder).get(stem)  # a clock may be too slow to tell
    if not files:
        raise FileNotFoundError(f"no fused image {folder / stem} with one of {' '.join(IMAGE_SUFFIXES)}")
    return the_one(files)


@lru_cache(maxsize=64)
def _listed(folder: Path, changed: int) -> dict[str, tuple[Path, ...]]:
    """The images of a folder, read again when it has ``changed``: a run asks for thousands of them one by one."""
    return images_in(folder)
