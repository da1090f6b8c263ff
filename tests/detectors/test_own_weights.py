from __future__ import annotations

import numpy as np
import pandas as pd

from bench.datasets.pair import M3FD_CLASSES
from bench.datasets.synthetic import scenes
from detectors.card import DETECTORS
from detectors.detector import open_detector
from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.matching import DETECTION_COLUMNS, TRUTH_COLUMNS
from tsdm_bench.weights.location import locate

NAME = "yolov5p_synthetic.onnx"
HELD_OUT_SEED = 2002


def test_the_file_is_that_of_its_card_and_small():
    (file,) = DETECTORS[NAME].weights
    path = locate(file)
    assert path.parent == file.folder
    assert file.sha256 in path.with_suffix(".md").read_text()
    assert file.bytes <= 3e6


def test_finds_objects_in_scenes_it_was_not_trained_on():
    detector = open_detector(NAME, classes=M3FD_CLASSES, image_size=416)
    pairs, truth, found = scenes(5, seed=HELD_OUT_SEED), [], []
    for pair in pairs:
        ir, vis = pair.read()
        average = ((ir[..., None].astype(np.uint16) + vis) // 2).astype(np.uint8)
        truth += [(pair.image, *box) for box in pair.boxes]
        found += [(pair.image, *box) for box in detector.detect([average])[0]]
    table = average_precision(
        pd.DataFrame(truth, columns=list(TRUTH_COLUMNS)),
        pd.DataFrame(found, columns=list(DETECTION_COLUMNS)),
        [pair.image for pair in pairs],
        M3FD_CLASSES,
    ).set_index("class")
    assert table.loc["Car", "AP50"] > 0.45
    assert table.loc["Lamp", "AP50"] > 0.45
