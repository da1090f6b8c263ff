from __future__ import annotations

import os
import signal
from functools import partial

import numpy as np
import pytest
import torch
from reference_run import filled
from small_training import CPU, DATA, pairs, run, student_config, teacher_config
from torch import nn

from fusion.tsdm.networks.lite import LiteStudent
from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import export, load_network, read_state
from fusion.tsdm.training.loop import train, update_average
from fusion.tsdm.training.packing import export_checkpoint
from fusion.tsdm.training.resume import BEST, LAST, read_checkpoint
from fusion.tsdm.training.trainers import TeacherTrainer

pytest.importorskip("lightning.fabric")


@pytest.fixture(scope="module")
def teacher_weights(tmp_path_factory):
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "teacher.safetensors"
    export(Teacher().state_dict(), path)
    return path


def same(a, b) -> bool:
    """Whether two nested states hold the same numbers, bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def assert_same_run(first, second):
    a, b = read_checkpoint(first / LAST), read_checkpoint(second / LAST)
    for name in ("modules", "optimisers", "ema"):
        assert same(a[name], b[name]), name
    assert a["progress"]["history"] == b["progress"]["history"]
    assert a["progress"]["step"] == b["progress"]["step"]


@pytest.mark.parametrize(("kind", "degrade"), [("teacher", "auto"), ("student", "patches"), ("student", "batches")])
def test_two_and_two_epochs_are_four(tmp_path, teacher_weights, kind, degrade):
    config = partial({"teacher": teacher_config, "student": student_config}[kind], data=DATA | {"degrade": degrade})
    options = {"teacher": teacher_weights if kind == "student" else None}
    run(config(epochs=4), tmp_path / "whole", **options)
    run(config(epochs=2), tmp_path / "parts", **options)
    torch.manual_seed(99)
    outcome = run(config(epochs=4), tmp_path / "parts", resume=True, **options)
    assert outcome.finished
    assert [epoch["epoch"] for epoch in outcome.progress.history] == [1, 2, 3, 4]
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_student_learns_the_same_from_patches_and_from_batches(tmp_path, teacher_weights):
    histories = {}
    for degrade in ("patches", "batches"):
        config = student_config(epochs=1, data=DATA | {"degrade": degrade})
        histories[degrade] = run(config, tmp_path / degrade, teacher=teacher_weights).progress.history
    for name, value in histories["patches"][0].items():
        assert histories["batches"][0][name] == pytest.approx(value, rel=1e-2), name


def test_ctrl_c_stops_after_the_step_at_hand_and_resuming_gives_the_uninterrupted_run(tmp_path, teacher_weights):
    config = student_config(epochs=2)
    run(config, tmp_path / "whole", teacher=teacher_weights)
    reads = []

    def interrupt_at_the_third_read():
        reads.append(1)
        if len(reads) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)  # not the default one where the tests run in the background
    outcome = train(
        config, pairs(3, interrupt_at_the_third_read), [], tmp_path / "parts",
        teacher=teacher_weights, hardware=CPU, progress_bar=False,
    )  # fmt: skip
    assert not outcome.finished
    assert outcome.progress.epoch == 1
    assert 0 < outcome.progress.batch <= 3
    assert signal.getsignal(signal.SIGINT) is handler
    assert run(config, tmp_path / "parts", resume=True, teacher=teacher_weights).finished
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_training_lowers_the_loss_and_notes_what_it_did(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outcome = run(teacher_config(epochs=6, ema_decay=0.5), tmp_path, facts={"data": "test pairs"})
    history = outcome.progress.history
    assert history[-1]["l1"] < 0.7 * history[0]["l1"]
    assert history[-1]["validation_loss"] < 0.7 * history[0]["validation_loss"]
    best = read_checkpoint(tmp_path / BEST)
    assert best["progress"]["best"] == min(epoch["validation_loss"] for epoch in history)
    assert best["facts"]["data"] == "test pairs"
    events = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert {"train/l1", "train/total", "rate/network", "validation/loss"} <= set(events.Tags()["scalars"])
    assert [round(event.value, 5) for event in events.Scalars("train/l1")] == [round(e["l1"], 5) for e in history]
    assert len(events.Images("validation/0")) == 6


def test_the_late_stage_trains_student_and_discriminator(tmp_path, teacher_weights):
    loss = {"adversarial_from_epoch": 2, "content_backbone": "vgg19_random"}
    config = student_config(data=DATA | {"patch": (64, 64), "crops_per_pair": 1}, loss=loss)
    torch.manual_seed(5)
    outcome = train(config, pairs(2), [], tmp_path, teacher=teacher_weights, hardware=CPU, progress_bar=False)
    early, late = outcome.progress.history
    assert {"l1", "total"} <= set(early)
    assert "adversarial" not in early
    assert {"charbonnier", "content", "adversarial", "discriminator"} <= set(late)
    assert late["total"] == pytest.approx(late["charbonnier"] + late["content"] + late["adversarial"], rel=1e-5)
    state = read_checkpoint(tmp_path / LAST)
    assert set(state["modules"]) == {"network", "discriminator"}
    steps = {name: {int(s["step"]) for s in o["state"].values()} for name, o in state["optimisers"].items()}
    assert steps == {"network": {2}, "discriminator": {1}}


def test_learning_rates_follow_the_steps(tmp_path):
    optimiser = {"learning_rate": 1e-3, "step_epochs": 2, "factor": 0.5}
    history = run(teacher_config(epochs=5, optimiser=optimiser), tmp_path).progress.history
    assert [epoch["rate_network"] for epoch in history] == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4]


def test_the_learning_rate_falls_to_zero_over_the_last_epochs(tmp_path):
    optimiser = {"learning_rate": 1e-3, "decay_epochs": 2, "gradient_norm": 0.1}
    history = run(teacher_config(epochs=4, optimiser=optimiser), tmp_path).progress.history
    assert [epoch["rate_network"] for epoch in history] == [1e-3, 1e-3, 1e-3, 5e-4]


def test_the_light_student_trains_on_whole_images_and_resumes(tmp_path, teacher_weights):
    data = DATA | {"whole_images": True, "smallest_scale": 0.5, "grey_probability": 0.2, "permute_colours": True}
    lite = {"network": "lite", "sharpen": False, "variety": [{"share": 0.3, "step_probability": 0.5}]}

    def config(epochs):
        return student_config(data=data, epochs=epochs, **lite)

    run(config(2), tmp_path / "whole", teacher=teacher_weights)
    run(config(1), tmp_path / "parts", teacher=teacher_weights)
    outcome = run(config(2), tmp_path / "parts", teacher=teacher_weights, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert [epoch["epoch"] for epoch in outcome.progress.history] == [1, 2]
    export_checkpoint(tmp_path / "whole" / LAST, tmp_path / "lite.safetensors", half=True)
    load_network(LiteStudent(), tmp_path / "lite.safetensors")
    card = (tmp_path / "lite.md").read_text()
    assert "- **network**: TSDM-Fusion student, lite, weights averaged" in card
    assert "- **degradation of 30%**: each step with probability 0.5\n" in card


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_epoch(tmp_path):
    settings = {"optimiser": {"learning_rate": 1e15}, "data": DATA | {"crops_per_pair": 1}}
    options = {"hardware": CPU, "progress_bar": False}
    train(teacher_config(epochs=1, **settings), pairs(3), [], tmp_path, **options)
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(ValueError, match="the loss is not finite at epoch 2, step 2") as error:
        train(teacher_config(epochs=3, **settings), pairs(3), [], tmp_path, resume=True, **options)
    assert "holds epoch 1" in str(error.value)
    assert "lower optimiser.learning_rate" in str(error.value)
    assert (tmp_path / LAST).read_bytes() == before


def test_weights_that_diverged_are_not_saved(tmp_path):
    config = teacher_config(optimiser={"learning_rate": 1e15}, data=DATA | {"crops_per_pair": 1})
    with pytest.raises(ValueError, match="validation after epoch 1 gave loss nan: the weights have diverged"):
        run(config, tmp_path)
    assert not (tmp_path / LAST).exists()


def test_a_network_that_collapses_ends_the_run_and_the_best_epoch_stays(tmp_path, monkeypatch):
    results = iter([0.2, 0.1, 0.35, 0.25, 0.31, 0.32, 0.33])
    monkeypatch.setattr(TeacherTrainer, "validate", lambda *_: ({"loss": next(results)}, []))
    with pytest.raises(ValueError, match=r"3 epochs on end gave loss near 0\.33 where the best was 0\.1: the network"):
        run(teacher_config(epochs=9, data=DATA | {"crops_per_pair": 1}), tmp_path)
    assert read_checkpoint(tmp_path / LAST)["progress"]["epoch"] == 7
    assert read_checkpoint(tmp_path / BEST)["progress"]["best"] == 0.1


def test_a_checkpoint_is_whole_even_if_writing_the_next_one_fails(tmp_path, monkeypatch):
    run(teacher_config(epochs=1), tmp_path)
    before = (tmp_path / LAST).read_bytes()

    def half_written(content, stream):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        run(teacher_config(epochs=2), tmp_path, resume=True)
    assert (tmp_path / LAST).read_bytes() == before


def test_the_running_average():
    torch.manual_seed(0)
    network, average = nn.Linear(3, 2), nn.Linear(3, 2)
    start = average.weight.detach().clone()
    update_average(average, network, 0.9, 1000)
    torch.testing.assert_close(average.weight, 0.9 * start + 0.1 * network.weight)
    update_average(average, network, 0.9, 0)
    torch.testing.assert_close(average.weight, 0.1 * (0.9 * start + 0.1 * network.weight) + 0.9 * network.weight)


@pytest.mark.parametrize("half", [False, True])
def test_an_exported_checkpoint_is_the_average_with_its_card(tmp_path, teacher_weights, half):
    facts = {"data": "3 test pairs", "command": "train student"}
    run(student_config(), tmp_path, teacher=teacher_weights, facts=facts)
    export_checkpoint(tmp_path / BEST, tmp_path / "out" / "tsdm_student.safetensors", half)
    network = load_network(Student(), tmp_path / "out" / "tsdm_student.safetensors")
    expected = read_checkpoint(tmp_path / BEST)["ema"]
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, expected[key].half().float() if half else expected[key], atol=0, rtol=0)
    for key, value in read_state(tmp_path / BEST).items():
        assert torch.equal(value, expected[key])
    card = (tmp_path / "out" / "tsdm_student.md").read_text()
    for part in ("3 test pairs", "train student", "**seed**: 0", "| psnr |", "hardware", "learning_rate 0.0005"):
        assert part in card
    assert ("float16" in card) is half


def test_training_starts_from_given_weights(tmp_path):
    torch.manual_seed(5)
    start = Teacher().state_dict()
    export(start, tmp_path / "start.safetensors")
    config = teacher_config(epochs=1, initial="start.safetensors", optimiser={"learning_rate": 1e-9})
    run(config, tmp_path / "run", initial=tmp_path / "start.safetensors")
    for name, value in read_checkpoint(tmp_path / "run" / LAST)["modules"]["network"].items():
        torch.testing.assert_close(value, start[name], atol=1e-6, rtol=0)
    export_checkpoint(tmp_path / "run" / BEST, tmp_path / "tuned.safetensors")
    assert "- **started from**: start.safetensors" in (tmp_path / "tuned.md").read_text()
    export({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="does not fit Teacher"):
        run(config, tmp_path / "other", initial=tmp_path / "other.safetensors")


def test_runs_that_cannot_start_say_why(tmp_path, teacher_weights):
    with pytest.raises(ValueError, match="no training pairs"):
        train(teacher_config(), [], [], tmp_path, hardware=CPU)
    with pytest.raises(ValueError, match=r"6 patches an epoch .* do not fill a batch of 64"):
        run(teacher_config(batch=64), tmp_path)
    with pytest.raises(ValueError, match="needs the weights of a teacher"):
        run(student_config(), tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        run(teacher_config(), tmp_path, resume=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / LAST).write_text("something else")
    with pytest.raises(ValueError, match="already holds a training run; add --resume"):
        run(teacher_config(), tmp_path)
    with pytest.raises(ValueError, match="no training checkpoint"):
        run(teacher_config(), tmp_path, resume=True)


def test_a_resumed_run_refuses_other_settings_by_name(tmp_path):
    run(teacher_config(epochs=1), tmp_path)
    with pytest.raises(ValueError, match=r"batch was 2, now 3; loss\.ssim_sign was 'corrected', now 'official'"):
        run(teacher_config(epochs=2, batch=3, loss={"ssim_sign": "official"}), tmp_path, resume=True)


def test_the_student_is_validated_against_the_teacher_on_the_same_degraded_pair(tmp_path, teacher_weights):
    history = run(student_config(epochs=1), tmp_path, teacher=teacher_weights).progress.history
    for name in ("psnr", "ssim", "psnr_of_teacher_on_degraded", "ssim_of_teacher_on_degraded"):
        assert np.isfinite(history[0][f"validation_{name}"])
    assert filled(Student()).training is False
