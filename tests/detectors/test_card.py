"""Detectors by name: their files are found, checked and downloaded as those of methods are."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import detectors.detector
from detectors.card import COCO_LABELS, DETECTORS, DetectorCard
from detectors.detector import find_weights
from tsdm_bench.weights.card import WeightFile

CONTENT = b"a detector"
FILE = WeightFile(
    name="tiny.onnx", bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(), licence="MIT", source="here"
)
CARD = DetectorCard(
    name="tiny",
    title="Tiny",
    labels=COCO_LABELS,
    image_size=64,
    source="here",
    licence="MIT",
    backend="onnxruntime",
    weights=(FILE, replace(FILE, name="tiny_state.pt")),
)


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Empty weights directory, package folder and cache, with the card ``tiny`` of that package."""
    places = [tmp_path / name for name in ("given", "package", "cache/weights")]
    for place in places:
        place.mkdir(parents=True)
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    card = replace(CARD, weights=tuple(replace(file, folder=places[1]) for file in CARD.weights))
    monkeypatch.setitem(DETECTORS._cards, CARD.name, card)
    return places


@pytest.mark.parametrize(("spec", "name"), [("tiny", "tiny.onnx"), ("tiny.onnx",) * 2, ("tiny_state.pt",) * 2])
def test_a_carded_file_is_looked_for_in_the_weights_directory_then_its_package_then_the_cache(folders, spec, name):
    for folder in reversed(folders):
        (folder / name).write_bytes(CONTENT)
        assert find_weights(spec, folders[0]) == folder / name


def test_another_file_of_a_carded_name_is_refused(folders):
    (folders[2] / FILE.name).write_bytes(b"a detectos")
    with pytest.raises(ValueError, match=r"tiny.onnx is not tiny.onnx \(10 bytes, sha256"):
        find_weights("tiny", folders[0])


def test_a_path_means_the_file_at_that_path_even_where_a_card_has_its_name(folders, tmp_path):
    (tmp_path / FILE.name).write_bytes(b"my own")
    (folders[1] / FILE.name).write_bytes(CONTENT)
    assert find_weights(FILE.name, None) == folders[1] / FILE.name
    assert find_weights(f"./{FILE.name}", None).read_bytes() == b"my own"
    assert find_weights(tmp_path / FILE.name, None).read_bytes() == b"my own"


def test_a_file_that_is_nowhere_is_one_line_with_the_remedy(folders):
    with pytest.raises(FileNotFoundError, match=r"tiny.onnx has no address .*--weights-dir") as caught:
        find_weights("tiny", folders[0])
    assert "\n" not in str(caught.value)


def test_where_no_server_answers_the_next_detector_of_a_suite_can_be_tried(folders, monkeypatch):
    def offline(file, weights_dir):
        raise ConnectionError(f"cannot download {file.name}")

    monkeypatch.setattr(detectors.detector, "fetch", offline)
    with pytest.raises(FileNotFoundError, match=r"cannot download tiny.onnx"):
        find_weights("tiny", folders[0])


def test_a_card_says_whether_its_file_is_here(folders):
    for card in (DETECTORS["tiny"], DETECTORS["yolo11n.pt"]):
        assert not card.is_here(folders[0])
        (folders[0] / (card.weights[0].name if card.weights else card.name)).write_bytes(CONTENT)
        assert card.is_here(folders[0])


def test_every_card_names_a_file_with_its_hash_or_is_official():
    for name, card in DETECTORS.items():
        assert all((card.title, card.labels, card.source, card.licence)), name
        if card.weights:
            assert card.weights[0].name == name
            assert all(len(file.sha256) == 64 and file.bytes for file in card.weights)
        else:
            assert card.backend == "ultralytics"
            assert card.download


def test_the_files_at_hand_are_those_of_the_cards(weights_dir):
    names = [file.name for card in DETECTORS.values() for file in card.weights if (weights_dir / file.name).is_file()]
    assert names
    for name in names:
        assert find_weights(name, weights_dir) == weights_dir / name
