from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from detectors.backends.conventions import STRIDES, YOLOX, recognise
from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.class_map import COCO_CLASSES
from detectors.detection import Detection
from detectors.detector import _suppress, open_detector

M3FD = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
SIZE = 64
CELLS = sum((SIZE // stride) ** 2 for stride in STRIDES)


def export(path: Path, output: np.ndarray, batch: int = 1, **metadata: str) -> Path:
    """An ONNX detector that sees the same thing in every image: ``output``, whatever the input."""
    pixels = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIZE, SIZE])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, list(output.shape))
    constant = numpy_helper.from_array(output.astype(np.float32), "constant")
    zero = numpy_helper.from_array(np.zeros(1, dtype=np.float32), "zero")
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["highest"], keepdims=0),
        helper.make_node("Mul", ["highest", "zero"], ["nothing"]),
        helper.make_node("Add", ["constant", "nothing"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "detector", [pixels], [result], [constant, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def looks(path: Path, shape: list[int | str], kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX detector in the form of ultralytics that sees a car as probable as its image is bright (0 to 1)."""
    car = np.zeros((1, 6, CELLS), dtype=np.float32)
    car[0, :4, 11] = (32, 30, 20, 10)
    where = np.zeros((1, 6, CELLS), dtype=np.float32)
    where[0, 4, 11] = 1
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["brightest"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Reshape", ["brightest", "form"], ["score"]),
        helper.make_node("Mul", ["score", "where"], ["scored"]),
        helper.make_node("Add", ["scored", "car"], ["output"]),
    ]
    fixed = [numpy_helper.from_array(array, name) for name, array in (("car", car), ("where", where))]
    fixed.append(numpy_helper.from_array(np.array([-1, 1, 1]), "form"))
    pixels = helper.make_tensor_value_info("images", kind, shape)
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "looks", [pixels], [result], fixed)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {"names": "{0: 'car', 1: 'ship'}", "task": "detect"})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    "shape", [[4, 3, 64, 64], ["n", 3, 64, 64], [1, 64, 64, 3], ["n", 64, 64, 3], [4, 64, 64, 3], [1, 3, "h", "w"]]
)
def test_an_export_of_another_axis_order_or_batch_sees_each_image_as_alone(tmp_path, shape):
    detector = open_detector(looks(tmp_path / "a.onnx", shape), classes=M3FD, image_size=64)
    images = [np.full((64, 64, 3), level, dtype=np.uint8) for level in (51, 102, 153, 204, 255)]
    found = detector.detect(images)
    assert [[d.label for d in of] for of in found] == [["Car"]] * 5
    assert [of[0].score for of in found] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ([1, 3, 64, 64], TensorProto.UINT8, r"expected one input of float images N×3×H×W, got images tensor\(uint8\)"),
        ([1, 1, 64, 64], TensorProto.FLOAT, r"expected images of 3 channels, N×3×H×W, got \[1, 1, 64, 64\]"),
        ([1, 64, 64, 4], TensorProto.FLOAT, r"expected images of 3 channels, N×3×H×W"),
        ([3, 64, 64], TensorProto.FLOAT, r"expected one input of float images N×3×H×W"),
    ],
)
def test_an_export_for_other_images_is_refused_in_one_line(tmp_path, shape, kind, message):
    path = tmp_path / "a.onnx"
    if len(shape) == 3:
        pixels = helper.make_tensor_value_info("images", kind, shape)
        result = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
        graph = helper.make_graph([helper.make_node("Neg", ["images"], ["output"])], "g", [pixels], [result])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    else:
        looks(path, shape, kind)
    with pytest.raises(ValueError, match=message) as caught:
        open_detector(path, classes=M3FD)
    assert "\n" not in str(caught.value)


def grey(height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def anchored(rows: int, row: int, values: dict[int, float], columns: int = 85) -> np.ndarray:
    output = np.zeros((1, rows, columns), dtype=np.float32)
    for column, value in values.items():
        output[0, row, column] = value
    return output


CAR = {0: 32, 1: 30, 2: 20, 3: 10, 4: 0.5, 5 + COCO_CLASSES.index("car"): 0.8}
"""Centre (32, 30) in a 64×64 input, so y 22 in an image of height 48; objectness 0.5, class score 0.8."""
EXPECTED = Detection("Car", pytest.approx(0.4), *map(pytest.approx, (22, 17, 20, 10)))


def test_yolov5_and_yolov7_exports(tmp_path):
    path = export(tmp_path / "yolov7.onnx", anchored(3 * CELLS, 11, CAR))
    assert open_detector(path, classes=M3FD).detect([grey()]) == [[EXPECTED]]


def test_yolov7_end_to_end_export(tmp_path):
    output = np.array([[0, 22, 25, 42, 35, COCO_CLASSES.index("car"), 0.4], [0, 1, 1, 9, 9, 4, 0.9]])
    path = export(tmp_path / "yolov7-e2e.onnx", output)
    assert open_detector(path, classes=M3FD).detect([grey()]) == [[EXPECTED]]


def test_yolox_export_raw_and_decoded(tmp_path):
    # Raw: cell (4, 3) of stride 8 is row 28; the image lies at the top, so y is not shifted by padding.
    raw = {0: 0.0, 1: -0.25, 2: np.log(20 / 8), 3: np.log(10 / 8), 4: 0.5, 5 + COCO_CLASSES.index("car"): 0.8}
    path = export(tmp_path / "yolox.onnx", anchored(CELLS, 3 * 8 + 4, raw))
    detector = open_detector(path, classes=M3FD)
    assert detector.network.conventions.name == "yolox"
    assert detector.detect([grey()]) == [[EXPECTED]]
    decoded = anchored(CELLS, 3 * 8 + 4, {**CAR, 1: 22})
    decoded[0, -1, 0] = 60  # the last cell of a decoded output stands at the right edge
    path = export(tmp_path / "yolox-decoded.onnx", decoded)
    detector = open_detector(path, classes=M3FD)
    assert detector.network.conventions.name == "yolox-decoded"
    assert detector.detect([grey()]) == [[EXPECTED]]


def test_ultralytics_export_with_and_without_suppression(tmp_path):
    names = {"names": str(dict(enumerate(M3FD))), "task": "detect"}
    dense = np.zeros((1, 4 + len(M3FD), CELLS), dtype=np.float32)
    dense[0, :, 5] = [32, 30, 20, 10, 0, 0.4, 0, 0, 0, 0]
    assert open_detector(export(tmp_path / "a.onnx", dense, **names), classes=M3FD).detect([grey()]) == [[EXPECTED]]
    final = np.zeros((1, 300, 6), dtype=np.float32)
    final[0, 0] = [22, 25, 42, 35, 0.4, 1]
    assert open_detector(export(tmp_path / "b.onnx", final, **names), classes=M3FD).detect([grey()]) == [[EXPECTED]]


def test_labels_are_mapped_by_name_whatever_their_order(tmp_path):
    dense = np.zeros((1, 4 + 2, CELLS), dtype=np.float32)
    dense[0, :, 5] = [32, 30, 20, 10, 0.4, 0.1]
    path = export(tmp_path / "a.onnx", dense, names="{0: 'car', 1: 'ship'}", task="detect")
    detector = open_detector(path, classes=M3FD)
    assert detector.detect([grey()]) == [[EXPECTED]]
    assert detector.blind_to == ("People", "Bus", "Motorcycle", "Lamp", "Truck")


def test_several_labels_of_one_class_count_once(tmp_path):
    dense = np.zeros((1, 4 + 2, CELLS), dtype=np.float32)
    dense[0, :, 5] = [32, 30, 20, 10, 0.3, 0.4]
    path = export(tmp_path / "a.onnx", dense, names="{0: 'van', 1: 'car'}", task="detect")
    detector = open_detector(path, classes=M3FD, class_map={"van": "Car", "car": "Car"})
    assert detector.detect([grey()]) == [[EXPECTED]]


def test_unknown_output_is_refused(tmp_path):
    path = export(tmp_path / "grid.onnx", np.zeros((1, 3, 8, 8, 85)))
    with pytest.raises(ValueError, match=r"grid\.onnx: output of shape \(1, 3, 8, 8, 85\)"):
        open_detector(path, classes=M3FD)


def test_recognise_common_exports():
    centres = np.zeros(1)
    for shape, size, name in [
        ((1, 25200, 85), (640, 640), "yolov5-yolov7"),
        ((1, 84, 8400), (640, 640), "ultralytics"),
        ((1, 8400, 85), (640, 640), "yolox"),
        ((1, 3549, 85), (416, 416), "yolox"),
        ((100, 7), (640, 640), "yolov7-end-to-end"),
        ((1, 25200, 6), (640, 640), "yolov5-yolov7"),
    ]:
        assert recognise(shape, size, centres, from_ultralytics=False).name == name


def test_suppression_equals_ultralytics():
    import_ultralytics()
    from ultralytics.utils.nms import non_max_suppression

    random = np.random.default_rng(0)
    raw = np.concatenate([random.uniform(20, 300, (2, 400)), random.uniform(10, 80, (2, 400)), random.random((3, 400))])
    expected = non_max_suppression(torch.from_numpy(raw)[None].float(), 0.3, 0.5, multi_label=True, max_det=1000)[0]
    corners = np.concatenate([raw[:2] - raw[2:4] / 2, raw[:2] + raw[2:4] / 2]).T.astype(np.float32)
    row, column = np.nonzero(raw[4:].T > 0.3)
    score = raw[4:].T[row, column].astype(np.float32)
    kept = _suppress(*map(torch.from_numpy, (corners[row], score, column)), 0.5).numpy()
    ours = np.concatenate([corners[row], score[:, None], column[:, None]], axis=1)[kept]
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-4)


def test_yolox_decoding_cell_by_cell():
    raw = np.random.default_rng(1).normal(size=(CELLS, 85)).astype(np.float32)
    boxes, scores, final = YOLOX.decode(torch.from_numpy(raw), (SIZE, SIZE), 80)
    row = 0
    for stride in STRIDES:
        for y in range(SIZE // stride):
            for x in range(SIZE // stride):
                centre = (raw[row, :2] + [x, y]) * stride
                half = np.exp(raw[row, 2:4]) * stride / 2
                np.testing.assert_allclose(boxes[row], [*(centre - half), *(centre + half)], rtol=1e-4, atol=1e-4)
                row += 1
    np.testing.assert_allclose(scores, raw[:, 5:] * raw[:, 4:5])
    assert not final


def test_corrupt_and_missing_files_are_named(tmp_path):
    for name in ("broken.onnx", "broken.pt"):
        (tmp_path / name).write_bytes(b"not a network")
        with pytest.raises(ValueError, match=name.replace(".", r"\.")) as raised:
            open_detector(name, classes=M3FD, weights_dir=tmp_path)
        assert "\n" not in str(raised.value)
    with pytest.raises(FileNotFoundError, match=r"no detector .absent\.onnx."):
        open_detector("absent.onnx", classes=M3FD, weights_dir=tmp_path)


def test_only_8_bit_colour_images(tmp_path):
    detector = open_detector(export(tmp_path / "a.onnx", anchored(3 * CELLS, 11, CAR)), classes=M3FD)
    for image in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)):
        with pytest.raises(ValueError, match="expected an H×W×3 uint8 RGB image"):
            detector.detect([image])
    assert detector.detect([]) == []


def test_ultralytics_stays_quiet_and_writes_nowhere(tmp_path):
    """A process that runs a .pt model leaves stdout, its home and working folders, PIL and torch alone."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    program = """
import sys
from pathlib import Path
import numpy as np
import PIL.Image, torch
from detectors.backends.ultralytics_backend import import_ultralytics
before = PIL.Image.open, torch.save
ultralytics = import_ultralytics()
from ultralytics.nn.tasks import DetectionModel
assert (PIL.Image.open, torch.save) == before
model = DetectionModel("yolov8n.yaml", nc=2, verbose=False)
model.names = {0: "Car", 1: "ship"}
torch.save({"model": model}, Path(sys.argv[1]) / "model.pt")
from detectors.detector import open_detector
detector = open_detector(Path(sys.argv[1]) / "model.pt", classes=("Car",), image_size=64, confidence=0.0)
assert detector.detect([np.zeros((48, 64, 3), np.uint8)])[0]
from ultralytics.utils import ONLINE, SETTINGS
from ultralytics.utils.events import events
assert not ONLINE and not SETTINGS["sync"] and not events.enabled
"""
    root = Path(__file__).parents[2]
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=work,
        env=keep | {"HOME": str(home), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""
    assert [*home.iterdir(), *work.iterdir()] == []
