"""YOLOv7 as its exporter writes it to ONNX, with random weights and one convolution a level in place of the network.

Head and output are those of the published export: three anchors a cell at strides 8, 16 and 32, decoded in the graph
(``--grid``), and with ``--end2end --max-wh`` one class a box and the suppression of ONNX behind it: M rows of image
number, x0, y0, x1, y1, class, score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

STRIDES = (8, 16, 32)
ANCHORS = (
    ((12, 16), (19, 36), (40, 28)),
    ((36, 75), (76, 55), (72, 146)),
    ((142, 110), (192, 243), (459, 401)),
)
"""Width and height in pixels, of yolov7.yaml."""


class EndToEnd(NamedTuple):
    """What ``--topk-all``, ``--iou-thres``, ``--conf-thres`` and ``--max-wh`` write into the graph."""

    most: int = 100
    iou: float = 0.45
    confidence: float = 0.25
    max_wh: int = 640


def random_weights(classes: int, seed: int = 0, likely: Sequence[int] = ()) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each level; objectness and classes differ from cell to cell, some classes being ``likely``."""
    random = np.random.default_rng(seed)
    found = []
    for stride in STRIDES:
        shape = (3 * (5 + classes), 3, stride, stride)
        kernel = random.normal(0, 1.5 / stride, shape).astype(np.float32)
        bias = random.normal(0, 0.5, (3, 5 + classes)).astype(np.float32)
        bias[:, [5 + number for number in likely]] += 2
        found.append((kernel, bias.reshape(-1)))
    return found


def write_yolov7(
    path: Path,
    weights: Sequence[tuple[np.ndarray, np.ndarray]],
    size: tuple[int, int],
    end_to_end: EndToEnd | None = None,
    names: Sequence[str] = (),
) -> Path:
    """Write the graph for inputs 1×3×height×width; ``names`` as metadata, which the official exporter leaves out."""
    from onnx import TensorProto, helper, save

    graph = _Graph()
    classes = weights[0][0].shape[0] // 3 - 5
    levels = [_level(graph, *of, anchors, stride, size, classes) for of, anchors, stride in
              zip(weights, ANCHORS, STRIDES, strict=True)]  # fmt: skip
    rows = sum(3 * (size[0] // stride) * (size[1] // stride) for stride in STRIDES)
    shape: list[int | str] = [1, rows, 5 + classes]
    graph.add("Concat", levels, "output" if end_to_end is None else "decoded", axis=1)
    if end_to_end is not None:
        _suppressed(graph, classes, end_to_end)
        shape = ["detections", 7]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)
    made = helper.make_graph(graph.nodes, "yolov7", [image], [output], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": str(dict(enumerate(names)))})
    save(model, path)
    return path


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operation: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{operation}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def part(self, of: str, start: int, end: int) -> str:
        """Columns ``start`` to ``end`` of the last axis."""
        places = [self.constant(np.array([place], np.int64)) for place in (start, end, -1)]
        return self.add("Slice", [of, *places])


def _level(
    graph: _Graph, kernel: np.ndarray, bias: np.ndarray, anchors: Any, stride: int, size: tuple[int, int], classes: int
) -> str:
    """xy = (2σ − 0.5 + cell)·stride, wh = (2σ)²·anchor, objectness and classes σ: 1×(3·cells)×(5 + classes)."""
    height, width = size[0] // stride, size[1] // stride
    raw = graph.add("Conv", ["images", graph.constant(kernel), graph.constant(bias)], strides=[stride, stride])
    apart = graph.constant(np.array([1, 3, 5 + classes, height, width], np.int64))
    last = graph.add("Transpose", [graph.add("Reshape", [raw, apart])], perm=[0, 1, 3, 4, 2])
    y = graph.add("Sigmoid", [last])
    columns, lines = np.meshgrid(np.arange(width), np.arange(height))
    cell = np.stack([columns, lines], axis=2)[None, None].astype(np.float32)
    two, pixels = graph.constant(np.float32(2)), graph.constant(np.float32(stride))
    offset = graph.constant(cell - np.float32(0.5))
    xy = graph.add("Mul", [graph.add("Add", [graph.add("Mul", [graph.part(y, 0, 2), two]), offset]), pixels])
    sides = graph.constant(np.array(anchors, np.float32).reshape(1, 3, 1, 1, 2))
    squared = graph.add("Pow", [graph.add("Mul", [graph.part(y, 2, 4), two]), two])
    wh = graph.add("Mul", [squared, sides])
    whole = graph.add("Concat", [xy, wh, graph.part(y, 4, 5 + classes)], axis=4)
    return graph.add("Reshape", [whole, graph.constant(np.array([1, -1, 5 + classes], np.int64))])


def _suppressed(graph: _Graph, classes: int, settings: EndToEnd) -> None:
    """Best class of each box, classes shifted apart by ``max_wh``, NonMaxSuppression, and the chosen rows."""
    score = graph.add("Mul", [graph.part("decoded", 5, 5 + classes), graph.part("decoded", 4, 5)])
    corners = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
    box = graph.add("MatMul", [graph.part("decoded", 0, 4), graph.constant(corners)])
    best = graph.add("ReduceMax", [score], axes=[2], keepdims=1)
    category = graph.add("Cast", [graph.add("ArgMax", [score], axis=2, keepdims=1)], to=1)
    shift = graph.add("Mul", [category, graph.constant(np.float32(settings.max_wh))])
    limits = [np.array([settings.most], np.int64), *(np.array([v], np.float32) for v in settings[1:3])]
    shifted, by_class = graph.add("Add", [box, shift]), graph.add("Transpose", [best], perm=[0, 2, 1])
    chosen = graph.add("NonMaxSuppression", [shifted, by_class, *map(graph.constant, limits)])
    image, row = graph.part(chosen, 0, 1), graph.part(chosen, 2, 3)
    place = graph.add("Concat", [image, row], axis=1)
    taken = [graph.add("GatherND", [of, place]) for of in (box, category, best)]
    graph.add("Concat", [graph.add("Cast", [image], to=1), *taken], "output", axis=1)
