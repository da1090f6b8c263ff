"""Boxes in the JSON format of COCO, for anyone who wants to evaluate them with another tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

SIDES = ["x", "y", "w", "h"]


def to_coco(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> tuple[dict, list[dict]]:
    """(ground truth, results) as COCO's ``instances.json`` and ``results.json`` hold them.

    Ids of images and categories count from 1 in the order of ``images`` and ``classes``; rows of other images or
    classes are left out.
    """
    return instances(truth, images, classes), results(detections, images, classes)


def instances(
    truth: pd.DataFrame,
    images: Sequence[str],
    classes: Sequence[str],
    of_images: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict:
    """The ground truth; ``of_images`` adds fields to images, such as width and height.

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
    where = zip(image_id, category_id, boxes, difficult, strict=True)
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
    """The detections of one method under one condition."""
    rows, image_id, category_id = _known(detections, images, classes)
    boxes, scores = rows[SIDES].astype(float).to_numpy().tolist(), rows["score"].astype(float).tolist()
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(image_id, category_id, boxes, scores, strict=True)
    ]


def _known(table: pd.DataFrame, images: Sequence[str], classes: Sequence[str]) -> tuple[pd.DataFrame, list, list]:
    """The rows of ``images`` and ``classes``, with the ids of both."""
    image, category = pd.Index(images).get_indexer(table["image"]), pd.Index(classes).get_indexer(table["class"])
    known = (image >= 0) & (category >= 0)
    return table[known], (image[known] + 1).tolist(), (category[known] + 1).tolist()
