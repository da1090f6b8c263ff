"""Boxes in the JSON format of COCO, for anyone who wants to evaluate them with another tool."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def to_coco(
    truth: pd.DataFrame, detections: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> tuple[dict, list[dict]]:
    """(ground truth, results) as COCO's ``instances.json`` and ``results.json`` hold them.

    Image ids count from 0 in the order of ``images``, category ids from 1 in the order of ``classes``; rows of other
    images or classes are left out. A difficult object becomes a crowd, COCO's only word for what is not to be counted
    (the IoU with a crowd is another one, see :mod:`detectors.evaluation.matching`).
    """
    image_id = {name: i for i, name in enumerate(images)}
    category_id = {name: i for i, name in enumerate(classes, start=1)}

    def known(table: pd.DataFrame) -> list[dict]:
        rows = table[table["image"].isin(image_id) & table["class"].isin(category_id)].to_dict("records")
        return [
            {
                "image_id": image_id[row["image"]],
                "category_id": category_id[row["class"]],
                "bbox": [float(row[side]) for side in "xywh"],
                **({"score": float(row["score"])} if "score" in row else {"iscrowd": int(row.get("difficult", False))}),
            }
            for row in rows
        ]

    annotations = [
        {"id": i, **row, "area": row["bbox"][2] * row["bbox"][3]} for i, row in enumerate(known(truth), start=1)
    ]
    instances = {
        "images": [{"id": i, "file_name": name} for name, i in image_id.items()],
        "categories": [{"id": i, "name": name} for name, i in category_id.items()],
        "annotations": annotations,
    }
    return instances, known(detections)
