"""Detectors exported to ONNX, run by onnxruntime: ultralytics exports, YOLOv5, YOLOv7 and YOLOX."""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detectors.backends.conventions import RTDETR, Conventions, recognise
from detectors.backends.letterbox import PAD_GREY
from detectors.backends.network import Network
from detectors.class_map import COCO_CLASSES
from tsdm_bench.errors import words_of
from tsdm_bench.onnx_runtime import import_onnxruntime

MAX_STRIDE = 32
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def open_onnx(path: Path, *, device: str, image_size: int) -> Network:
    """Open an ONNX detector; its form is recognised from its metadata and from its output for a grey image.

    It uses as many threads as torch does. The input may be N×3×H×W or N×H×W×3; one exported for a fixed number of
    images gets its batch filled up. Raises ``ValueError`` with one line where the file is no ONNX model, has no such
    input of floats, or gives an output of no known form.
    """
    session = _session(path, device)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in FLOATS or len(inputs[0].shape) != 4:
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise ValueError(f"{path.name}: expected one input of float images N×3×H×W, got {found}; export it so")
    shape = inputs[0].shape
    channels_last = shape[3] == 3 and shape[1] != 3
    channels, *sides = (shape[3], *shape[1:3]) if channels_last else shape[1:]
    if isinstance(channels, int) and channels != 3:
        raise ValueError(f"{path.name}: expected images of 3 channels, N×3×H×W, got {shape}; export it so")
    fixed = all(isinstance(side, int) for side in sides)
    size = (sides[0], sides[1]) if fixed else (image_size, image_size)
    forward = partial(_forward, path, session, channels_last)
    number = shape[0] if isinstance(shape[0], int) else 1
    probe = forward(np.full((number, 3, *size), PAD_GREY / 255, dtype=np.float32))
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    conventions = _conventions(path, probe, size, metadata)
    batched = not isinstance(shape[0], int) and probe.ndim == 3

    def run(images: torch.Tensor) -> list[torch.Tensor]:
        return [torch.from_numpy(output) for output in outputs_of(images.numpy())]

    def outputs_of(batch: np.ndarray) -> list[np.ndarray]:
        if number == 1:
            output = forward(batch)
            return list(output) if output.ndim == 3 else [output]
        outputs = []
        for start in range(0, len(batch), number):
            part = batch[start : start + number]
            output = forward(np.concatenate([part, part[:1].repeat(number - len(part), axis=0)]))
            # without a batch axis the first column of a detection is the number of its image
            split = list(output) if output.ndim == 3 else [output[output[:, 0] == i] for i in range(number)]
            outputs += split[: len(part)]
        return outputs

    labels, stride = _labels(metadata, conventions, probe), None if fixed else MAX_STRIDE
    return Network(labels, conventions, run, size, stride, batched)


def _forward(path: Path, session: Any, channels_last: bool, batch: np.ndarray) -> np.ndarray:
    """The first output, as float32, for N×3×H×W images; ``ValueError`` in one line where the network fails."""
    described = session.get_inputs()[0]
    images = batch.astype(FLOATS[described.type], copy=False)
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1)) if channels_last else images
    try:
        output = session.run(None, {described.name: images})[0]
    except Exception as error:  # onnxruntime's own error types are not public
        raise ValueError(
            f"{path.name} does not run on float images {'×'.join(map(str, images.shape))}: {words_of(error, 300)}"
        ) from None
    return output.astype(np.float32, copy=False)


def _session(path: Path, device: str) -> Any:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    cuda = device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    providers = [*(["CUDAExecutionProvider"] if cuda else []), "CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises a type of its own for every kind of damage
        raise ValueError(
            f"{path.name} is not a readable ONNX model: {words_of(error, 200)}; export or download it again"
        ) from error


def _conventions(path: Path, probe: np.ndarray, size: tuple[int, int], metadata: dict[str, str]) -> Conventions:
    if "rtdetr" in metadata.get("description", "").casefold():
        return RTDETR
    # Ultralytics writes the task, YOLOv5 writes names and stride alone.
    try:
        return recognise(probe.shape, size, torch.from_numpy(probe[..., 0]), from_ultralytics="task" in metadata)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _labels(metadata: dict[str, str], conventions: Conventions, probe: np.ndarray) -> dict[int, str]:
    """Names from the metadata, COCO's for an 80-class network without any, else ``class 0``, ``class 1``…"""
    if "names" in metadata:
        names = ast.literal_eval(metadata["names"])
        return dict(names) if isinstance(names, dict) else dict(enumerate(names))
    if conventions.name == "yolov7-end-to-end":
        return dict(enumerate(COCO_CLASSES))
    number = probe.shape[1] - 4 if conventions.name == "ultralytics" else probe.shape[2] - 5
    return dict(enumerate(COCO_CLASSES if number == len(COCO_CLASSES) else [f"class {i}" for i in range(number)]))
