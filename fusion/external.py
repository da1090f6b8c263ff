"""Anybody's own method, from one line of text: a folder of results, a command, a Python object, a network file.

    folder:PATH                  fused images that exist already, found by the name of the pair
    command:TEMPLATE             a program that reads {ir} and {vis} and writes {out}
    shell:TEMPLATE               the same, through the shell
    python:MODULE:CALLABLE       a Python function on tensors, also as MODULE:CALLABLE or FILE.py:CALLABLE
    file:PATH                    a network: TorchScript (.pt, .ts), torch.export (.pt2) or ONNX (.onnx)

Any of them takes a display name in front (``name=folder:PATH``) and options at the end (``?luma=1&multiple=8``).
docs/own_methods.md has an example of each. All of this runs code or reads files that the user named: it is as safe as
they are.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.method import Method, rgb_to_ycbcr, ycbcr_to_rgb

IMAGE_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
TIMEOUT = 600.0
"""Seconds that a command may take for one pair unless ``?timeout=`` says otherwise."""
STDERR_TAIL = 300
"""Characters of a failed command's last words that go into the error."""
TRIAL_SIDE = 64
LARGEST_VALUE = 2.0
"""A result that exceeds this is on another scale than [0, 1]; overshoot of a network stays well below."""

Options = dict[str, float]
SPEC = re.compile(
    r"(?:(?P<name>[\w.+-]+)=)?(?:(?P<kind>folder|command|shell|python|file):)?(?P<rest>.*?)"
    r"(?:\?(?P<options>[a-z]+=[\d.]+(?:&[a-z]+=[\d.]+)*))?",
    re.DOTALL,
)


def parse(spec: str) -> Method:
    """The method that ``spec`` describes (see the head of this module).

    Raises ``ValueError`` or ``FileNotFoundError`` where the text cannot be understood or what it names is not there.
    What goes wrong later, on a pair, is raised by the fusing function.
    """
    match = SPEC.fullmatch(spec.strip())
    kind, rest = match["kind"] or "python", match["rest"]
    if not rest or (kind == "python" and ":" not in rest):
        raise ValueError(
            f"cannot understand the method {spec!r}; expected folder:PATH, command:TEMPLATE, MODULE:CALLABLE or "
            "file:PATH, see docs/own_methods.md"
        )
    build, known = KINDS[kind]
    options = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", match["options"] or "")}
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"{spec!r}: {kind} takes the options {', '.join(known)}, not {', '.join(unknown)}")
    return build(rest, match["name"], options)


def external(name: str, description: str, source: str, load: Callable, options: Options, keyed: bool = False) -> Method:
    """The card of a user's own method."""
    return Method(
        name=name,
        title=name,
        kind="external",
        description=description,
        source=source,
        licence="the user's own",
        luma=bool(options.get("luma", 0)),
        multiple=max(1, int(options.get("multiple", 1))),
        keyed=keyed,
        load=load,
    )


# ---- a folder of results ---------------------------------------------------------------------------------------------


def folder_method(template: str, name: str | None, options: Options) -> Method:
    """``folder:PATH``: PATH is a folder, or a template with {image}, {factor}, {severity}, {modality}, {dataset}."""
    literal, brace, _ = template.partition("{")
    root = Path(literal).expanduser()
    if brace and not literal.endswith("/"):
        root = root.parent
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}; folder:PATH needs the folder that holds the fused images")
    load = partial(load_folder, template)
    return external(name or root.resolve().name, f"Fused images in {template}.", template, load, options, keyed=True)


