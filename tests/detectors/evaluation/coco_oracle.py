"""What pycocotools says of the same boxes, in the JSON form in which they are exported."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence

import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detectors.evaluation import coco_format


def coco_evaluation(
    truth: pd.DataFrame, found: pd.DataFrame, images: Sequence[str], classes: Sequence[str]
) -> COCOeval:
    """Its evaluation, accumulated and summarized, of what JSON makes of the boxes."""
    instances = json.loads(json.dumps(coco_format.instances(truth, images, classes)))
    results = json.loads(json.dumps(coco_format.results(found, images, classes)))
    with contextlib.redirect_stdout(io.StringIO()):
        objects = COCO()
        objects.dataset = instances
        objects.createIndex()
        evaluation = COCOeval(objects, objects.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation
