"""Label files: each is understood exactly, or is a fault named by file and line before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from voc_text import voc_object

from bench.datasets.labels import LabelFault, read_classes, read_text, read_voc, read_yolo
from bench.datasets.pair import Box

SIZE = (128, 160)
NAMES = ("person", "car")


def yolo(tmp_path: Path, content: str | bytes, names=NAMES, size=SIZE):
    path = tmp_path / "001.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yolo(path, size, names)


def voc(tmp_path: Path, *objects: str, head: str = "<size><width>160</width><height>128</height></size>", **options):
    path = tmp_path / "001.xml"
    path.write_text(f"<annotation>{head}\n{''.join(objects)}</annotation>", encoding="utf-8")
    return read_voc(path, SIZE, **options)


# --- YOLO ---


@pytest.mark.parametrize(
    "content",
    [
        "0 0.5 0.5 0.25 0.5\n",
        "0 0.5 0.5 0.25 0.5",
        "0 0.5 0.5 0.25 0.5\r\n\r\n",
        "\n\n0\t.5  5e-1 +0.25 0.50\n",
        "\ufeff0 0.5 0.5 0.25 0.5\n",
        "0 0.5 0.5 0.25 0.5\n".encode("utf-16"),
    ],
    ids=["plain", "no last line end", "Windows", "spaces", "UTF-8 mark", "UTF-16 with its mark"],
)
def test_one_yolo_line_in_every_form_it_may_have(tmp_path, content):
    labels = yolo(tmp_path, content)
    assert labels.boxes == (Box("person", 60, 32, 40, 64),)
    assert (labels.faults, labels.notes, labels.difficult) == ((), (), ())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0 0.375 0.35 0.625 0.35 0.625 0.67 0.375 0.67", "got 9 values (a polygon, rotated box or pose?)"),
        ("0 0.5 0.5 0.25 0.5 0.9", "got 6 values (a score?)"),
        ("0 0.5 0.5 0.25", "got 4 values"),
        ("-1 0.5 0.5 0.2 0.2", "got class -1"),
        ("2 0.5 0.5 0.2 0.2", "a class below 2"),
        ("0.0 0.5 0.5 0.2 0.2", "got class 0.0"),
        ("person 0.5 0.5 0.2 0.2", "got class person"),
        ("0 nan 0.5 0.2 0.2", "cx is 'nan'"),
        ("0 0.5 inf 0.2 0.2", "cy is 'inf'"),
        ("0 0.5 0.5 1e999 0.2", "w is '1e999'"),
        ("0 0,5 0,5 0,2 0,2", "cx is '0,5'"),
        ("0 1_0 0.5 0.2 0.2", "cx is '1_0'"),
        ("0 ٠.٥ 0.5 0.2 0.2", "expected a number"),
        ("0 80 64 40 64", "(pixels?)"),
        ("0 0.5 0.5 -0.2 0.2", "(pixels?)"),
        ("0 0.5 0.5 0 0.2", "the box has no area"),
        ("# comment", "got 2 values"),
        ("0 0.5 0.5 0.2 \x1b[2J", "expected a number"),
    ],
)
def test_a_yolo_line_that_is_not_understood_is_named(tmp_path, line, what):
    labels = yolo(tmp_path, f"1 0.5 0.5 0.2 0.2\n{line}\n")
    (fault,) = labels.faults
    assert "001.txt line 2: " in fault
    assert what in fault
    assert fault.isprintable()


def test_all_faults_of_a_file_are_listed(tmp_path):
    labels = yolo(tmp_path, "5 0.5 0.5 .1 .1\n0 0.5 0.5 .1 .1\n0 nan 0.5 .1 .1\n")
    assert [fault.split("001.txt ")[1].split(":")[0] for fault in labels.faults] == ["line 1", "line 3"]


@pytest.mark.parametrize("content", ["Müller".encode("latin-1"), "0 .5".encode("utf-16-le") + b"\xd8\x00\xd8"])
def test_another_encoding_is_refused(tmp_path, content):
    (fault,) = yolo(tmp_path, content).faults
    assert "001.txt" in fault


def test_a_repeated_line_counts_once_and_is_noted(tmp_path):
    labels = yolo(tmp_path, "0 0.5 0.5 .1 .1\n0 0.50 0.5 .1 .1\n1 0.5 0.5 .1 .1\n")
    assert [box.label for box in labels.boxes] == ["person", "car"]
    assert "line 2: the object of line 1 again; it counts once" in labels.notes[0]


def test_a_box_over_the_border_is_kept_and_noted_one_outside_refused(tmp_path):
    labels = yolo(tmp_path, "0 0.05 0.5 0.2 0.2\n")
    assert labels.boxes[0].x == pytest.approx(-8)
    assert "reaches 8 pixels over the border" in labels.notes[0]
    assert not yolo(tmp_path, "0 0.0995 0.5 0.2 0.2\n").notes  # rounding
    assert not yolo(tmp_path, "0 0.5 0.5 1 1\n").notes


# --- classes.txt ---


def test_class_names_of_windows_and_mac(tmp_path):
    path = tmp_path / "classes.txt"
    for content in (b"\xef\xbb\xbfperson\r\ncar\r\n", "person\rcar".encode("utf-16"), b" person \ncar\n\n \n"):
        path.write_bytes(content)
        assert read_classes(path) == NAMES


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"person\n\ncar\n", "line 2: the name of the class is empty"),
        (b"", "line 1: the name of the class is empty"),
        (b"person\ncar\nPerson \n", "line 3: class 'Person' is that of line 1 again"),
        (b"traffic light\nTraffic_Light\n", "line 2: class 'Traffic_Light' is that of line 1 again"),
        (b"person\n\x1b[31mcar\n", "line 2: the name of the class"),
        (b"person\nM\xfcll\n", "not UTF-8 text"),
    ],
)
def test_class_names_that_are_not_clear_are_named(tmp_path, content, what):
    path = tmp_path / "classes.txt"
    path.write_bytes(content)
    with pytest.raises(LabelFault) as error:
        read_classes(path)
    assert what in str(error.value)
    assert "classes.txt" in str(error.value)


def test_only_ordinary_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link.txt").symlink_to("nowhere")
    (tmp_path / "folder.txt").mkdir()
    for name in ("pipe.txt", "link.txt", "folder.txt"):
        with pytest.raises(LabelFault, match="not an ordinary file"):
            read_text(tmp_path / name)


# --- VOC ---


def test_a_voc_object_is_read_exactly(tmp_path):
    labels = voc(tmp_path, voc_object(1, 1, 160, 128), voc_object(10, 10, 10, 10, "car"))
    assert labels.boxes == (Box("person", 0, 0, 160, 128), Box("car", 9, 9, 1, 1))
    assert not labels.notes
    assert voc(tmp_path, head="").boxes == ()


def test_voc_in_the_encoding_that_it_declares(tmp_path):
    path = tmp_path / "001.xml"
    for encoding in ("iso-8859-1", "utf-16"):
        text = f'<?xml version="1.0" encoding="{encoding}"?><annotation>{voc_object(name="Müller")}</annotation>'
        path.write_bytes(text.encode(encoding))
        assert read_voc(path, SIZE).boxes[0].label == "Müller"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"left": 100, "right": 61}, "swapped corners"),
        ({"left": "nan"}, "xmin is 'nan'"),
        ({"left": ""}, "xmin is ''"),
        ({"left": 300, "right": 400}, "lies outside the image of 160×128 pixels"),
        ({"left": 1, "right": 500}, "lies outside the image of 160×128 pixels"),
        ({"name": " "}, "the name of the class is empty"),
        ({"more": "<difficult>maybe</difficult>"}, "<difficult> is 'maybe'"),
        ({"more": "<bndbox/>"}, "needs one <bndbox>, this one has 2"),
    ],
)
def test_a_voc_object_that_is_not_understood_is_named(tmp_path, change, what):
    labels = voc(tmp_path, voc_object(), voc_object(**change))
    (fault,) = labels.faults
    assert "001.xml line 3: " in fault
    assert what in fault


def test_a_voc_file_of_another_image_size_is_refused(tmp_path):
    head = "<size><width>{}</width><height>{}</height><depth>3</depth></size>"
    (fault,) = voc(tmp_path, voc_object(), head=head.format(320, 256)).faults
    assert "made for an image of 320×256, but the image is 160×128" in fault
    for width, height in ((160, 128), ("160.0", "128.0"), (0, 0), ("", "")):
        assert not voc(tmp_path, voc_object(), head=head.format(width, height)).faults
    assert "width is 'wide'" in voc(tmp_path, head=head.format("wide", 128)).faults[0]


def test_classes_of_a_dataset_go_by_name_and_others_are_refused(tmp_path):
    assert voc(tmp_path, voc_object(name="PERSON"), names=NAMES).boxes[0].label == "person"
    (fault,) = voc(tmp_path, voc_object(name="Tree"), names=NAMES).faults
    assert "class 'Tree' is none of person, car" in fault


def test_difficult_objects_stand_apart(tmp_path):
    hard = voc_object(1, 1, 20, 20, more="<difficult>1</difficult>")
    labels = voc(tmp_path, voc_object(more="<difficult>0</difficult>"), hard)
    assert labels.boxes == (Box("person", 60, 45, 40, 40),)
    assert labels.difficult == (Box("person", 0, 0, 20, 20),)
    (fault,) = voc(tmp_path, hard, voc_object(1, 1, 20, 20)).faults
    assert "once it is difficult and once not" in fault


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("not xml", "not readable XML"),
        ("<annotations/>", "begins with <annotation>"),
        ("<annotation><object>", "not readable XML"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "not readable XML"),
        (
            '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
            + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
            + "]><annotation>&j;</annotation>",
            "not readable XML",
        ),
    ],
    ids=["text", "another root", "cut", "encoding", "entities that explode"],
)
def test_what_is_no_voc_file_is_refused(tmp_path, content, what):
    (tmp_path / "001.xml").write_text(content)
    (fault,) = read_voc(tmp_path / "001.xml", SIZE).faults
    assert what in fault
