"""``command:TEMPLATE`` and ``shell:TEMPLATE``: a program that is run for each pair."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.external.contract import IMAGE_SUFFIXES, Options, external, read_image, result_like
from fusion.method import Method

TIMEOUT = 600.0
"""Seconds that a command may take for one pair unless ``?timeout=`` says otherwise."""


STDERR_TAIL = 300
"""Characters of a failed command's last words that go into the error."""


def command_method(template: str, name: str | None, options: Options, shell: bool = False) -> Method:
    """``command:TEMPLATE`` with {ir} {vis} {out} (files), or {ir_dir} {vis_dir} {out_dir} (folders of one image)."""
    for word in ("ir", "vis", "out"):
        if f"{{{word}}}" not in template and f"{{{word}_dir}}" not in template:
            raise ValueError(f"the command {template!r} lacks {{{word}}} (or {{{word}_dir}}): where to put the path?")
    words = shlex.split(template)
    if not shell and not shutil.which(words[0]):
        raise FileNotFoundError(f"no program {words[0]!r}; check the command, or its PATH")
    script = next((word for word in words[1:] if Path(word).is_file()), words[0])
    load = partial(load_command, template, shell, options.get("timeout", TIMEOUT))
    return external(name or Path(script).stem, "A command run for each pair.", template, load, options)


def load_command(
    template: str, shell: bool, timeout: float, weights: dict[str, Path], device: torch.device
) -> Callable[..., Tensor]:
    return partial(fuse_by_command, template, shell, timeout)


def fuse_by_command(template: str, shell: bool, timeout: float, ir: Tensor, vis: Tensor) -> Tensor:
    """Write each pair as 8-bit PNG, run the command, read its result."""
    fused = []
    for index in range(len(ir)):
        with tempfile.TemporaryDirectory(prefix="tsdm-bench-") as work:
            paths = {word: Path(work, word, "pair.png") for word in ("ir", "vis", "out")}
            for path in paths.values():
                path.parent.mkdir()
            write_image(paths["ir"], ir[index])
            write_image(paths["vis"], vis[index])
            run_command(template, shell, timeout, paths)
            fused.append(read_image(only_image(paths["out"].parent)))
    return result_like(torch.cat(fused), ir, vis.shape[1])


def only_image(folder: Path) -> Path:
    """The one image that a command wrote."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    if len(found) != 1:
        names = ", ".join(path.name for path in folder.iterdir()) or "nothing"
        raise RuntimeError(f"the command should write one image to {{out}}; it ended well and wrote {names}")
    return found[0]


def write_image(path: Path, image: Tensor) -> None:
    """A C×H×W image in [0, 1] as 8-bit PNG."""
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., ::-1]))


def run_command(template: str, shell: bool, timeout: float, paths: dict[str, Path]) -> None:
    """Run the command on these paths; ``RuntimeError`` with its last words where it fails or is too slow."""
    quote = shlex.quote if shell else str
    places = {f"{{{word}}}": quote(str(path)) for word, path in paths.items()}
    places |= {f"{{{word}_dir}}": quote(str(path.parent)) for word, path in paths.items()}

    def filled(text: str) -> str:
        return re.sub(r"\{\w+\}", lambda match: places.get(match[0], match[0]), text)

    command = filled(template) if shell else [filled(word) for word in shlex.split(template)]
    process = subprocess.Popen(
        command,
        shell=shell,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, words = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"the command took more than {timeout:g} s and was stopped; allow more by ?timeout=SECONDS"
        ) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # the command and whatever it started
            process.communicate()
    if process.returncode:
        last_words = words.strip()[-STDERR_TAIL:] or "it said nothing on stderr"
        raise RuntimeError(f"the command ended with status {process.returncode}: {last_words}")
