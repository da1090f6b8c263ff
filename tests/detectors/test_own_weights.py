from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from bench.datasets.pair import M3FD_CLASSES
from bench.datasets.synthetic import scenes
from detectors.card import CARDS, OWN_WEIGHTS, cards
from detectors.detector import open_detector
from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.matching import DETECTION_COLUMNS, TRUTH_COLUMNS

NAME = "yolov5p_synthetic.onnx"
HELD_OUT_SEED = 2002


def test_the_file_is_that_of_its_card_and_small():
    card = next(card for card in CARDS if card.name == NAME)
    content = (OWN_WEIGHTS / NAME).read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert card.sha256 in (OWN_WEIGHTS / NAME).with_suffix(".md").read_text()
    assert len(content) <= 3e6


def test_cards_say_what_is_here(tmp_path):
    available = {card["name"]: card["available"] for card in cards(tmp_path)}
    assert available[NAME]
    assert not available["yolox_nano.onnx"]
    (tmp_path / "yolox_nano.onnx").write_bytes(b"")
    assert {card["name"]: card["available"] for card in cards(tmp_path)}["yolox_nano.onnx"]


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
