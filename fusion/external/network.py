"""``file:PATH``: a network as TorchScript, torch.export or ONNX."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.external.contract import Options, external, result_like
from fusion.method import Method, rgb_to_ycbcr, ycbcr_to_rgb
from tsdm_bench.errors import words_of
from tsdm_bench.onnx_runtime import import_onnxruntime
from tsdm_bench.places import place_of

TRIAL_SIDE = 64
AXES = ("height", "width")
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def file_method(path_text: str, name: str | None, options: Options) -> Method:
    """``file:PATH`` of a saved network with two inputs, infrared and visible."""
    path = place_of(path_text)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no network file {path}; file:PATH needs an existing .pt, .ts, .pt2 or .onnx file")
    if path.suffix not in (*TORCH_READERS, ".onnx"):
        raise ValueError(f"{path.name} is no network file; export it as {', '.join(TORCH_READERS)} or .onnx")
    channels = None if "luma" not in options else 1 if options["luma"] else 3
    load = partial(load_onnx if path.suffix == ".onnx" else load_torch, path, channels, options)
    # the loader looks at the network and does the colour itself
    return external(name or path.stem, f"The network {path.name}.", str(path), load, options | {"luma": 0}, code=[path])


def read_torchscript(path: Path, device: torch.device) -> Callable:
    """A TorchScript file, ready to be called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated in torch, and still what authors publish
        return torch.jit.load(str(path), map_location=device).eval()


def read_exported(path: Path, device: torch.device) -> Callable:
    """A file of ``torch.export``, ready to be called."""
    return torch.export.load(str(path)).module().to(device)


TORCH_READERS = {".pt": read_torchscript, ".ts": read_torchscript, ".pt2": read_exported}


def load_torch(
    path: Path, channels: int | None, options: Options, weights: dict[str, Path], device: torch.device
) -> Callable[..., Tensor]:
    """A TorchScript or exported network as a method; ``ValueError`` in one line where the file is none."""
    try:
        network = TORCH_READERS[path.suffix](path, device)
    except Exception as error:  # a file that is something else fails in any way
        raise ValueError(
            f"{path.name} cannot be read as a network ({words_of(error, 200)}); save it with torch.jit (.pt, .ts) or "
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
            errors.append(f"{ir_channels}+{vis_channels} channels: {words_of(error, 200)}")
        else:
            return ir_channels, vis_channels
    raise ValueError(f"the network does not run on a pair of {side}×{side} images ({'; '.join(errors)})")


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
    """An ONNX network as a method; ``ValueError`` in one line where the file is none."""
    onnxruntime = import_onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.log_severity_level = 4
    wanted = (["CUDAExecutionProvider"] if device.type == "cuda" else []) + ["CPUExecutionProvider"]
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(str(path), settings, providers=providers)
    except Exception as error:  # onnxruntime's own error types are not public
        raise ValueError(f"{path.name} is not an ONNX network that can be run: {words_of(error, 200)}") from None
    inputs = [OnnxInput(path.name, described) for described in session.get_inputs()]
    if len(inputs) != 2:
        found = ", ".join(image.name for image in inputs) or "none"
        raise ValueError(f"{path.name}: expected two inputs N×C×H×W, infrared and visible, got {found}")
    if inputs[0].name.lower().startswith("vi") and not inputs[1].name.lower().startswith("vi"):
        inputs = inputs[::-1]
    if inputs[0].number != inputs[1].number:
        raise ValueError(f"{path.name} takes {inputs[0].number} infrared and {inputs[1].number} visible images at once")
    network = partial(run_onnx, session, inputs)
    return partial(fuse_by_network, network, inputs[0].channels or 1, channels or inputs[1].channels or 3)


class OnnxInput:
    """What one input of an ONNX network takes: N×C×H×W or N×H×W×C float images; ``ValueError`` for any other."""

    def __init__(self, file: str, described: Any) -> None:
        self.name, shape = described.name, described.shape
        if described.type not in FLOATS or len(shape) != 4:
            raise ValueError(
                f"{file}: expected float inputs N×C×H×W, infrared and visible; {self.name} is {described.type} {shape}"
            )
        self.dtype = FLOATS[described.type]
        self.channels_last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        number, channels, *sides = (shape[i] for i in ((0, 3, 1, 2) if self.channels_last else (0, 1, 2, 3)))
        if isinstance(channels, int) and channels not in (1, 3):
            raise ValueError(f"{file}: {self.name} takes {channels} channels; expected 1 or 3 (N×C×H×W, got {shape})")
        # a text stands for an axis of any length
        self.number, self.channels = (size if isinstance(size, int) else None for size in (number, channels))
        self.sides = {axis: size for axis, size in zip(AXES, sides, strict=True) if isinstance(size, int)}

    def feed(self, images: Tensor) -> np.ndarray:
        """``images`` N×C×H×W as the network wants them; a batch of a fixed number is filled up."""
        for axis, size in zip(AXES, images.shape[2:], strict=True):
            if self.sides.get(axis, size) != size:
                raise ValueError(
                    f"the network takes images of {axis} {self.sides[axis]} only, the pair has {size}; export it with "
                    "dynamic axes"
                )
        images = images.expand(-1, self.channels or -1, -1, -1)
        if self.number is not None:
            images = torch.cat([images, images[:1].expand(self.number - len(images), -1, -1, -1)])
        images = images.permute(0, 2, 3, 1) if self.channels_last else images
        return images.cpu().contiguous().numpy().astype(self.dtype, copy=False)


def run_onnx(session: Any, inputs: list[OnnxInput], ir: Tensor, vis: Tensor) -> Tensor:
    """The first output of an ONNX network, N×C×H×W float32."""
    output, parts = session.get_outputs()[0].name, []
    step = inputs[0].number or len(ir)
    for start in range(0, len(ir), step):
        images = [whole[start : start + step] for whole in (ir, vis)]
        feed = {described.name: described.feed(part) for described, part in zip(inputs, images, strict=True)}
        try:
            fused = session.run([output], feed)[0]
        except Exception as error:  # onnxruntime's own error types are not public
            shapes = " and ".join("×".join(map(str, array.shape)) for array in feed.values())
            raise ValueError(f"the network does not run on {shapes}: {words_of(error, 300)}") from None
        parts.append(torch.from_numpy(np.asarray(fused, dtype=np.float32))[: len(images[0])])
    fused = torch.cat(parts)
    height_and_width = tuple(ir.shape[2:])
    if fused.ndim == 4 and inputs[0].channels_last and tuple(fused.shape[1:3]) == height_and_width:
        return fused.permute(0, 3, 1, 2)
    return fused
