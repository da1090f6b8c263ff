from __future__ import annotations

import pytest
import torch
from plain_student import plain_student
from reference_run import filled, pattern

from fusion.tsdm.kernels.layout import window_orders
from fusion.tsdm.networks import student as student_module
from fusion.tsdm.networks.discriminator import Discriminator
from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import DERIVED_BUFFERS

NETWORKS = {"student_keys": Student, "teacher_keys": Teacher, "discriminator_keys": Discriminator}
TOLERANCE = 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_state_dict_keys_and_shapes_are_the_authors(reference, name):
    theirs = {key: shape for key, shape in reference.facts[name].items() if not key.endswith(DERIVED_BUFFERS)}
    ours = {key: list(value.shape) for key, value in NETWORKS[name]().state_dict().items()}
    assert ours == theirs


def test_parameter_counts_of_the_paper():
    assert sum(p.numel() for p in Student().parameters()) == 634_707
    assert sum(p.numel() for p in Teacher().parameters()) == 2_341_728


@torch.no_grad()
def test_teacher_gives_the_reference_output(reference):
    ir, _, y = reference.inputs()
    fused = filled(Teacher(), reference.facts["teacher_keys"])(ir, y)
    torch.testing.assert_close(fused, reference.tensor("teacher_64x96"), atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_student_gives_the_reference_output(reference):
    ir, vis, _ = reference.inputs()
    student = filled(Student(), reference.facts["student_keys"])
    torch.testing.assert_close(student(ir, vis), reference.tensor("student_64x96"), atol=TOLERANCE, rtol=0)
    rows = student(pattern(128, 256, 1, 0.8), pattern(128, 256, 3, 2.2))[..., ::16, :]
    torch.testing.assert_close(rows, reference.tensor("student_128x256_rows0_127_step16"), atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_discriminator_gives_the_reference_output(reference):
    logit = filled(Discriminator(), reference.facts["discriminator_keys"])(pattern(128, 256, 3, 2.2))
    torch.testing.assert_close(logit, reference.tensor("discriminator_128x256_eval"), atol=TOLERANCE, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 8, 8), (2, 8, 40), (3, 24, 16), (2, 40, 72)])
def test_student_equals_its_plain_form_for_any_batch_and_size(batch, height, width):
    student = filled(Student())
    ir = torch.cat([pattern(height, width, 1, 0.3 * i) for i in range(batch)])
    vis = torch.cat([pattern(height, width, 3, 2 + 0.5 * i) for i in range(batch)])
    plain = plain_student(student.state_dict(), ir, vis)
    torch.testing.assert_close(student(ir, vis), plain, atol=TOLERANCE, rtol=0)


def test_student_with_gradients_equals_the_in_place_form():
    student = filled(Student())
    ir, vis = pattern(24, 40, 1, 0.8).repeat(2, 1, 1, 1), pattern(24, 40, 3, 2.2).repeat(2, 1, 1, 1)
    with torch.no_grad():
        in_place = student(ir, vis)
    torch.testing.assert_close(student(ir, vis), in_place, atol=TOLERANCE, rtol=0)


def test_what_inference_remembers_can_be_trained_with():
    for remembered in (
        window_orders,
        student_module._relative_position_index,
        student_module._shift_masks,
    ):
        remembered.cache_clear()
    student = filled(Student())
    with torch.inference_mode():
        student(pattern(16, 24, 1, 0.8), pattern(16, 24, 3, 2.2))
    student(pattern(16, 24, 1, 0.8), pattern(16, 24, 3, 2.2)).mean().backward()
    assert student.conv_first_ir.weight.grad.abs().sum() > 0


def test_student_gradients_are_those_of_the_plain_form():
    student = filled(Student())
    ir, vis = pattern(16, 24, 1, 0.8), pattern(16, 24, 3, 2.2)
    parameters = dict(student.named_parameters())
    used = {key: p for key, p in parameters.items() if p.requires_grad}
    fast = torch.autograd.grad(student(ir, vis).square().mean(), used.values())
    plain = torch.autograd.grad(plain_student(parameters, ir, vis).square().mean(), used.values())
    for key, a, b in zip(used, fast, plain, strict=True):
        torch.testing.assert_close(
            a, b, atol=1e-4 * b.abs().max().item() + 1e-7, rtol=0, msg=lambda m, k=key: f"{k}: {m}"
        )


def test_gradients_under_bfloat16_are_those_of_float32():
    """Sums over all tokens, as for the biases of the normalisation layers, must not be taken in bfloat16."""
    student = filled(Student())
    ir, vis = pattern(64, 64, 1, 0.8), pattern(64, 64, 3, 2.2)
    biases = {key: p for key, p in student.named_parameters() if "norm" in key}
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = student(ir, vis)
        gradients.append(torch.autograd.grad((output.float() - vis).square().mean(), biases.values()))
    for key, exact, rounded in zip(biases, *gradients, strict=True):
        assert (exact - rounded).norm() < 0.1 * exact.norm(), key


def test_only_the_unused_convolution_gets_no_gradient():
    frozen = {key for key, p in Student().named_parameters() if not p.requires_grad}
    assert frozen == {"conv_first.weight", "conv_first.bias"}


def test_stochastic_depth_drops_a_branch_for_a_whole_sample():
    torch.manual_seed(0)
    student = filled(Student()).train()
    ir, vis = pattern(16, 16, 1, 0.8).repeat(8, 1, 1, 1), pattern(16, 16, 3, 2.2).repeat(8, 1, 1, 1)
    outputs = student(ir, vis).detach()
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-2)
    group = student.layers[0].residual_group
    group.drop_path = [0.5] * 6
    tokens = torch.rand(1, 16, 16, 48).repeat(8, 1, 1, 1)
    with torch.no_grad():
        results = group(tokens)
    # Two branches in each of six blocks, each kept or dropped: samples differ, yet a sample is dropped as a whole.
    kept_all = filled(Student()).layers[0].residual_group.blocks[0]
    windows = tokens[0].view(2, 8, 2, 8, 48).transpose(1, 2).reshape(4, 64, 48)
    dropped = kept_all(windows, kept_all.attn.biases(shifted=False), ((4, 0),), torch.zeros(2, 4, 1, 1))
    torch.testing.assert_close(dropped, windows)
    assert len({round(result.sum().item(), 2) for result in results}) > 1


@pytest.mark.parametrize(("ir", "vis"), [((1, 1, 12, 16), (1, 3, 12, 16)), ((1, 1, 16, 20), (1, 3, 16, 20))])
def test_student_refuses_sides_that_are_no_multiple_of_the_window(ir, vis):
    with pytest.raises(ValueError, match="multiples of 8"):
        Student()(torch.zeros(ir), torch.zeros(vis))


@torch.no_grad()
def test_discriminator_for_another_patch_size_and_its_limits():
    assert Discriminator((64, 64)).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 1)
    with pytest.raises(ValueError, match="multiples of 64"):
        Discriminator((96, 128))
    with pytest.raises(ValueError, match=r"made for \(64, 64\)"):
        Discriminator((64, 64))(torch.rand(1, 3, 64, 128))
