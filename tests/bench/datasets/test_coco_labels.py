"""Labels in COCO's form are understood exactly, or refused by file and annotation."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from bench.datasets.coco import CocoLabels, problem
from bench.datasets.labels import Labels
from bench.datasets.pair import Box

NAMES = ("People", "Car")
GOOD = {
    "images": [
        {"id": 1, "file_name": "Vis/00001.png", "width": 64, "height": 48},
        {"id": 2, "file_name": "00002.png"},
    ],
    "categories": [{"id": 5, "name": "car"}],
    "annotations": [{"image_id": 1, "category_id": 5, "bbox": [4, 5, 20, 10], "iscrowd": 0}],
}


def read(tmp_path, change=None, image="00001", size=(48, 64)) -> Labels:
    content = deepcopy(GOOD)
    if change:
        change(content)
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(content))
    return CocoLabels((file,), NAMES).of(image, size)


def test_boxes_and_images_without_any(tmp_path):
    assert read(tmp_path) == Labels((Box("Car", 4, 5, 20, 10),))
    assert read(tmp_path, image="00002") == Labels()


def test_crowds_count_as_difficult(tmp_path):
    found = read(tmp_path, lambda file: file["annotations"][0].update(iscrowd=1))
    assert (found.boxes, len(found.difficult)) == ((), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["categories"][0].update(name="Tram"), "annotation 1: class 'Tram' is none of People, Car"),
        (lambda file: file["annotations"][0].update(bbox=[4, 5, 0, 10]), "annotation 1: the box has no area"),
        (lambda file: file["annotations"][0].update(bbox=[90, 5, 20, 10]), "annotation 1: the box lies outside"),
        (lambda file: file["annotations"][0].update(bbox=[4, 5, 20]), "not COCO's form: annotations.0.bbox"),
        (lambda file: file["annotations"][0].update(bbox=[4, 5, 20, float("nan")]), "not COCO's form"),
        (lambda file: file["annotations"][0].update(category_id=9), "names an image or a category"),
        (lambda file: file["images"][1].update(file_name="00001.png"), "lists an image twice"),
        (lambda file: file["images"][1].update(id=1), "lists an image twice"),
        (lambda file: file["images"][0].update(width=640), "made for an image of 640×48, but 00001 is 64×48"),
        (lambda file: file.pop("categories"), "not COCO's form: categories: field required"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(tmp_path, change, message):
    found = read(tmp_path, change)
    assert found.boxes == ()
    assert len(found.faults) == 1
    assert message in found.faults[0]
    assert "labels.json" in found.faults[0]


def test_an_object_twice_counts_once(tmp_path):
    found = read(tmp_path, lambda file: file["annotations"].append(file["annotations"][0]))
    assert len(found.boxes) == 1
    assert "annotation 2: the object of annotation 1 again" in found.notes[0]


def test_two_files_that_list_one_image_are_a_fault(tmp_path):
    for name in ("train", "val"):
        (tmp_path / f"{name}.json").write_text(json.dumps(GOOD))
    labels = CocoLabels((tmp_path / "train.json", tmp_path / "val.json"), NAMES)
    assert "train.json" in labels.of("00001", (48, 64)).faults[0]
    assert not labels.path("00007").exists()


@pytest.mark.parametrize("text", ["", "<html>", "[1, 2]", '{"images": 3}', "\xff" * 3])
def test_what_is_no_such_file_says_why(tmp_path, text):
    file = tmp_path / "labels.json"
    file.write_text(text, encoding="latin-1")
    assert problem(file)
    assert CocoLabels((file,), NAMES).path("00001") == file
    assert CocoLabels((file,), NAMES).of("00001", None).faults