def load_folder(template: str, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
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
    for word, value in key.items():
        filled = filled.replace(f"{{{word}}}", str(value))
    path = Path(filled).expanduser()
    if path.is_file():
        return path
    return find_by_stem(path.parent, path.name)


def find_by_stem(folder: Path, stem: str) -> Path:
    """The image ``stem`` + any image suffix in ``folder``; lossless formats first."""
    for suffix in IMAGE_SUFFIXES:
        for path in (folder / (stem + suffix), folder / (stem + suffix.upper())):
            if path.is_file():
                return path
    raise FileNotFoundError(f"no fused image {folder / stem} with one of {' '.join(IMAGE_SUFFIXES)}")


def read_image(path: Path) -> Tensor:
    """An 8- or 16-bit image file as 1×1×H×W (grey) or 1×3×H×W (RGB) float32 in [0, 1]; transparency is dropped."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is not an image that can be read; expected 8- or 16-bit PNG, BMP, TIFF or JPEG")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    pixels = pixels[..., 2::-1] if pixels.shape[2] >= 3 else pixels[..., :1]
    scaled = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None]


def result_like(fused: object, ir: Tensor, channels: int) -> Tensor:
    """``fused`` as float32 on the device of ``ir`` if it is a fused image of that pair, else ``ValueError``.

    A colour result becomes luma where the method was given luma (``channels`` 1).
    """
    if not isinstance(fused, Tensor) or not fused.is_floating_point():
        what = f"{fused.dtype} tensor" if isinstance(fused, Tensor) else type(fused).__name__
        raise ValueError(f"expected a float tensor in [0, 1] as the fused image, got {what}; convert the result")
    number, _, height, width = ir.shape
    if fused.ndim != 4 or fused.shape[1] not in (1, 3) or (len(fused), *fused.shape[2:]) != (number, height, width):
        raise ValueError(
            f"the fused image must be {number}×1×{height}×{width} or {number}×3×{height}×{width} (N×C×H×W of the "
            f"pair), got {'×'.join(map(str, fused.shape))}"
        )
    largest = float(fused.max())
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"the fused image has values up to {largest:.4g}; expected [0, 1] (divide 8-bit values by 255)"
        )
    fused = fused.to(ir.device, torch.float32)
    return rgb_to_ycbcr(fused)[0] if channels == 1 and fused.shape[1] == 3 else fused


# ---- a command -------------------------------------------------------------------------------------------------------


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


# ---- a Python object -------------------------------------------------------------------------------------------------


def python_method(target: str, name: str | None, options: Options) -> Method:
    """``MODULE:CALLABLE`` or ``FILE.py:CALLABLE``: ``callable(ir, vis) -> fused`` on tensors, or a ``Method`` card."""
    found = import_object(target)
    if isinstance(found, Method):
        if options:
            raise ValueError(f"{target} is a Method card with its own {' and '.join(options)}; leave the options out")
        return replace(found, name=name or found.name)
    if not callable(found):
        raise ValueError(f"{target} is a {type(found).__name__}; expected a function of (ir, vis) or a Method card")
    load = partial(load_python, target)
    return external(name or target.rpartition(":")[2], f"The Python object {target}.", target, load, options)


def import_object(target: str) -> object:
    """The attribute that ``target`` names; imported once per process."""
    where, _, attribute = target.rpartition(":")
    try:
        module = import_file(Path(where).expanduser()) if where.endswith(".py") else importlib.import_module(where)
    except FileNotFoundError:
        raise
    except Exception as error:  # a user's module may fail in any way
        raise ValueError(
            f"cannot import {where} for the method {target}: {type(error).__name__}: {error}; expected an installed "
            "module, one on PYTHONPATH, or the path of a .py file"
        ) from error
    try:
        for part in attribute.split("."):
            module = getattr(module, part)
    except AttributeError:
        raise ValueError(f"{where} has no {attribute!r}, which the method {target} names") from None
    return module


def import_file(path: Path) -> object:
    """A Python file as a module; files beside it can be imported by it."""
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"no Python file {path}; FILE.py:CALLABLE needs the path of an existing file")
    alias = f"own_method:{path}"
    if alias not in sys.modules:
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))
        spec = importlib.util.spec_from_file_location(alias, path)
        sys.modules[alias] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[alias])
        except BaseException:
            del sys.modules[alias]
            raise
    return sys.modules[alias]


def load_python(target: str, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    function = import_object(target)
    if isinstance(function, torch.nn.Module):
        function = function.to(device).eval()
    return partial(fuse_by_function, function)


def fuse_by_function(function: Callable, ir: Tensor, vis: Tensor) -> Tensor:
    """Call the user's function and check what it returns."""
    return result_like(function(ir, vis), ir, vis.shape[1])


# ---- a network file --------------------------------------------------------------------------------------------------


def file_method(path_text: str, name: str | None, options: Options) -> Method:
    """``file:PATH`` of a saved network with two inputs, infrared and visible."""
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no network file {path}; file:PATH needs an existing .pt, .ts, .pt2 or .onnx file")
    if path.suffix not in (*TORCH_READERS, ".onnx"):
        raise ValueError(f"{path.name} is no network file; export it as {', '.join(TORCH_READERS)} or .onnx")
    channels = None if "luma" not in options else 1 if options["luma"] else 3
    load = partial(load_onnx if path.suffix == ".onnx" else load_torch, path, channels, options)
    # the loader looks at the network and does the colour itself
    return external(name or path.stem, f"The network {path.name}.", str(path), load, options | {"luma": 0})


def read_torchscript(path: Path, device: torch.device) -> Callable:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated in torch, and still what authors publish
        return torch.jit.load(str(path), map_location=device).eval()


def read_exported(path: Path, device: torch.device) -> Callable:
    return torch.export.load(str(path)).module().to(device)


TORCH_READERS = {".pt": read_torchscript, ".ts": read_torchscript, ".pt2": read_exported}


def load_torch(
    path: Path, channels: int | None, options: Options, weights: dict[str, Path], device: torch.device
) -> Callable[..., Tensor]:
    try:
        network = TORCH_READERS[path.suffix](path, device)
    except Exception as error:  # a file that is something else fails in any way
        raise ValueError(
            f"{path.name} cannot be read as a network ({last_line(error)}); save it with torch.jit (.pt, .ts) or "
            "torch.export (.pt2), a state_dict alone holds no network"
        ) from None
    shapes = [(1, 3), (1, 1), (3, 3)] if channels is None else [(1, channels)]
    ir_channels, vis_channels = accepted_channels(network, shapes, int(options.get("multiple", 1)), device)
    return partial(fuse_by_network, network, ir_channels, vis_channels)


@torch.inference_mode()
def accepted_channels(
    network: Callable, shapes: list[tuple[int, int]], multiple: int, device: torch.device
) -> tuple[int, int]:
    """The first of the (infrared, visible) channel numbers that the network runs with, on a small grey pair."""
    side = -(-TRIAL_SIDE // multiple) * multiple
    errors = []
    for ir_channels, vis_channels in shapes:
        ir, vis = (torch.full((1, count, side, side), 0.5, device=device) for count in (ir_channels, vis_channels))
        try:
            network(ir, vis)
        except Exception as error:  # a network may reject its input in any way
            errors.append(f"{ir_channels}+{vis_channels} channels: {last_line(error)}")
        else:
            return ir_channels, vis_channels
    raise ValueError(f"the network does not run on a pair of {side}×{side} images ({'; '.join(errors)})")


def last_line(error: Exception) -> str:
    """The last non-empty line of an error, which names the cause in torch's traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__


def fuse_by_network(network: Callable, ir_channels: int, vis_channels: int, ir: Tensor, vis: Tensor) -> Tensor:
    """Run a network on (ir, visible luma) or (ir, visible RGB); with luma, Cb and Cr of the visible image are kept."""
    y, cb, cr = rgb_to_ycbcr(vis)
    fused = network(ir.expand(-1, ir_channels, -1, -1), y if vis_channels == 1 else vis)
    if isinstance(fused, (tuple, list)) and fused:
        fused = fused[0]
    fused = result_like(fused, ir, vis_channels)
    return ycbcr_to_rgb(fused, cb, cr) if vis_channels == 1 else fused


def load_onnx(
    path: Path, channels: int | None, options: Options, weights: dict[str, Path], device: torch.device
) -> Callable[..., Tensor]:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    wanted = (["CUDAExecutionProvider"] if device.type == "cuda" else []) + ["CPUExecutionProvider"]
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(str(path), settings, providers=providers)
    except Exception as error:  # onnxruntime's own error types are not public
        raise ValueError(f"{path.name} is not an ONNX network that can be run: {last_line(error)}") from None
    inputs = session.get_inputs()
    if len(inputs) != 2 or any(len(i.shape) != 4 or i.type != "tensor(float)" for i in inputs):
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise ValueError(f"{path.name}: expected two float inputs N×C×H×W, infrared and visible, got {found}")
    if inputs[0].name.lower().startswith("vi") and not inputs[1].name.lower().startswith("vi"):
        inputs = inputs[::-1]
    ir_channels, vis_channels = (i.shape[1] if i.shape[1] in (1, 3) else None for i in inputs)
    network = partial(run_onnx, session, inputs)
    return partial(fuse_by_network, network, ir_channels or 1, channels or vis_channels or 3)


def run_onnx(session, inputs: list, ir: Tensor, vis: Tensor) -> Tensor:
    """The first output of an ONNX network."""
    feed = {}
    for described, image in zip(inputs, (ir, vis), strict=True):
        for fixed, got, axis in zip(described.shape[2:], image.shape[2:], ("height", "width"), strict=True):
            if isinstance(fixed, int) and fixed != got:
                raise ValueError(
                    f"the network takes images of {axis} {fixed} only, the pair has {got}; export it with dynamic axes"
                )
        feed[described.name] = image.cpu().contiguous().numpy()
    return torch.from_numpy(session.run([session.get_outputs()[0].name], feed)[0])


KINDS = {
    "folder": (folder_method, ("luma",)),
    "command": (command_method, ("luma", "multiple", "timeout")),
    "shell": (partial(command_method, shell=True), ("luma", "multiple", "timeout")),
    "python": (python_method, ("luma", "multiple")),
    "file": (file_method, ("luma", "multiple")),
}
"""How each kind of specification becomes a method, and the options it takes."""
