"""Boxes in the JSON format of COCO, for anyone who wants to evaluate them with another tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

SIDES = ["x", "y", "w", "h"]


def instances(
    truth: pd.DataFrame,
    images: Sequence[str],
    classes: Sequence[str],
    of_images: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict:
    """The ground truth as COCO's ``instances.json``; ``of_images`` adds fields to images, such as width and height.

    Ids of images and categories count from 1 in the order of ``images`` and ``classes``; rows of other images or
    classes are left out.

    A difficult object becomes a crowd, COCO's only word for what is not to be counted: ``iscrowd`` is what its tools
    read, ``ignore`` what older converters wrote. Average precision takes it for one, too
    (:mod:`detectors.evaluation.matching`).

    >>> columns = ["image", "class", *SIDES, "difficult"]
    >>> truth = pd.DataFrame([("a", "Car", 1.0, 2.0, 30.0, 40.0, True)], columns=columns)
    >>> instances(truth, ["a"], ["Car"])["annotations"][0]["iscrowd"]
    1
    """
    rows, image_id, category_id = _known(truth, images, classes)
    difficult = rows["difficult"].astype(int).tolist() if "difficult" in rows else [0] * len(rows)
    boxes = rows[SIDES].astype(float).to_numpy().tolist()
    where = zip(image_id.tolist(), category_id.tolist(), boxes, difficult, strict=True)
    annotations = [
        {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3],
         "iscrowd": crowd, "ignore": crowd}
        for number, (image, category, box, crowd) in enumerate(where, start=1)
    ]  # fmt: skip
    more = of_images or {}
    return {
        "images": [{"id": i, "file_name": name} | dict(more.get(name, {})) for i, name in enumerate(images, start=1)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes, start=1)],
        "annotations": annotations,
    }


def results(detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]) -> list[dict]:
    """Detections of one method under one condition as COCO's ``results.json``, with the ids of :func:`instances`."""
    return [
        {"image_id": int(image), "category_id": int(category), "bbox": box, "score": score}
        for image, *box, score, category in result_rows(detections, images, classes).tolist()
    ]


def result_rows(detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """The same as pycocotools' ``loadNumpyAnnotations`` takes it: N×7 of image id, x, y, w, h, score, category id."""
    rows, image_id, category_id = _known(detections, images, classes)
    return np.column_stack([image_id, rows[[*SIDES, "score"]].to_numpy(float), category_id])


def _known(
    table: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The rows of ``images`` and ``classes``, with the ids of both."""
    image, category = pd.Index(images).get_indexer(table["image"]), pd.Index(classes).get_indexer(table["class"])
    known = (image >= 0) & (category >= 0)
    return table[known], image[known] + 1, category[known] + 1
