from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch

from detectors.backends.export import export_onnx
from detectors.backends.ultralytics_backend import import_ultralytics
from detectors.detector import open_detector
from detectors.training.initial import initial_tensors, load_matching
from detectors.training.loop import content_key, detector_path, train_detector
from detectors.training.recipe import Recipe
from detectors.training.training_set import Sample, forget_images, read_training_set, write_training_set

CLASSES = ("People", "Car")
RECIPE = Recipe(epochs=1, image_size=64, batch=4, warmup_epochs=0, mosaic=0.0, mosaic_free_epochs=0)


def samples(seed: int = 0):
    random = np.random.default_rng(seed)
    for i in range(4):
        image = random.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:30, 20:50] = 220
        yield Sample(f"{i:03d}", image, [("Car", 20, 10, 30, 20), ("Tram", 0, 0, 5, 5)])


def test_labels_are_written_as_fractions_of_known_classes(tmp_path):
    written = write_training_set(samples(), CLASSES, tmp_path / "set")
    assert written.images == 4
    assert (tmp_path / "set/labels/002.txt").read_text() == "1 0.546875 0.416667 0.468750 0.416667"
    assert len(list((tmp_path / "set/images").glob("*.png"))) == 4


def test_a_complete_set_is_not_made_again_and_an_incomplete_one_is(tmp_path):
    first = write_training_set(samples(), CLASSES, tmp_path / "set")

    def never():
        raise AssertionError("fused again")
        yield

    assert write_training_set(never(), CLASSES, tmp_path / "set") == first
    (tmp_path / "set/set.json").unlink()
    assert write_training_set(samples(), CLASSES, tmp_path / "set") == first
    with pytest.raises(ValueError, match="holds a training set of the classes People, Car"):
        write_training_set(never(), ("Bus",), tmp_path / "set")


def test_nothing_to_train_on_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to train on: 4 images with no box of the classes Bus"):
        write_training_set(samples(), ("Bus",), tmp_path / "set")


def test_key_names_images_recipe_and_start(tmp_path):
    one = write_training_set(samples(0), CLASSES, tmp_path / "one")
    same = write_training_set(samples(0), CLASSES, tmp_path / "same")
    other = write_training_set(samples(1), CLASSES, tmp_path / "other")
    start = tmp_path / "start.pt"
    start.write_bytes(b"weights")
    keys = [
        content_key(one, RECIPE, None, "8"),
        content_key(other, RECIPE, None, "8"),
        content_key(one, Recipe(epochs=2), None, "8"),
        content_key(one, RECIPE, start, "8"),
        content_key(one, RECIPE, None, "9"),
    ]
    assert len(set(keys)) == 5
    assert content_key(same, RECIPE, None, "8") == keys[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's exporter, which ultralytics chooses
def test_trained_detector_is_cached_loads_and_exports(tmp_path):
    training_set = write_training_set(samples(), CLASSES, tmp_path / "set")
    path = train_detector(training_set, RECIPE, tmp_path / "trained")
    assert json.loads(path.with_suffix(".json").read_text())["recipe"]["epochs"] == 1
    stamp = path.stat().st_mtime_ns
    assert train_detector(training_set, RECIPE, tmp_path / "trained") == path
    assert path.stat().st_mtime_ns == stamp
    assert {item.name for item in (tmp_path / "trained").iterdir()} == {path.name, f"{path.stem}.json"}
    again = train_detector(training_set, RECIPE, tmp_path / "elsewhere")
    assert again.read_bytes() == path.read_bytes()
    assert str(tmp_path).encode() not in zipfile.ZipFile(path).read("archive/data.pkl")
    exported = export_onnx(path, tmp_path / "small.onnx")
    assert exported.stat().st_size < 1.1 * path.stat().st_size
    settings = {"classes": CLASSES, "image_size": 64}
    pixels = next(samples()).image[None, :32].transpose(0, 3, 1, 2).astype(np.float32) / 255
    theirs, ours = (
        open_detector(file, **settings).network.run(torch.from_numpy(pixels))[0] for file in (path, exported)
    )
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    np.testing.assert_allclose(ours[4:], theirs[4:], atol=1e-4)


def test_forgotten_images_leave_what_finds_the_detector(tmp_path):
    training_set = write_training_set(samples(), CLASSES, tmp_path / "set")
    path = detector_path(training_set, RECIPE, tmp_path)
    assert training_set.has_images
    forget_images(training_set)
    found = read_training_set(tmp_path / "set")
    assert not found.has_images
    assert detector_path(found, RECIPE, tmp_path) == path
    assert [item.name for item in (tmp_path / "set").iterdir()] == ["set.json"]


def test_a_file_that_cannot_start_a_network_is_refused(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"weights")
    with pytest.raises(ValueError, match=r"broken\.pt cannot start a detector"):
        initial_tensors(tmp_path / "broken.pt")


def stop_after_first_epoch(training_set, recipe, folder, monkeypatch):
    """Train, interrupted once the first epoch is saved; returns the list in which epochs go on being noted."""
    import_ultralytics()
    from ultralytics.engine.trainer import BaseTrainer

    epochs = []
    save = BaseTrainer.save_model

    def save_then_stop(trainer):
        saved = save(trainer)
        epochs.append(trainer.epoch)
        if len(epochs) == 1:
            raise KeyboardInterrupt
        return saved

    monkeypatch.setattr(BaseTrainer, "save_model", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        train_detector(training_set, recipe, folder)
    return epochs


TWO_EPOCHS = Recipe(epochs=2, image_size=64, batch=4, mosaic=0.0)


def test_a_training_that_was_cut_off_goes_on(tmp_path, monkeypatch):
    training_set, told = write_training_set(samples(), CLASSES, tmp_path / "set"), []
    epochs = stop_after_first_epoch(training_set, TWO_EPOCHS, tmp_path / "trained", monkeypatch)
    path = train_detector(training_set, TWO_EPOCHS, tmp_path / "trained", progress=told.append)
    assert epochs == [0, 1]
    assert told == [1, 2]
    assert json.loads(path.with_suffix(".json").read_text())["resumed_after"] == 1
    tensors = initial_tensors(path)  # an ultralytics checkpoint starts another network as well
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel("yolov5n.yaml", nc=len(CLASSES), verbose=False)
    assert load_matching(model, tensors) == len(model.state_dict())


def test_a_training_whose_last_epoch_cannot_be_read_starts_again(tmp_path, monkeypatch, caplog):
    training_set = write_training_set(samples(), CLASSES, tmp_path / "set")
    epochs = stop_after_first_epoch(training_set, TWO_EPOCHS, tmp_path / "trained", monkeypatch)
    (last,) = (tmp_path / "trained").glob("*/weights/last.pt")
    last.write_bytes(last.read_bytes()[:1000])
    path = train_detector(training_set, TWO_EPOCHS, tmp_path / "trained")
    assert epochs == [0, 0, 1]
    assert "starts again" in caplog.text
    assert json.loads(path.with_suffix(".json").read_text())["resumed_after"] is None


def test_coco_tensors_start_the_anchor_free_network(weights_dir):
    import_ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    tensors = torch.load(weights_dir / "yolov5n_coco_state.pt", weights_only=True)
    model = DetectionModel("yolov5n.yaml", nc=6, verbose=False)
    assert load_matching(model, tensors) == 342
    name = "model.4.cv1.conv.weight"
    torch.testing.assert_close(model.state_dict()[name], tensors["state_dict"][name].float())
