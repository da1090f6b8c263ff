"""The boxes of a run in COCO's form: truth once, detections per method and condition, and how tools load them.

The pairs are those that the report rests on, so that every tool can give the numbers of its tables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.plan import CLEAN, Condition
from bench.report.layout import describe
from bench.report.summary import CONDITION, Labelled, computed, labelled_part, selected
from bench.run.store import RunFolder
from degradation.mixed_condition import file_word
from detectors.evaluation.coco_format import instances, results
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_text
from tsdm_bench.names import check_image_name
from tsdm_bench.words import counted

TRUTH, MANIFEST, README = "truth/instances.json", "manifest.json", "README.md"


def write_coco(folder: RunFolder, place: Path) -> list[Path]:
    """Write truth, detections, ``manifest.json`` and ``README.md`` into ``place`` and return the files, README first.

    ``detections/FACTOR/SEVERITY/MODALITY/METHOD.json`` is a list of results, ``truth/instances.json`` the objects of
    the pairs that they are of; a method that lacks some pairs has a truth of its own, which the manifest names. Raises
    ``UsageError`` where the run has no rows or no detections of labelled objects.
    """
    record, pairs = folder.record(), folder.pairs()
    cells = computed(folder, selected(folder.rows(), record.suite, pairs["image"]), record, pairs)
    if cells.empty:
        raise UsageError(f"{folder.path} has no rows yet; repeat the command of the run to complete it")
    run = describe(record, cells, pairs)
    part = labelled_part(folder, record.suite, run.basis.of(cells))
    if part is None:
        what = "no detector" if record.suite.detector is None else "no labelled object in its pairs"
        raise UsageError(
            f"{folder.path} has {what}, so there are no boxes to export; run a suite with a detector on a labelled "
            f"dataset (`run_bench.py list datasets`)"
        )
    of_images = _of_images(pairs)
    truths: dict[tuple[str, ...], str] = {}
    written: list[Path] = []
    listed = []
    for (*condition, method), images, found in _cells(part):
        if images not in truths:
            truths[images] = TRUTH if not truths else f"truth/instances-{len(truths) + 1}.json"
            _write(place / truths[images], instances(part.truth, images, record.classes, of_images), written)
        path = _place(Condition(*condition), method)
        _write(place / path, results(found, images, record.classes), written)
        listed.append(
            {"method": method, **dict(zip(CONDITION, condition, strict=True)), "truth": truths[images],
             "detections": path.as_posix(), "images": len(images)}
        )  # fmt: skip
    manifest = {
        "run": folder.path.name,
        "suite": record.suite.name,
        "dataset": record.dataset.name,
        "detector": record.detector_facts.name,
        "protocol": record.detector_facts.protocol,
        "classes": list(record.classes),
        "cells": listed,
    }
    _write(place / MANIFEST, manifest, written)
    write_text(place / README, _readme(listed, part, pairs))
    return [place / README, place / MANIFEST, *written[:-1]]


def _cells(part: Labelled) -> list[tuple[tuple, tuple[str, ...], pd.DataFrame]]:
    """(factor, severity, modality, method), its images and its detections; those of most images first."""
    by = [*CONDITION, "method"]
    boxes = dict(list(part.detections.groupby(by, sort=False)))
    nothing = part.detections.iloc[:0]
    cells = [
        (key, tuple(sorted(set(own["image"]))), boxes.get(key, nothing))
        for key, own in part.cells.groupby(by, sort=False)
    ]
    return sorted(cells, key=lambda cell: -len(cell[1]))


def _place(condition: Condition, method: str) -> Path:
    factor, severity, modality = condition
    word = file_word(factor)
    for part in (word, modality, method):
        check_image_name(part)
    return Path("detections", word, str(severity), modality, f"{method}.json")


def _of_images(pairs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """File name, width and height by image; runs before they were noted have the name of the image alone."""
    found = {}
    for row in pairs.itertuples(index=False):
        known: dict[str, Any] = {"file_name": row.file if isinstance(row.file, str) else f"{row.image}.png"}
        if pd.notna(row.width) and pd.notna(row.height):
            known |= {"width": int(row.width), "height": int(row.height)}
        found[row.image] = known
    return found


def _write(path: Path, what: object, written: list[Path]) -> None:
    write_text(path, json.dumps(what, ensure_ascii=False) + "\n")
    written.append(path)


def _readme(cells: Sequence[dict[str, Any]], part: Labelled, pairs: pd.DataFrame) -> str:
    first = next((cell for cell in cells if cell["factor"] == CLEAN.factor), cells[0])
    truth = part.truth[part.truth["image"].isin(part.cells["image"])]
    ignored = int(truth["difficult"].sum())
    objects = f"{counted(len(truth) - ignored, 'object')}"
    if ignored:
        objects += (
            f", and {ignored} that count neither way (marked difficult or crowd): `iscrowd: 1`, as the tools below and "
            f"the tables of the run take them"
        )
    used = pairs[pairs["image"].isin(part.cells["image"])]
    lacking = "" if used[["width", "height"]].notna().all(axis=None) else NO_SIZES
    return TEXT.format(
        truth=first["truth"], found=first["detections"], method=first["method"], number=len(cells), objects=objects,
        images=max(cell["images"] for cell in cells), lacking=lacking,
    )  # fmt: skip


NO_SIZES = """
The images have no `width` and `height` here, which FiftyOne and `convert_coco` need: the run was made before they were
noted. Repeat its command (nothing is computed again) and export once more.
"""
TEXT = """# Boxes in COCO's form

`{truth}`: {objects} in {images} images. `detections/FACTOR/SEVERITY/MODALITY/METHOD.json`: what the detector found in
the images of each method under each condition, {number} files. `manifest.json` lists them, each with the truth that it
belongs to. The lines below load `{found}`; run them in this folder.
{lacking}
## pycocotools

```python
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

truth = COCO("{truth}")
evaluation = COCOeval(truth, truth.loadRes("{found}"), "bbox")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
```

AP, AP50, AP75 and so on are those of class `all` in `tables/detection.csv` of the run. (`loadRes` of pycocotools
refuses an empty list: that method found nothing at all, and its AP is 0.)

## hotcoco

```python
from hotcoco import COCO, COCOeval

truth = COCO("{truth}")
evaluation = COCOeval(truth, truth.load_res("{found}"), "bbox")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
```

## FiftyOne

`images` is the folder of the visible images; or of a method's fused images under the same file names.

```python
import json

import fiftyone as fo
import fiftyone.utils.coco as fouc

dataset = fo.Dataset.from_dir(
    dataset_type=fo.types.COCODetectionDataset, data_path=images, labels_path="{truth}", include_id=True
)
categories = json.load(open("{truth}"))["categories"]
fouc.add_coco_labels(dataset, "{method}", "{found}", categories, coco_id_field="coco_id")
result = dataset.evaluate_detections("{method}", gt_field="detections", method="coco", compute_mAP=True)
```

## ultralytics

`yolo val` reads labels as text, a file per image, and detects by itself. This writes the labels (objects that count
neither way are left out, as its validator has no word for them):

```python
from ultralytics.data.converter import convert_coco

convert_coco("truth", save_dir="yolo", cls91to80=False)
```

Its AP of the boxes stored here: `run_bench.py report RUN --ap ultralytics`.
"""
