"""One detector per method: what it is trained on, that nothing is trained twice, and what a user is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from retrained_runs import TINY, fail_first_training, run, suite

from bench.cell.setup import Setup
from bench.cli import main
from bench.plan import CLEAN
from bench.report import write_report
from bench.run.retraining import training_conditions
from bench.run.store import RunFolder
from detectors.training.recipe import Recipe
from tsdm_bench.errors import UsageError

PAIRS = 12


def test_one_detector_per_method_trained_on_its_images_and_tested_on_the_others(
    labelled_pairs: Path, tmp_path: Path, trainings: list
) -> None:
    folder = run(labelled_pairs, tmp_path, seed=5)
    trained_on, tested_on = set(trainings[0].names), set(folder.rows()["image"])
    assert trained_on | tested_on == {f"{index:02d}" for index in range(PAIRS)}
    assert trained_on & tested_on == set()
    assert len(tested_on) == PAIRS // 3
    assert trainings[0].names == trainings[1].names
    assert trainings[0].sha256 != trainings[1].sha256
    assert trainings[0].recipe == trainings[1].recipe == Recipe(**TINY | {"seed": 5})
    described = folder.record().detector
    of_method = folder.detections().groupby("method")["detector"].unique()
    for method, facts in described.per_method.items():
        assert list(of_method[method]) == [f"retrain-{Path(facts['file']).stem}"]
    assert described.protocol == "retrain"
    assert described.training["images"] == 8
    assert not list((folder.path / "detectors").glob("*/images"))  # training images do not fill the disk


def test_the_report_names_the_protocol(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    folder = run(labelled_pairs, tmp_path)
    write_report(folder)
    assert "yolov5p (1 epochs at 96 pixels on 8 images)" in (folder.path / "index.html").read_text()
    assert "protocol retrain" in (folder.path / "tables/detection.md").read_text()


def test_nothing_is_trained_twice(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    first = run(labelled_pairs, tmp_path, methods=("ir",))
    assert len(trainings) == 1
    again = run(labelled_pairs, tmp_path, severities=(0, 2, 4))
    assert again.path == first.path
    assert len(trainings) == 2  # vis alone
    other = run(labelled_pairs, tmp_path, metrics=("en", "sd"))
    assert other.path != first.path
    assert len(trainings) == 2  # the same content in another run of the suite
    assert other.record().detector.per_method.keys() == {"ir", "vis"}
    shutil.rmtree(other.path.parent)
    run(labelled_pairs, tmp_path)
    assert len(trainings) == 4


def test_a_lost_detector_is_trained_again_from_fused_images(
    labelled_pairs: Path, tmp_path: Path, trainings: list
) -> None:
    folder = run(labelled_pairs, tmp_path, methods=("ir",))
    next((folder.path / "detectors").glob("*.pt")).unlink()
    run(labelled_pairs, tmp_path, methods=("ir",))
    assert trainings[0] == trainings[1]


def test_a_run_stopped_between_two_trainings_goes_on_with_the_second(
    labelled_pairs: Path, tmp_path: Path, trainings: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.run import retraining

    train = retraining.train_detector

    def stop_at_the_second(*args, **kwargs):
        if len(trainings) == 1:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    monkeypatch.setattr(retraining, "train_detector", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(labelled_pairs, tmp_path)
    monkeypatch.setattr(retraining, "train_detector", train)
    folder = run(labelled_pairs, tmp_path)
    assert len({training.sha256 for training in trainings}) == len(trainings) == 2
    assert set(folder.rows()["method"]) == {"ir", "vis"}


def test_a_method_whose_training_fails_is_told_and_left_out(
    labelled_pairs: Path, tmp_path: Path, trainings: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_first_training(monkeypatch, trainings)
    folder = run(labelled_pairs, tmp_path)
    assert set(folder.rows()["method"]) == {"vis"}
    (failure,) = folder.failures()
    assert (failure.method, failure.error) == ("ir", "no detector was trained: RuntimeError: out of memory")
    assert "ir" in folder.record().left_out


def test_augmented_trains_on_clean_and_on_degraded_images(labelled_pairs: Path, tmp_path: Path, trainings: list):
    folder = run(labelled_pairs, tmp_path, detection={"protocol": "retrain-augmented", "degraded": 2})
    names = trainings[0].names
    assert len(names) == 8 * 3
    assert {name for name in names if "-" not in name} == {name.partition("-")[0] for name in names}
    assert trainings[1].names == names
    assert folder.record().detector.training["images"] == len(names)
    assert all(name.startswith("retrain-augmented-") for name in folder.detections()["detector"])


def test_degraded_training_conditions_are_drawn_from_the_suite_and_the_training_severities() -> None:
    augmented = suite(detection={"protocol": "retrain-augmented", "degraded": 3})
    setup = Setup(augmented, {}, "folder", ("Car",), ("en",), None, "cpu", 1)
    drawn = [training_conditions(f"{index:02d}", setup) for index in range(40)]
    assert drawn == [training_conditions(f"{index:02d}", setup) for index in range(40)]
    assert all(of[0] == CLEAN and len(set(of)) == 4 for of in drawn)
    degraded = {condition for of in drawn for condition in of[1:]}
    assert {condition.factor for condition in degraded} == {"jpeg", "gaussian_blur"}
    assert {condition.severity for condition in degraded} == {1, 2, 3}
    other = Setup(augmented.model_copy(update={"seed": 1}), {}, "folder", ("Car",), ("en",), None, "cpu", 1)
    assert drawn != [training_conditions(f"{index:02d}", other) for index in range(40)]


def test_after_other_initial_weights_every_detector_is_trained_and_used_anew(
    labelled_pairs: Path, tmp_path: Path, trainings: list, caplog: pytest.LogCaptureFixture
) -> None:
    start = tmp_path / "start.pt"
    start.write_text("first")
    fields = {"weights_dir": tmp_path, "detection": {"initial": "start.pt"}}
    run(labelled_pairs, tmp_path / "out", **fields)
    assert trainings[0].initial == start
    start.write_text("second")
    folder = run(labelled_pairs, tmp_path / "out", **fields)
    assert len(trainings) == 4
    assert "the detector has another recipe, start or training set" in caplog.text
    names = {f"retrain-{Path(facts['file']).stem}" for facts in folder.record().detector.per_method.values()}
    assert set(folder.detections()["detector"]) == names
    assert set(RunFolder(folder.path / "replaced").rows()["method"]) == {"ir", "vis"}


@pytest.mark.parametrize(
    ("detection", "message"),
    [
        ({"initial": "absent.pt"}, r"no initial weights .*absent\.pt.*leave out detection\.initial"),
        ({"limit": 7}, r"7 labelled training pairs of folder; expected at least 8"),
    ],
)
def test_what_is_missing_is_told_before_any_training(
    detection: dict, message: str, labelled_pairs: Path, tmp_path: Path, trainings: list
) -> None:
    with pytest.raises(UsageError, match=message):
        run(labelled_pairs, tmp_path, detection=detection)
    assert trainings == []


def test_unlabelled_and_unreadable_pairs_are_told(labelled_pairs: Path, tmp_path: Path, trainings: list) -> None:
    root = tmp_path / "pairs"
    shutil.copytree(labelled_pairs, root)
    whole = (root / "vis/03.png").read_bytes()
    (root / "vis/03.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"a training pair cannot be read: .*03\.png"):
        run(root, tmp_path / "out")
    shutil.rmtree(root / "labels")
    with pytest.raises(UsageError, match="no labelled pair to train on"):
        run(root, tmp_path / "out")
    assert trainings == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_demo_scenes_are_enough_to_train_for_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    fields = suite(dataset="synthetic", methods=("average",), factors=(), severities=(0,), limit=2).model_dump(
        mode="json"
    )
    fields["detection"] |= {"limit": 8}
    (tmp_path / "tiny.yaml").write_text(json.dumps(fields))
    monkeypatch.chdir(tmp_path)
    command = ["--suite", "tiny.yaml", "--out", "out", "--workers", "1", "--device", "cpu", "--panels", "0"]
    assert main(command) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.yaml", "out"}  # nothing is written elsewhere
    latest = (tmp_path / "out/small/latest").resolve()
    info = json.loads((latest / "run.json").read_text())
    (trained,) = info["detector"]["per_method"].values()
    assert trained["images"] == 8
    assert {path.name for path in (latest / "detectors").iterdir() if path.is_file()} == {
        trained["file"],
        trained["file"].replace(".pt", ".json"),
    }
    output = capfd.readouterr()
    assert "fuse with average" in output.err
    assert "train for average" in output.err
    assert "Ultralytics" not in output.out + output.err
    assert output.out.startswith("results: ")
    stamp = (latest / "detectors" / trained["file"]).stat().st_mtime_ns
    assert main([*command, "--no-report"]) == 0
    assert (latest / "detectors" / trained["file"]).stat().st_mtime_ns == stamp
    assert "fuse with average" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--detector", "none"), "protocol retrain needs detection"),
        (("--detector", "mine.pt"), "--detector mine.pt is for protocol fixed"),
        (("--image-size", "100"), "multiple of 32"),
    ],
)
def test_options_that_contradict_the_protocol(
    arguments: tuple, told: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["--protocol", "retrain", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "\n" not in error
