"""Settings of a training: shipped ones, the paper's values, and what does not fit."""

from __future__ import annotations

import pytest

from fusion.tsdm.training.config import load_config
from fusion.tsdm.training.shipped import config_names
from tsdm_bench.errors import UsageError


@pytest.mark.parametrize("kind", ["teacher", "student"])
def test_shipped_configurations_load(kind):
    assert (
        config_names(kind)
        == {
            "teacher": ["teacher", "teacher_reduced"],
            "student": ["student", "student_colours", "student_lite", "student_reduced"],
        }[kind]
    )
    for name in config_names(kind):
        assert load_config(kind, name).kind == kind


def test_the_full_configurations_hold_the_papers_values():
    teacher, student = load_config("teacher", "teacher"), load_config("student", "student")
    assert (teacher.batch, teacher.epochs, teacher.data.patch, teacher.data.flips) == (16, 50, (128, 256), False)
    assert (teacher.optimiser.learning_rate, teacher.optimiser.step_epochs, teacher.optimiser.factor) == (5e-4, 10, 0.5)
    assert teacher.loss.ssim_weight == 0.001
    assert (student.batch, student.epochs, student.data.patch) == (6, 150, (128, 256))
    assert (student.optimiser.learning_rate, student.optimiser.step_epochs) == (5e-4, 30)
    assert (student.discriminator.learning_rate, student.discriminator.step_epochs) == (1e-4, 30)
    loss = student.loss
    assert (loss.adversarial_from_epoch, loss.charbonnier_weight, loss.content_weight) == (80, 10, 1)
    assert (loss.adversarial_weight, loss.generator_labels, loss.content_backbone) == (0.005, "swapped", "vgg19")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {sources: [a]}\nbatches: 4", "batches = 4: no such field; the fields are data, "),
        ("data: {sources: [a]}\nbatch: 0", "batch = 0: input should be greater than or equal to 1"),
        ("data: {sources: [a], patch: [100, 64]}", r"data\.patch: expected multiples of 64, got \[100, 64\]"),
        ("batch: 4", "data is missing"),
        ("data: {sources: []}", r"data\.sources = \[\]: tuple should have at least 1 item"),
        ("- a", "expected a mapping of fields"),
        ("a: [", "not valid YAML"),
        ("data: {sources: [a], degrade: gpu}", "data.degrade = 'gpu': input should be 'auto', 'patches' or 'batches'"),
        ("data: {sources: [a]}\ndegradation: {noise_sigma: [9, 2]}", "expected lower bound"),
    ],
)
def test_bad_settings_are_named(tmp_path, text, message):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        load_config("student", str(tmp_path / "config.yaml"))
    assert "\n" not in str(error.value)


def test_a_teachers_patch_holds_the_window_of_its_ssim(tmp_path):
    (tmp_path / "config.yaml").write_text("data: {sources: [a], patch: [8, 32]}")
    with pytest.raises(UsageError, match=r"data\.patch: expected sides of at least 11, got \[8, 32\]"):
        load_config("teacher", str(tmp_path / "config.yaml"))


def test_an_unknown_configuration_lists_those_there_are(tmp_path):
    with pytest.raises(UsageError, match="give a YAML file or one of: teacher, teacher_reduced"):
        load_config("teacher", str(tmp_path / "gone.yaml"))


def test_settings_can_be_replaced_by_name():
    config = load_config(
        "student", "student", {"epochs": 3, "data.patch": [64, 64], "loss.content_backbone": "vgg19_random"}
    )
    assert (config.epochs, config.data.patch, config.loss.content_backbone) == (3, (64, 64), "vgg19_random")
