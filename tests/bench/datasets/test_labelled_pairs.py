"""Labels of whole datasets: what a run refuses before computing, and what `datasets verify` lists."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from voc_text import voc_object

from bench.cli import main
from bench.datasets import DATASETS
from bench.datasets.files import refuse_faults
from bench.plan import select_pairs
from bench.run.store import RunFolder
from bench.suite import Suite
from tsdm_bench.errors import UsageError

SIZE = (128, 160)
NAMES = ("person", "car")


@pytest.fixture
def root(tmp_path):
    for kind in ("ir", "vis"):
        (tmp_path / kind).mkdir()
        for stem in ("001", "002", "003"):
            cv2.imwrite(str(tmp_path / kind / f"{stem}.png"), np.full((*SIZE, 3), 90, np.uint8))
    return tmp_path


def labelled(root: Path, **files: str) -> list:
    (root / "labels").mkdir(exist_ok=True)
    (root / "classes.txt").write_text("person\ncar\n")
    for stem, text in files.items():
        (root / "labels" / f"{stem[1:]}.txt").write_text(text)
    return DATASETS["folder"].pairs(root)


def test_an_image_without_a_yolo_file_shows_no_object(root, caplog):
    caplog.set_level("INFO")
    pairs = labelled(root, _002="0 .5 .5 .1 .1", _003="")
    assert [pair.boxes and len(pair.boxes) for pair in pairs] == [(), 1, ()]
    assert "1 of 3 images have no label file: taken as showing no object" in caplog.text
    assert pairs[1].label_file == root / "labels/002.txt"


def test_labels_of_other_images_are_told(root, caplog):
    labelled(root, _002="", _009="")
    assert "1 label files belong to no image (009)" in caplog.text
    for stem in ("002",):
        (root / f"labels/{stem}.txt").unlink()
    with pytest.raises(UsageError, match="none of the 1 label files"):
        DATASETS["folder"].pairs(root)


def test_an_empty_label_folder_means_no_labels(root):
    assert [pair.boxes for pair in labelled(root)] == [None] * 3


def test_two_spellings_of_a_class_are_refused(root):
    (root / "Annotations").mkdir()
    for stem, name in (("001", "person"), ("002", "Person"), ("003", "person")):
        (root / f"Annotations/{stem}.xml").write_text(f"<annotation>{voc_object(name=name)}</annotation>")
    faults = [fault for pair in DATASETS["folder"].pairs(root) for fault in pair.label_faults]
    assert len(faults) == 1
    assert "002.xml: class 'Person' is spelt 'person' in" in faults[0]


def test_a_run_refuses_faults_before_computing_and_counts_them(root):
    labelled(root, _001="5 .5 .5 .1 .1", _002="0 nan .5 .1 .1", _003="")
    suite = Suite(name="own", dataset="folder", methods=("vis",), metrics=("en",), detector={"weights": "x.onnx"})
    with pytest.raises(UsageError, match=r"(?s)dataset folder: 2 faults.*001\.txt line 1.*002\.txt line 1.*verify"):
        select_pairs(suite, root)
    assert len(select_pairs(suite, root, detects=False)[1]) == 3
    assert len(select_pairs(suite.model_copy(update={"detector": None}), root)[1]) == 3


def test_two_files_of_one_name_are_refused_by_a_run(root):
    cv2.imwrite(str(root / "ir/001.tif"), np.zeros(SIZE, np.uint8))
    pairs = DATASETS["folder"].pairs(root)
    with pytest.raises(UsageError, match=r"1 fault in its files: .*001\.png and .*001\.tif stand for one image"):
        refuse_faults("folder", pairs, with_labels=False)


def test_hidden_files_are_no_pairs(root):
    for kind in ("ir", "vis"):
        for stem in ("001", "002", "003"):
            (root / kind / f"._{stem}.png").write_bytes(b"\0\5\26\7")
    assert [pair.image for pair in DATASETS["folder"].pairs(root)] == ["001", "002", "003"]


def test_a_bad_class_list_is_one_fault_whatever_the_number_of_images(root):
    labelled(root, _001="0 .5 .5 .1 .1")
    (root / "classes.txt").write_text("person\n\ncar\n")
    with pytest.raises(UsageError, match=r"1 fault in its files: .*classes\.txt line 2"):
        refuse_faults("folder", DATASETS["folder"].pairs(root), with_labels=True)


def test_verify_lists_every_fault_of_images_and_labels(root, capsys):
    labelled(root, _001="5 .5 .5 .1 .1\n0 nan .5 .1 .1", _002="0 .5 .5 .1 .1\n0 .5 .5 .1 .1", _003="1 .5 .5 .1 .1 .9")
    (root / "vis/003.png").write_bytes(b"")
    cv2.imwrite(str(root / "ir/004.png"), np.zeros(SIZE, np.uint8))
    for suffix in ("png", "bmp"):
        cv2.imwrite(str(root / f"ir/005.{suffix}"), np.zeros(SIZE, np.uint8))
    assert main(["datasets", "verify", "folder", "--data-root", str(root)]) == 2
    out = capsys.readouterr().out
    assert "own pairs: 1 good pairs of 5" in out
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    for part in (
        "vis/003.png is empty",
        "ir/004.png has no visible partner",
        "005.bmp and",
        "001.txt line 1: ",
        "001.txt line 2: ",
        "003.txt line 1: ",
    ):
        assert len([line for line in problems if part in line]) == 1, part
    assert len(problems) == 6
    assert "note: " in out
    assert "002.txt line 2: the object of line 1 again; it counts once" in out


def test_difficult_objects_reach_the_truth_of_a_run_marked(root, tmp_path):
    (root / "Annotations").mkdir()
    hard = voc_object(1, 1, 20, 20, more="<difficult>1</difficult>")
    (root / "Annotations/001.xml").write_text(f"<annotation>{voc_object()}{hard}</annotation>")
    folder = RunFolder(tmp_path / "run")
    folder.write_pairs(DATASETS["folder"].pairs(root))
    truth = folder.truth()
    assert truth[["image", "class", "x", "difficult"]].to_numpy().tolist() == [
        ["001", "person", 60.0, False],
        ["001", "person", 0.0, True],
    ]
    truth.drop(columns="difficult").to_parquet(folder.path / "truth.parquet")  # as older runs have it
    assert folder.truth()["difficult"].tolist() == [False, False]


def test_one_name_in_two_parts_of_a_dataset_is_refused(tmp_path, capsys):
    for split in ("train", "test"):
        for kind in ("infrared", "visible"):
            (tmp_path / "LLVIP" / kind / split).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "LLVIP" / kind / split / "190001.png"), np.zeros(SIZE, np.uint8))
    pairs = DATASETS["llvip"].pairs(tmp_path)
    with pytest.raises(UsageError, match=r"train/190001\.png and .*test/190001\.png are pairs of one name"):
        refuse_faults("llvip", pairs, with_labels=False)
    assert main(["datasets", "verify", "llvip", "--data-root", str(tmp_path)]) == 2
    assert "are pairs of one name" in capsys.readouterr().out


def test_two_folders_that_may_be_meant_are_refused_or_told(root, caplog):
    (root / "Annotations").mkdir()
    (root / "labels").mkdir()
    DATASETS["folder"].pairs(root)
    assert "labels are read from Annotations, not from labels" in caplog.text
    (root / "vi").mkdir()
    with pytest.raises(UsageError, match=r"which is meant, .*vis or .*vi\?"):
        DATASETS["folder"].pairs(root)


def test_images_of_no_ending_are_told(tmp_path, caplog):
    for name in ("a_IR", "a_VI", "overview"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros(SIZE, np.uint8))
    assert [pair.image for pair in DATASETS["folder"].pairs(tmp_path)] == ["a"]
    assert "1 images end neither on _IR nor on _VI (overview): left out" in caplog.text
