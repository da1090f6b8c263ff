"""A trained checkpoint as a small ONNX file: weights in half precision, computed in single precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detectors.backends.ultralytics_backend import import_ultralytics

KEPT = ("task", "names", "stride", "imgsz", "batch", "channels", "end2end")
"""Metadata that loading needs; the exporter also names itself as author."""
SMALLEST = 64
"""Tensors with fewer numbers than this stay in single precision."""


def export_onnx(checkpoint: Path, target: Path, description: str = "") -> Path:
    """Write the detector of an ultralytics ``.pt`` file to ``target`` for inputs of any size, and return ``target``.

    Weights are stored as float16 and cast back when the file is loaded, which halves it; onnxruntime folds the casts,
    so nothing is slower. Needs the package ``onnx`` (extra ``train``), ``ImportError`` without it.
    """
    import onnx

    exported = Path(
        import_ultralytics().YOLO(checkpoint).export(format="onnx", dynamic=True, simplify=False, verbose=False)
    )
    model = onnx.load(exported)
    exported.unlink()
    kept = {item.key: item.value for item in model.metadata_props if item.key in KEPT}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, kept | {"description": description, "license": "AGPL-3.0-or-later"})
    _store_as_half(model.graph)
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, target)
    return target


def _store_as_half(graph: Any) -> None:
    """Replace each large float32 constant by a float16 one and a cast to float32 under its old name."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
