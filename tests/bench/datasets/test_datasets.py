from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ImageFile

from bench.datasets import DATASETS
from bench.datasets.m3fd import scene_table
from bench.datasets.pair import Box
from tsdm_bench.errors import UsageError
from tsdm_bench.images import ImageProblem, read_grey, read_rgb

VOC = (
    "<annotation><object><name>{}</name><bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>12</ymax></bndbox>"
    "</object></annotation>"
)


def image(path: Path, *, colour: bool = True, size: tuple[int, int] = (24, 32), value: int = 80) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3) if colour else size, value, np.uint8)
    pixels[: size[0] // 2] += 40
    assert cv2.imwrite(str(path), pixels)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


LAYOUTS = {
    "m3fd": ("M3FD_Detection/Ir/00042.png", "M3FD_Detection/Vis/00042.png"),
    "m3fd_fusion": ("M3FD_Fusion/Ir/00042.png", "M3FD_Fusion/Vis/00042.png"),
    "llvip": ("LLVIP/infrared/test/190001.jpg", "LLVIP/visible/test/190001.jpg"),
    "roadscene": ("RoadScene/cropinfrared/FLIR_00006.jpg", "RoadScene/crop_LR_visible/FLIR_00006.jpg"),
    "tno": ("TNO/ir/05.png", "TNO/vi/05.png"),
    "msrs": ("MSRS/test/ir/00004N.png", "MSRS/test/vi/00004N.png"),
    "folder": ("ir/a.png", "vi/a.png"),
}
SCENES = {"m3fd": "overcast", "llvip": "19", "roadscene": "FLIR", "msrs": "night"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_pair_is_found_and_read_in_the_published_layout(name: str, tmp_path: Path) -> None:
    ir, vis = (tmp_path / part for part in LAYOUTS[name])
    image(ir, colour=False)
    image(vis)
    (pair,) = DATASETS[name].pairs(tmp_path)
    infrared, visible = pair.read()
    assert pair.files == (ir, vis)
    assert pair.image == ir.stem
    assert pair.scene == SCENES.get(name, pair.image if name != "m3fd_fusion" else "overcast")
    assert (infrared.shape, visible.shape) == ((24, 32), (24, 32, 3))
    assert infrared.dtype == visible.dtype == np.uint8


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_empty_root_is_told_with_what_was_looked_for_and_how_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)no .*pairs.*(looked for|expected).*--data-root"):
        DATASETS[name].pairs(tmp_path)


def test_grey_24_bit_grey_and_colour_files_read_alike(tmp_path: Path) -> None:
    grey = read_grey(image(tmp_path / "grey.png", colour=False))
    grey24 = read_grey(image(tmp_path / "grey24.png", colour=True))
    assert np.array_equal(grey, grey24)
    assert np.array_equal(read_rgb(tmp_path / "grey.png"), read_rgb(tmp_path / "grey24.png"))
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 0] = 255  # blue in OpenCV's order
    cv2.imwrite(str(tmp_path / "blue.png"), colour)
    assert read_rgb(tmp_path / "blue.png")[0, 0].tolist() == [0, 0, 255]
    assert read_grey(tmp_path / "blue.png")[0, 0] == round(0.114 * 255)


