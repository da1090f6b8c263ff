"""Detectors exported to ONNX, run by onnxruntime: ultralytics exports, YOLOv5, YOLOv7 and YOLOX."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import torch

from detectors.backends.layouts import RTDETR, Layout, recognise
from detectors.backends.letterbox import PAD_GREY
from detectors.backends.network import Network
from detectors.class_map import COCO_CLASSES

MAX_STRIDE = 32


def open_onnx(path: Path, *, device: str, image_size: int) -> Network:
    """Open an ONNX detector; its form is recognised from its metadata and from its output for a grey image.

    It uses as many threads as torch does. Raises ``ValueError`` with one line where the file is no ONNX model, has no
    image input, or gives an output of no known form.
    """
    session = _session(path, device)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ValueError(f"{path.name}: expected one image input N×3×H×W, found {[(i.name, i.shape) for i in inputs]}")
    name, shape = inputs[0].name, inputs[0].shape
    fixed = isinstance(shape[2], int) and isinstance(shape[3], int)
    size = (shape[2], shape[3]) if fixed else (image_size, image_size)
    kind = np.float16 if inputs[0].type == "tensor(float16)" else np.float32

    def forward(batch: np.ndarray) -> np.ndarray:
        return session.run(None, {name: batch.astype(kind, copy=False)})[0].astype(np.float32, copy=False)

    probe = forward(np.full((1, 3, *size), PAD_GREY / 255, dtype=np.float32))
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    layout = _layout(path, probe, size, metadata)
    batched = not isinstance(shape[0], int) and probe.ndim == 3

    def run(batch: np.ndarray) -> list[np.ndarray]:
        output = forward(batch)
        return list(output) if output.ndim == 3 else [output]

    return Network(_labels(metadata, layout, probe), layout, run, size, None if fixed else MAX_STRIDE, batched)


def _session(path: Path, device: str):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    cuda = device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    providers = [*(["CUDAExecutionProvider"] if cuda else []), "CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises a type of its own for every kind of damage
        reason = str(error).splitlines()[0][:200]
        raise ValueError(f"{path.name} is not a readable ONNX model: {reason}; export or download it again") from error


def _layout(path: Path, probe: np.ndarray, size: tuple[int, int], metadata: dict[str, str]) -> Layout:
    if "rtdetr" in metadata.get("description", "").casefold():
        return RTDETR
    # Ultralytics writes the task, YOLOv5 writes names and stride alone.
    try:
        return recognise(probe.shape, size, probe[..., 0], from_ultralytics="task" in metadata)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _labels(metadata: dict[str, str], layout: Layout, probe: np.ndarray) -> dict[int, str]:
    """Names from the metadata, COCO's for an 80-class network without any, else ``class 0``, ``class 1``…"""
    if "names" in metadata:
        names = ast.literal_eval(metadata["names"])
        return dict(names) if isinstance(names, dict) else dict(enumerate(names))
    if layout.name == "yolov7-end-to-end":
        return dict(enumerate(COCO_CLASSES))
    number = probe.shape[1] - 4 if layout.name == "ultralytics" else probe.shape[2] - 5
    return dict(enumerate(COCO_CLASSES if number == len(COCO_CLASSES) else [f"class {i}" for i in range(number)]))
