"""What a run folder remembers is of: a stored cell counts as done only while nothing it depends on has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from small_runs import run, values
from stand_ins import StandIn

from bench.cli import main
from bench.metrics import METRICS
from bench.run.store import RunFolder
from degradation.factor import FACTORS
from detectors.detection import Detection
from fusion.method import METHODS


@pytest.fixture(autouse=True)
def _no_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a method costs is of no interest here, and measuring one's own takes a process."""
    monkeypatch.setattr("bench.run.flow.write_costs", lambda *_: None)


def results(folder: Path, value: int) -> Path:
    folder.mkdir(parents=True)
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((96, 128, 3), value + index, np.uint8))
    return folder


def test_another_folder_behind_one_name_is_read(pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = results(tmp_path / "v1", 10), results(tmp_path / "v2", 90)
    run(pairs, tmp_path / "out", methods=("ir", f"mine=folder:{first}"))
    folder = run(pairs, tmp_path / "out", methods=("ir", f"mine=folder:{second}"))
    fresh = run(pairs, tmp_path / "fresh", methods=("ir", f"mine=folder:{second}"))
    pd.testing.assert_frame_equal(values(folder), values(fresh))
    assert "3 stored cells" in caplog.text
    assert "method mine is mine=folder:" in caplog.text
    assert set(RunFolder(folder.path / "replaced").rows()["method"]) == {"mine"}


def test_a_folder_of_equal_results_elsewhere_is_the_same(pairs: Path, tmp_path: Path, loaded: list[str]) -> None:
    first = results(tmp_path / "v1", 10)
    run(pairs, tmp_path / "out", methods=(f"mine=folder:{first}",))
    shutil.copytree(first, tmp_path / "moved")
    loaded.clear()
    run(pairs, tmp_path / "out", methods=(f"mine=folder:{tmp_path / 'moved'}",))
    assert loaded == []


def test_one_changed_result_is_computed_again_and_no_other(pairs: Path, tmp_path: Path) -> None:
    mine = results(tmp_path / "mine", 10)
    first = values(run(pairs, tmp_path / "out", methods=(f"mine=folder:{mine}",)))
    cv2.imwrite(str(mine / "1.png"), np.full((96, 128, 3), 77, np.uint8))
    folder = run(pairs, tmp_path / "out", methods=(f"mine=folder:{mine}",))
    second = values(folder)
    changed = first["value"] != second["value"]
    assert set(first.loc[changed, "image"]) == {"1"}
    assert set(RunFolder(folder.path / "replaced").rows()["image"]) == {"1"}


def own_code(tmp_path: Path, share: float) -> str:
    (tmp_path / "helper_of_own.py").write_text(f"SHARE = {share}\n")
    own = tmp_path / "own.py"
    own.write_text("from helper_of_own import SHARE\n\ndef fuse(ir, vis):\n    return vis * SHARE + ir * (1 - SHARE)\n")
    return f"mine={own}:fuse"


def test_changed_code_of_ones_own_is_run_again(pairs: Path, tmp_path: Path) -> None:
    tables = []
    for share in (0.5, 0.25):
        places = ["--suite", str(suite_file(tmp_path)), "--data-root", str(pairs), "--out", str(tmp_path / "out")]
        methods = ["--methods", own_code(tmp_path, share), "--device", "cpu", "--workers", "1"]
        assert main([*places, *methods, "--no-report"]) == 0
        tables.append(values(RunFolder.existing(tmp_path / "out/small/latest")))
    assert (tables[0]["value"] != tables[1]["value"]).all()


def suite_file(tmp_path: Path) -> Path:
    file = tmp_path / "suite.yaml"
    file.write_text("name: small\ndataset: folder\nmethods: [ir]\nfactors: []\nseverities: [0]\nmetrics: [mse]\n")
    return file


@pytest.mark.parametrize("names", [("ir",), ("vis",)])
def test_a_method_of_another_version_is_computed_again_and_the_others_stay(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[str], names: tuple[str, ...]
) -> None:
    run(pairs, tmp_path)
    for name in names:
        monkeypatch.setitem(METHODS._cards, name, replace(METHODS[name], version="new"))
    loaded.clear()
    folder = run(pairs, tmp_path)
    assert set(loaded) == set(names)
    assert folder.record().methods[names[0]].version == "new"
    loaded.clear()
    run(pairs, tmp_path)
    assert loaded == []


def test_recompute_runs_one_method_again(pairs: Path, tmp_path: Path, loaded: list[str]) -> None:
    first = values(run(pairs, tmp_path))
    loaded.clear()
    folder = run(pairs, tmp_path, recompute=("vis",))
    assert set(loaded) == {"vis"}
    pd.testing.assert_frame_equal(values(folder), first)


def test_an_image_replaced_under_its_name_is_scored_as_it_is(
    pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(pairs, tmp_path / "out")
    shutil.copyfile(pairs / "vis/0.png", pairs / "vis/2.png")
    folder = run(pairs, tmp_path / "out")
    pd.testing.assert_frame_equal(values(folder), values(run(pairs, tmp_path / "fresh")))
    assert "the image files of 2 changed" in caplog.text
    assert set(RunFolder(folder.path / "replaced").rows()["image"]) == {"2"}


def test_a_changed_ladder_recomputes_its_severity_alone(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"factors": ("noise_gray", "jpeg"), "severities": (0, 3, 5)}
    run(pairs, tmp_path, **fields)
    factor = FACTORS["noise_gray"]
    ladder = {modality: (*rungs[:4], {"sigma": 99.0}) for modality, rungs in factor.ladder.items()}
    monkeypatch.setitem(FACTORS._cards, "noise_gray", replace(factor, ladder=ladder))
    replaced = RunFolder(run(pairs, tmp_path, **fields).path / "replaced").rows()
    assert set(zip(replaced["factor"], replaced["severity"], strict=True)) == {("noise_gray", 5)}


def test_a_factor_of_another_version_is_run_again(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"factors": ("noise_gray", "jpeg"), "severities": (0, 3)}
    run(pairs, tmp_path, **fields)
    monkeypatch.setitem(FACTORS._cards, "jpeg", replace(FACTORS["jpeg"], version="new"))
    replaced = RunFolder(run(pairs, tmp_path, **fields).path / "replaced").rows()
    assert set(replaced["factor"]) == {"jpeg"}


def test_a_metric_of_another_definition_is_computed_again(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(pairs, tmp_path)
    monkeypatch.setitem(METRICS._cards, "en", replace(METRICS["en"], version="new"))
    folder = run(pairs, tmp_path)
    assert "metric en is defined otherwise (version new, was 1)" in caplog.text
    assert len(RunFolder(folder.path / "replaced").identities()) == len(folder.identities()) == 6


# --- labels and classes ---


class _Finder(StandIn):
    """Finds two objects in every image, whatever it shows; knows the classes it was opened with."""

    def __init__(self, *_: object, classes: tuple[str, ...], **__: object) -> None:
        self.name, self.sha256 = "finder", "0" * 64
        self.class_map = {name.lower(): name for name in classes}

    def detect(self, images: list[np.ndarray]) -> list[list[Detection]]:
        boxes = {"Car": (10.0, 20.0, 32.0, 24.0), "People": (60.0, 20.0, 10.0, 30.0)}
        return [[Detection(name, 0.9, *boxes[name]) for name in self.class_map.values()] for _ in images]


@pytest.fixture
def detecting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFolder]:
    monkeypatch.setattr("bench.cell.setup.open_detector", _Finder)
    return lambda root, out, **fields: run(root, out, detector={"weights": "any"}, **fields)


def detections(folder: RunFolder) -> pd.DataFrame:
    columns = ["image", "method", "class", "score"]
    return folder.detections().sort_values(columns, ignore_index=True)


def as_voc(pairs: Path) -> None:
    """Label the pairs by VOC files, where a missing one means that the pair is not labelled."""
    shutil.rmtree(pairs / "labels")
    (pairs / "Annotations").mkdir()
    size = "<size><width>128</width><height>96</height><depth>3</depth></size>"
    box = "<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>42</xmax><ymax>44</ymax></bndbox>"
    for index in range(3):
        text = f"<annotation>{size}<object><name>Car</name>{box}</object></annotation>"
        (pairs / f"Annotations/{index}.xml").write_text(text)


def test_labels_added_later_are_looked_for(pairs: Path, tmp_path: Path, detecting: Callable[..., RunFolder]) -> None:
    as_voc(pairs)
    (pairs / "Annotations/2.xml").rename(tmp_path / "later.xml")
    assert set(detections(detecting(pairs, tmp_path / "out"))["image"]) == {"0", "1"}
    (tmp_path / "later.xml").rename(pairs / "Annotations/2.xml")
    folder = detecting(pairs, tmp_path / "out")
    pd.testing.assert_frame_equal(detections(folder), detections(detecting(pairs, tmp_path / "fresh")))


def test_changed_labels_count_without_detecting_again(
    pairs: Path, tmp_path: Path, detecting: Callable[..., RunFolder], loaded: list[str]
) -> None:
    detecting(pairs, tmp_path / "out")
    (pairs / "labels/2.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    loaded.clear()
    folder = detecting(pairs, tmp_path / "out")
    assert loaded == []
    truth = folder.truth().set_index("image").loc["2"]
    assert (truth["w"], truth["h"]) == (32, 24)


def test_a_class_list_that_grew_with_the_pairs_is_looked_for_in_all_of_them(
    pairs: Path, tmp_path: Path, detecting: Callable[..., RunFolder], caplog: pytest.LogCaptureFixture
) -> None:
    (pairs / "classes.txt").write_text("Car\nPeople\n")
    (pairs / "labels/2.txt").write_text("1 0.5 0.5 0.1 0.3\n")
    assert set(detections(detecting(pairs, tmp_path / "out", limit=1))["class"]) == {"Car"}
    folder = detecting(pairs, tmp_path / "out")
    pd.testing.assert_frame_equal(detections(folder), detections(detecting(pairs, tmp_path / "fresh")))
    assert "the classes are Car, People (were Car)" in caplog.text


def test_other_settings_of_the_detector_are_another_run(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cell.setup.open_detector", _Finder)
    first = run(pairs, tmp_path, detector={"weights": "any", "iou": 0.7})
    second = run(pairs, tmp_path, detector={"weights": "any", "iou": 0.5})
    assert first.path != second.path


def test_another_detector_under_one_name_detects_again(
    pairs: Path, tmp_path: Path, detecting: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    detecting(pairs, tmp_path)

    class Other(_Finder):
        def __init__(self, *_: object, **settings: object) -> None:
            super().__init__(**settings)
            self.sha256 = "1" * 64

        def detect(self, images: list[np.ndarray]) -> list[list[Detection]]:
            return [[Detection("Car", 0.5, 0.0, 0.0, 5.0, 5.0)] for _ in images]

    monkeypatch.setattr("bench.cell.setup.open_detector", Other)
    assert set(detections(detecting(pairs, tmp_path))["score"]) == {0.5}
