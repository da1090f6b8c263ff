from __future__ import annotations

import pytest

from detectors.class_map import COCO_CLASSES, map_by_name, resolve_class_map

M3FD = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
COCO = dict(enumerate(COCO_CLASSES))


def test_coco_has_its_eighty_classes_in_order():
    assert len(set(COCO_CLASSES)) == 80
    assert [COCO_CLASSES.index(name) for name in ("person", "traffic light", "toothbrush")] == [0, 9, 79]


def test_coco_to_m3fd():
    assert map_by_name(COCO, M3FD) == {
        "person": "People",
        "car": "Car",
        "motorcycle": "Motorcycle",
        "bus": "Bus",
        "truck": "Truck",
        "traffic light": "Lamp",
    }


def test_coco_to_llvip_and_identity():
    assert map_by_name(COCO, ("person",)) == {"person": "person"}
    assert map_by_name(dict(enumerate(reversed(M3FD))), M3FD) == {name: name for name in reversed(M3FD)}


def test_a_given_map_may_use_numbers():
    assert resolve_class_map({0: "class 0", 1: "class 1"}, M3FD, {1: "Car"}, "x.onnx") == {"class 1": "Car"}


def test_strangers_and_no_counterpart_are_named():
    with pytest.raises(ValueError, match="'Tram'"):
        resolve_class_map(COCO, M3FD, {"train": "Tram"}, "x.onnx")
    with pytest.raises(ValueError, match=r"x\.onnx detects ship; none is a class of the dataset"):
        resolve_class_map({0: "ship"}, M3FD, None, "x.onnx")
