"""``file:PATH``: a network as TorchScript, torch.export or ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from fusion.external.contract import Options, external, last_line, result_like
from fusion.method import Method, rgb_to_ycbcr, ycbcr_to_rgb

TRIAL_SIDE = 64


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