def test_a_missing_partner_is_named_and_the_others_stay(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        image(tmp_path / "ir" / f"{stem}.png")
    image(tmp_path / "vis/a.jpg")
    image(tmp_path / "vis/c.png")
    good, no_visible, no_infrared = DATASETS["folder"].pairs(tmp_path)
    assert good.problem == ""
    assert no_visible.files == (tmp_path / "ir/b.png",)
    assert "b.png has no visible partner" in no_visible.problem
    assert "c.png has no infrared partner" in no_infrared.problem
    with pytest.raises(ImageProblem, match=r"b\.png has no visible partner"):
        no_visible.read()


def test_sizes_are_known_from_the_headers_alone_with_labels_or_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stem, size in (("a", (48, 64)), ("b", (480, 640))):
        image(tmp_path / f"ir/{stem}.png", size=size)
        image(tmp_path / f"vis/{stem}.jpg", size=size)
    text(tmp_path / "vis/c.png", "not an image")
    image(tmp_path / "ir/c.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("a picture was decoded"))
    a, b, c = DATASETS["folder"].pairs(tmp_path)
    assert [pair.boxes for pair in (a, b, c)] == [None, None, None]
    assert (a.size, b.size, c.size) == ((48, 64), (480, 640), None)
    assert (a.pixels, b.pixels, c.pixels) == (48 * 64, 480 * 640, None)


def test_unequal_sizes_truncated_and_foreign_files_are_named(tmp_path: Path) -> None:
    for stem in ("size", "cut", "foreign", "deep"):
        image(tmp_path / f"ir/{stem}.png", size=(64, 64))
        image(tmp_path / f"vis/{stem}.png", size=(64, 64))
    image(tmp_path / "vis/size.png", size=(64, 60))
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
    (tmp_path / "vis/cut.png").write_bytes(whole[: len(whole) // 2])
    text(tmp_path / "vis/foreign.png", "not an image")
    cv2.imwrite(str(tmp_path / "ir/deep.png"), np.zeros((64, 64), np.uint16))
    problems = {}
    for pair in DATASETS["folder"].pairs(tmp_path):
        with pytest.raises(ImageProblem) as error:
            pair.read()
        problems[pair.image] = str(error.value)
    assert "size.png is 64×64 but" in problems["size"]
    assert "is 60×64" in problems["size"]
    assert "cut.png cannot be read" in problems["cut"]
    assert "foreign.png cannot be read" in problems["foreign"]
    assert "deep.png has more than 8 bits" in problems["deep"]


def test_voc_boxes_are_counted_from_zero_and_classes_go_by_name(tmp_path: Path) -> None:
    for part in LAYOUTS["m3fd"]:
        image(tmp_path / part)
    text(tmp_path / "M3FD_Detection/Annotation/00042.xml", VOC.format("people"))
    (pair,) = DATASETS["m3fd"].pairs(tmp_path)
    assert pair.boxes == (Box("People", 0, 2, 10, 10),)  # columns 1 to 10 of a 1-based grid are 10 pixels from 0


def test_fusion_pairs_borrow_the_boxes_of_the_detection_set(tmp_path: Path) -> None:
    for part in LAYOUTS["m3fd_fusion"]:
        image(tmp_path / part)
    assert DATASETS["m3fd_fusion"].pairs(tmp_path)[0].boxes is None
    text(tmp_path / "M3FD_Detection/Annotation/00042.xml", VOC.format("Car"))
    assert DATASETS["m3fd_fusion"].pairs(tmp_path)[0].boxes[0].label == "Car"


def test_yolo_labels_become_pixels_and_a_bad_line_is_named(tmp_path: Path) -> None:
    image(tmp_path / "ir/a.png", size=(20, 40))
    image(tmp_path / "vis/a.png", size=(20, 40))
    text(tmp_path / "classes.txt", "cat\ndog\n")
    label = text(tmp_path / "labels/a.txt", "1 0.5 0.5 0.25 0.5\n")
    assert DATASETS["folder"].pairs(tmp_path)[0].boxes == (Box("dog", 15, 5, 10, 10),)
    label.write_text("7 0.5 0.5 0.25 0.5\n")
    (fault,) = DATASETS["folder"].pairs(tmp_path)[0].label_faults
    assert "a.txt line 1: expected 'class cx cy w h' with a class below 2" in fault


def test_the_papers_naming_rule_is_understood(tmp_path: Path) -> None:
    image(tmp_path / "00001_IR.png")
    image(tmp_path / "00001_VI.png")
    (pair,) = DATASETS["folder"].pairs(tmp_path)
    assert (pair.image, pair.problem) == ("00001", "")


def test_the_scene_table_knows_all_ids() -> None:
    table = scene_table()
    assert len(table) == 4200
    scenes = {scene for scene, _ in table.values() if scene}
    assert scenes == {"daytime", "overcast", "night", "challenge"}
    assert {split for _, split in table.values() if split} == {"train", "val", "test"}


@pytest.mark.parametrize(("name", "pairs", "boxes"), [("m3fd", 72, 619), ("roadscene", 181, 0), ("tno", 17, 0)])
def test_real_datasets_are_listed_whole(name: str, pairs: int, boxes: int, data_root: Path) -> None:
    found = DATASETS[name].pairs(data_root)
    assert len(found) == pairs
    assert not any(pair.problem for pair in found)
    assert sum(len(pair.boxes or ()) for pair in found) == boxes
    infrared, visible = found[-1].read()
    assert infrared.shape == visible.shape[:2]


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"paper": ("People", "Bike")}, "class set paper holds 'Bike', which is no class of it"),
        ({"Car": ("People",)}, "class set 'Car' is empty, or called like a class or a mean"),
        ({"counted": ("People",)}, "class set 'counted' is empty, or called like a class or a mean"),
        ({"none": ()}, "class set 'none' is empty"),
    ],
)
def test_a_class_set_has_a_name_of_its_own_and_holds_classes_of_its_dataset(sets, told):
    with pytest.raises(ValueError, match=told):
        replace(DATASETS["m3fd"], class_sets=sets)
