"""Both images to the detector: one detector of four channels, and two detectors whose boxes are merged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from retrained_runs import TINY, fail_first_training, run, suite
from stand_ins import StandIn

from bench.cli import main
from bench.report import write_report
from bench.run.store import RunFolder
from detectors.detection import Detection
from detectors.merging import merge_detections
from tsdm_bench.errors import UsageError

METHODS = ("ir", "vis", "average", "stack", "late")


class Two(StandIn):
    """A detector that finds another box in grey images than in others, of one name."""

    name = "both"

    def detect(self, images: list[np.ndarray]) -> list[list[Detection]]:
        grey = [bool((image[..., :1] == image).all()) for image in images]
        return [[Detection("Car", 0.8, 10, 10, 30, 20) if is_grey else SEEN_IN_COLOUR] for is_grey in grey]


SEEN_IN_COLOUR = Detection("Car", 0.4, 12, 10, 30, 20)


def test_stack_has_a_detector_of_four_channels_and_late_those_of_the_sources(
    labelled_pairs: Path, tmp_path: Path, trainings: list
) -> None:
    folder = run(labelled_pairs, tmp_path, methods=METHODS)
    assert len(trainings) == 4  # ir, vis, average, stack
    assert [training.channels for training in trainings] == [3, 3, 3, 4]
    assert trainings[3].recipe == trainings[0].recipe
    assert trainings[3].names == trainings[0].names
    per_method = folder.record().detector.per_method
    assert per_method["late"]["views"] == ["ir", "vis"]
    of_method = folder.detections().groupby("method")["detector"].unique()
    stems = {name: Path(per_method[name]["file"]).stem for name in ("ir", "vis", "stack")}
    assert list(of_method["stack"]) == [f"retrain-{stems['stack']}"]
    assert list(of_method["late"]) == [f"retrain-{stems['ir']}+retrain-{stems['vis']}"]


def test_they_have_detections_and_no_rows(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    folder = run(labelled_pairs, tmp_path, methods=METHODS)
    assert set(folder.rows()["method"]) == {"ir", "vis", "average"}
    counts = folder.detections().groupby("method").size()
    assert counts["stack"] == counts["late"] == counts["average"] > 0
    assert folder.failures() == []


def test_late_alone_trains_the_detectors_of_its_views(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    folder = run(labelled_pairs, tmp_path, methods=("late",))
    assert len(trainings) == 2
    assert folder.record().suite.methods == ("late",)
    assert set(folder.detections()["method"]) == {"late"}
    run(labelled_pairs, tmp_path, methods=METHODS)
    assert len(trainings) == 4


def test_a_second_command_computes_nothing_again(
    labelled_pairs: Path, tmp_path: Path, trainings: list, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run(labelled_pairs, tmp_path, methods=METHODS)
    shards = sorted(path.name for path in (folder.path / "rows").iterdir())
    with caplog.at_level("INFO"):
        again = run(labelled_pairs, tmp_path, methods=METHODS)
    assert "small: 0 of" in caplog.text
    assert sorted(path.name for path in (again.path / "rows").iterdir()) == shards
    with caplog.at_level("INFO"):
        wider = run(labelled_pairs, tmp_path, methods=METHODS, severities=(0, 2, 4))
    cells = pd.DataFrame(wider.identities().keys())
    assert (cells.groupby("method").size() == 4 * 5).all()  # 4 pairs; clean, and 2 severities of 2 factors


def test_what_is_of_another_detector_is_set_aside_as_a_whole(
    labelled_pairs: Path, tmp_path: Path, trainings: list
) -> None:
    start = tmp_path / "start.pt"
    start.write_text("first")
    fields = {"weights_dir": tmp_path, "detection": {"initial": "start.pt"}, "methods": METHODS}
    first = run(labelled_pairs, tmp_path / "out", **fields).detections()
    start.write_text("second")
    folder = run(labelled_pairs, tmp_path / "out", **fields)
    aside = RunFolder(folder.path / "replaced")
    assert set(aside.identities()) == set(folder.identities())
    assert set(aside.detections()["detector"]) == set(first["detector"])
    assert set(folder.detections()["detector"]).isdisjoint(first["detector"])


def test_without_a_detector_of_one_view_late_fails_and_says_so(
    labelled_pairs: Path, tmp_path: Path, trainings: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_first_training(monkeypatch, trainings)
    folder = run(labelled_pairs, tmp_path, methods=METHODS)
    told = {failure.method: failure.error for failure in folder.failures()}
    assert told == {"ir": "no detector was trained: RuntimeError: out of memory", "late": "no detector for ir"}
    assert set(folder.detections()["method"]) == {"vis", "average", "stack"}


def test_one_detector_for_all_looks_at_both_views_of_late(
    labelled_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cell.setup.open_detector", lambda spec, **_: Two())
    monkeypatch.setattr(Two, "sha256", "0" * 64, raising=False)
    monkeypatch.setattr(Two, "class_map", {"car": "Car"}, raising=False)
    fields = {"methods": ("ir", "vis", "late"), "severities": (0,), "detection": {"protocol": "fixed"}}
    folder = run(labelled_pairs, tmp_path, **fields)
    found = folder.detections()
    assert set(found["detector"]) == {"both"}
    (expected,) = merge_detections([[Detection("Car", 0.8, 10, 10, 30, 20)], [SEEN_IN_COLOUR]], (48, 64))
    late = found[found["method"] == "late"]
    assert len(late) == len(found) // 3
    assert np.allclose(late[["score", "x", "y", "w", "h"]], expected[1:])


@pytest.mark.parametrize(
    ("methods", "fields", "told"),
    [
        (("stack",), {"detection": {"protocol": "fixed"}}, "stack needs a detector trained on 4 channels"),
        (("late",), {"detection": {"protocol": "fixed"}, "detector": None}, "late gives detections and no fused image"),
    ],
)
def test_what_cannot_be_is_refused(
    methods: tuple, fields: dict, told: str, labelled_pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        run(labelled_pairs, tmp_path, methods=methods, **fields)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--methods", "ir,stack", "--out", "OUT"], "use --protocol retrain, or leave stack out"),
        (["--methods", "late", "--detector", "none", "--out", "OUT"], "this run has no detector"),
        (["--methods", "sci+stack", "--out", "OUT"], "unknown method 'stack'"),
        (["fuse", "--method", "stack", "--ir", "A", "--vis", "B", "--out", "OUT"], "makes no fused image"),
    ],
)
def test_the_command_line_says_it_in_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(tmp_path) if word == "OUT" else word for word in arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "\n" not in error


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_synthetic_scenes_through_real_trainings_to_the_tables(tmp_path: Path) -> None:
    tiny = {"recipe": TINY | {"image_size": 64}, "limit": 8}
    fields = suite(dataset="synthetic", methods=("vis", "stack", "late"), factors=(), severities=(0,), limit=2)
    fields = fields.model_dump(mode="json") | {"detection": {"protocol": "retrain"} | tiny}
    fields["detector"]["confidence"] = 0.0
    (tmp_path / "tiny.yaml").write_text(json.dumps(fields))
    command = ["--suite", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path), "--workers", "1", "--device", "cpu"]
    assert main([*command, "--panels", "1"]) == 0
    folder = RunFolder.existing(tmp_path / "small/latest")
    assert set(folder.detections()["method"]) == {"vis", "stack", "late"}
    table = (folder.path / "tables/detection.md").read_text()
    assert "Stack (4 channels)" in table
    assert "Late (boxes merged)" in table
    fusion = (folder.path / "tables/fusion.md").read_text()
    assert "| Stack (4 channels) | n/a |" in fusion
    assert "INCOMPLETE" not in fusion


def test_a_report_of_nothing_but_unfused_methods(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    folder = run(labelled_pairs, tmp_path, methods=("stack", "late"))
    write_report(folder)
    assert "Stack (4 channels)" in (folder.path / "tables/detection.md").read_text()
    assert "could not be made" not in (folder.path / "log.txt").read_text()
