"""Boxes of a run as COCO's JSON: other tools read the files, and give the numbers of its tables."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bench.cell.rows import CellResult, DetectionRow, Row
from bench.cli import main
from bench.datasets.pair import Box, Pair
from bench.plan import CLEAN, Condition
from bench.report.precision import detection_precision
from bench.report.summary import labelled_part
from bench.run.store import RunFolder
from bench.statistics.detection import detection_table

Make = Callable[..., RunFolder]
METHODS, NOISE = ("a", "b"), Condition("noise_gray", 5, "both")
MEASURES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR"]
STATISTICS = [0, 1, 2, 3, 4, 5, 8]
"""Of pycocotools, the same."""


@pytest.fixture
def crowded(make_run: Make) -> RunFolder:
    """Random boxes: objects of three sizes, a fifth of them difficult, and detections of all qualities."""
    folder = make_run(methods=METHODS, found={"a": 1.0, "b": 1.0}, severities=(0, 5), metrics=("psnr",))
    random = np.random.default_rng(0)
    pairs, result = [], CellResult()
    for image in sorted(folder.pairs()["image"]):
        boxes = [Box(str(random.choice(["Car", "Bus"])), *random.uniform(0, 300, 2), *random.uniform(10, 130, 2))
                 for _ in range(9)]  # fmt: skip
        files = (Path(f"{image}.jpg"), Path(f"{image}.jpg"))
        pairs.append(Pair(image, image, lambda: None, tuple(boxes[:7]), difficult=tuple(boxes[7:]), files=files,
                          size=(384, 512)))  # fmt: skip
        for condition in (CLEAN, NOISE):
            for method in METHODS:
                result.rows.append(Row("folder", image, image, *condition, 0, method, "psnr", "clean", 1.0, 0.1))
                for box in boxes * 2:
                    moved = np.array(box[1:]) + random.normal(0, 0.1, 4) * box[3]
                    score = round(float(random.random()), 2)
                    result.detections.append(
                        DetectionRow("folder", image, *condition, method, "net", box.label, score, *map(float, moved))
                    )
    for kind in ("rows", "detections"):
        for path in (folder.path / kind).glob("*.parquet"):
            path.unlink()
    folder.write_pairs(pairs)
    folder.append([result])
    return folder


def evaluated(truth: Path, found: Path) -> COCOeval:
    """pycocotools, as the README of the export has it."""
    with contextlib.redirect_stdout(io.StringIO()):
        objects = COCO(str(truth))
        evaluation = COCOeval(objects, objects.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def exported(folder: RunFolder) -> tuple[Path, dict]:
    assert main(["export", str(folder.path), "--to", "coco"]) == 0
    place = folder.path / "export" / "coco"
    return place, json.loads((place / "manifest.json").read_text())


def expected(folder: RunFolder) -> pd.DataFrame:
    part = labelled_part(folder, folder.record().suite, folder.rows())
    table = detection_table(detection_precision(part, folder.record(), resamples=2).samples)
    return table[table["class"] == "all"].set_index(["factor", "severity", "method"]).sort_index()


def test_every_file_gives_the_precision_of_the_tables_with_crowds(crowded: RunFolder, capsys) -> None:
    place, manifest = exported(crowded)
    assert f"coco: {place / 'README.md'}" in capsys.readouterr().out
    table = expected(crowded)
    assert len(manifest["cells"]) == 4
    for cell in manifest["cells"]:
        evaluation = evaluated(place / cell["truth"], place / cell["detections"])
        ours = table.loc[(cell["factor"], cell["severity"], cell["method"]), MEASURES]
        np.testing.assert_allclose(ours.to_numpy(float), evaluation.stats[STATISTICS], rtol=0, atol=1e-12)
    assert "8 that count neither way" in (place / "README.md").read_text()


def test_hotcoco_reads_the_files_and_agrees(crowded: RunFolder) -> None:
    import hotcoco

    place, manifest = exported(crowded)
    table = expected(crowded)
    for cell in manifest["cells"]:
        objects = hotcoco.COCO(str(place / cell["truth"]))
        evaluation = hotcoco.COCOeval(objects, objects.load_res(str(place / cell["detections"])), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.summarize()
        ours = table.loc[(cell["factor"], cell["severity"], cell["method"]), MEASURES]
        np.testing.assert_allclose(ours.to_numpy(float), np.array(evaluation.stats)[STATISTICS], rtol=0, atol=1e-12)


def test_ultralytics_makes_its_labels_of_the_truth(crowded: RunFolder, tmp_path: Path) -> None:
    """``convert_coco`` needs sizes, and leaves crowds out."""
    from detectors.backends.ultralytics_backend import import_ultralytics

    import_ultralytics()
    from ultralytics.data.converter import convert_coco

    place, _ = exported(crowded)
    convert_coco(str(place / "truth"), save_dir=str(tmp_path / "yolo"), cls91to80=False)
    (label, *_) = sorted((tmp_path / "yolo/labels/instances").glob("*.txt"))
    rows = np.loadtxt(label, ndmin=2)
    truth = crowded.truth()
    own = truth[(truth["image"] == label.stem) & ~truth["difficult"]]
    assert len(rows) == len(own) == 7
    np.testing.assert_allclose(np.sort(rows[:, 3] * 512), np.sort(own["w"]), rtol=1e-4)
    assert set(rows[:, 0]) <= {0, 1}


def test_truth_has_what_fiftyone_asks_for(crowded: RunFolder) -> None:
    """Its importer reads file_name, width and height of every image, and integer ids that detections refer to."""
    place, manifest = exported(crowded)
    truth = json.loads((place / "truth/instances.json").read_text())
    assert {image["file_name"] for image in truth["images"]} == {f"scene {letter}.jpg" for letter in "abcd"}
    assert {(image["width"], image["height"]) for image in truth["images"]} == {(512, 384)}
    assert [category["name"] for category in truth["categories"]] == ["Car", "Bus"]
    found = json.loads((place / manifest["cells"][0]["detections"]).read_text())
    assert {row["image_id"] for row in found} <= {image["id"] for image in truth["images"]}
    assert {row["category_id"] for row in found} <= {category["id"] for category in truth["categories"]}


def test_a_method_that_lacks_pairs_has_a_truth_of_its_own(make_run: Make) -> None:
    """Else what it was not asked to find would count as missed."""
    folder = make_run(
        found={"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 1.0}, lost=lambda method, image, severity: method == "b" and
        severity == 5 and image != "scene a"
    )  # fmt: skip
    place, manifest = exported(folder)
    sizes = {}
    for cell in manifest["cells"]:
        images = json.loads((place / cell["truth"]).read_text())["images"]
        assert len(images) == cell["images"]
        sizes[cell["method"], cell["severity"]] = len(images)
    assert sizes["b", 5] == 1
    assert sizes["a", 5] == sizes["b", 1] == 4
    assert "`width`" in (place / "README.md").read_text()  # what older runs did not note


def test_a_run_without_boxes_is_refused_in_a_line(make_run: Make, capsys) -> None:
    folder = make_run("none")
    assert main(["export", str(folder.path), "--to", "coco"]) == 2
    told = capsys.readouterr().err
    assert "has no detector, so there are no boxes to export" in told
    assert told.count("\n") == 1
    assert not (folder.path / "export" / "coco").exists()
    empty = make_run("empty", found={"ir": 1, "vis": 1, "a": 1, "b": 1}, lost=lambda *_: True)
    assert main(["export", str(empty.path), "--to", "coco"]) == 2
    assert "has no rows yet" in capsys.readouterr().err
