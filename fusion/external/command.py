"""``command:TEMPLATE`` and ``shell:TEMPLATE``: a program that is run for each pair."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.external.contract import Options, external, read_image, result_like
from fusion.method import Method
from tsdm_bench.errors import printable, words_of
from tsdm_bench.images import encode_png, images_in

if TYPE_CHECKING:  # a specification is understood before torch is imported, which takes seconds
    import torch
    from torch import Tensor

TIMEOUT = 600.0
"""Seconds that a command may take for one pair unless ``?timeout=`` says otherwise."""


STDERR_TAIL = 300
"""Characters of a failed command's last words that go into the error."""
STDERR_SECONDS = 1.0
"""How long the last words are waited for where something that left the session of the command keeps stderr open."""
MOST_BYTES_A_PIXEL, HEAD_BYTES = 16, 1 << 20
"""A larger result is none: 16-bit RGBA without compression has 8 bytes a pixel."""


def command_method(template: str, name: str | None, options: Options, shell: bool = False) -> Method:
    """``command:TEMPLATE`` with {ir} {vis} {out} (files), or {ir_dir} {vis_dir} {out_dir} (folders of one image)."""
    for word in ("ir", "vis", "out"):
        if f"{{{word}}}" not in template and f"{{{word}_dir}}" not in template:
            raise ValueError(f"the command {template!r} lacks {{{word}}} (or {{{word}_dir}}): where to put the path?")
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise ValueError(f"the command {template!r} cannot be split into words: {words_of(error).lower()}") from None
    if not shell and not shutil.which(words[0]):
        raise FileNotFoundError(f"no program {words[0]!r}; check the command, or its PATH")
    files = [word for word in words if os.path.isfile(word)]  # not Path.is_file: a word may be too long for a path
    script = next((word for word in words[1:] if word in files), words[0])
    load = partial(load_command, template, shell, options.get("timeout", TIMEOUT))
    code = map(Path, files)  # the script, its weights
    return external(name or Path(script).stem, "A command run for each pair.", template, load, options, code=code)


def shell_method(template: str, name: str | None, options: Options) -> Method:
    """``shell:TEMPLATE``: a command that the shell runs."""
    return command_method(template, name, options, shell=True)


def load_command(
    template: str, shell: bool, timeout: float, weights: dict[str, Path], device: torch.device
) -> Callable[..., Tensor]:
    """A program as a method; it is started for each pair."""
    return partial(fuse_by_command, template, shell, timeout)


def fuse_by_command(template: str, shell: bool, timeout: float, ir: Tensor, vis: Tensor) -> Tensor:
    """Write each pair as 8-bit PNG, run the command, read its result."""
    import torch

    fused = []
    for index in range(len(ir)):
        # what a program leaves behind may be hard to remove, which is no reason to lose its result
        with tempfile.TemporaryDirectory(prefix="tsdm-bench-", ignore_cleanup_errors=True) as work:
            paths = {word: Path(os.path.realpath(work), word, "pair.png") for word in ("ir", "vis", "out")}
            for path in paths.values():
                path.parent.mkdir()
            write_image(paths["ir"], ir[index])
            write_image(paths["vis"], vis[index])
            run_command(template, shell, timeout, paths)
            fused.append(read_image(only_image(paths["out"].parent, ir[index][0].numel())))
    return result_like(torch.cat(fused), ir, vis.shape[1])


def only_image(folder: Path, pixels: int) -> Path:
    """The one image of about so many pixels that a command wrote; its file is not opened yet."""
    found = [path for files in images_in(folder).values() for path in files]
    if len(found) != 1:
        names = [printable(path.name) for path in sorted(folder.iterdir())[:5]]
        told = ", ".join(names) or "nothing"
        raise RuntimeError(f"the command should write one image to {{out}}; it ended well and wrote {told}")
    path = found[0]
    name, status = printable(path.name), path.lstat()
    if not stat.S_ISREG(status.st_mode) or os.path.realpath(path) != str(path):
        raise RuntimeError(f"the command should write an image file to {{out}}; {name} is a link, pipe or folder")
    if status.st_size > MOST_BYTES_A_PIXEL * pixels + HEAD_BYTES:
        raise RuntimeError(f"the command wrote {name} of {status.st_size:,} bytes for a pair of {pixels:,} pixels")
    return path


def write_image(path: Path, image: Tensor) -> None:
    """A C×H×W image in [0, 1] as 8-bit PNG."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    path.write_bytes(encode_png(pixels if pixels.shape[2] == 3 else pixels[..., 0]))


def run_command(template: str, shell: bool, timeout: float, paths: dict[str, Path]) -> None:
    """Run the command on these paths; ``RuntimeError`` with its last words where it fails or is too slow.

    When it ends or its time is up, whatever it started is stopped, unless that left its session.
    """
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
        start_new_session=True,
    )
    tail = bytearray()
    # A thread of its own: a flood must not fill the pipe, and what outlives the command must not keep us waiting.
    reader = threading.Thread(target=keep_tail, args=(process.stderr, tail), daemon=True)
    reader.start()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"the command took more than {timeout:g} s and was stopped; allow more by ?timeout=SECONDS"
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that ended
            os.killpg(process.pid, signal.SIGKILL)  # the command and whatever it started
        process.wait()
        reader.join(STDERR_SECONDS)
    if process.returncode:
        last_words = tail.decode(errors="replace").strip()[-STDERR_TAIL:] or "it said nothing on stderr"
        raise RuntimeError(f"the command ended with status {process.returncode}: {words_of(last_words)}")


def keep_tail(stream: BufferedReader, tail: bytearray) -> None:
    """Read ``stream`` to its end and leave its last bytes in ``tail``."""
    with stream:
        while chunk := stream.read1(1 << 16):
            tail += chunk
            del tail[: -4 * STDERR_TAIL]
