from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from reference_run import pattern

from fusion.tsdm.training import losses
from fusion.tsdm.training.config import StudentLoss

RELATIVE = 2e-5


@pytest.fixture
def prediction():
    return pattern(64, 96, 1, 0.9)


def test_terms_of_the_teacher_loss_are_those_of_the_release(reference, prediction):
    ir, _, y = reference.inputs()
    expected = reference.facts["losses"]
    for source, name in ((ir, "ir"), (y, "vi")):
        assert losses.gradient_loss(prediction, source).item() == pytest.approx(expected[f"grad_{name}"], rel=RELATIVE)
        assert losses.ssim(prediction, source).item() == pytest.approx(expected[f"ssim_{name}"], abs=1e-5)
        assert F.l1_loss(prediction, source).item() == pytest.approx(expected[f"l1_{name}"], rel=RELATIVE)
    total = losses.teacher_loss(prediction, ir, y, ssim_sign="official")["total"]
    assert total.item() == pytest.approx(expected["teacher_total_official_sign"], rel=RELATIVE)


def test_charbonnier_of_the_release(reference):
    _, vis, _ = reference.inputs()
    value = losses.charbonnier(vis, pattern(64, 96, 3, 2.0)).item()
    assert value == pytest.approx(reference.facts["losses"]["charbonnier_vi_vs_shifted"], rel=RELATIVE)


def test_ssim_agrees_with_scikit_image_and_has_a_gradient(prediction):
    structural_similarity = pytest.importorskip("skimage.metrics").structural_similarity
    other = pattern(64, 96, 1, 0.2).requires_grad_()
    value = losses.ssim(prediction, other)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    images = (x.detach().numpy()[0, 0] for x in (prediction, other))
    assert value.item() == pytest.approx(structural_similarity(*images, data_range=1.0, **window), abs=1e-5)
    value.backward()
    assert other.grad.abs().sum() > 0


def test_ssim_of_images_smaller_than_its_window_is_refused():
    with pytest.raises(ValueError, match=r"at least 11 pixels, got \(10, 64\)"):
        losses.ssim(torch.zeros(1, 1, 10, 64), torch.zeros(1, 1, 10, 64))


def test_a_failed_download_names_settings_that_exist(monkeypatch):
    weights = pytest.importorskip("torchvision.models").VGG19_Weights

    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(weights, "get_state_dict", offline)
    with pytest.raises(ValueError, match="no network") as error:
        losses.ContentLoss("vgg19")
    settings = set(re.findall(r"loss\.(\w+)", str(error.value)))
    assert len(settings) == 3
    assert settings <= set(StudentLoss.model_fields)


def test_the_corrected_sign_rewards_similarity_and_the_official_one_does_not(prediction):
    worse = (prediction + 0.3 * torch.randn_like(prediction)).clamp(0, 1)
    terms = {
        sign: [losses.teacher_loss(x, prediction, prediction, ssim_sign=sign)["ssim"] for x in (prediction, worse)]
        for sign in ("corrected", "official")
    }
    assert terms["corrected"][0] < terms["corrected"][1]
    assert terms["official"][0] > terms["official"][1]


def test_a_perfect_fusion_of_two_equal_sources_costs_nothing(prediction):
    assert losses.teacher_loss(prediction, prediction, prediction)["total"].item() == pytest.approx(0, abs=1e-6)


def test_the_relativistic_losses_by_their_definition():
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.5], [-1.5]])
    real_side, fake_side = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    expected = -real_side.log().mean() - (1 - fake_side).log().mean()
    torch.testing.assert_close(losses.discriminator_loss(real, fake), expected)
    torch.testing.assert_close(losses.generator_loss(real, fake, "official"), expected / 2)
    swapped = (-(1 - real_side).log().mean() - fake_side.log().mean()) / 2
    torch.testing.assert_close(losses.generator_loss(real, fake, "swapped"), swapped)


def test_swapped_labels_pull_the_student_up_and_official_ones_push_it_down():
    for labels, sign in (("swapped", -1), ("official", 1)):
        fake = torch.zeros(4, 1, requires_grad=True)
        losses.generator_loss(torch.ones(4, 1), fake, labels).backward()
        assert (fake.grad.sign() == sign).all()


def test_content_loss_reads_the_features_after_conv5_4():
    content = losses.ContentLoss("vgg19_random")
    assert len(content.features) == 36
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in content.features) == 16
    a = pattern(32, 32, 3, 0.4)
    assert content(a, a).item() == 0
    noisy = (a + 0.1 * torch.randn_like(a)).requires_grad_()
    content(noisy, a).backward()
    assert noisy.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in content.parameters())


def test_random_content_loss_is_the_same_whatever_was_drawn_before():
    a, b = pattern(32, 32, 3, 0.4), pattern(32, 32, 3, 0.9)
    first = losses.ContentLoss("vgg19_random")(a, b)
    torch.rand(1)
    assert losses.ContentLoss("vgg19_random")(a, b) == first > 0


def test_content_loss_has_the_layers_of_torchvision():
    vgg19 = pytest.importorskip("torchvision.models").vgg19
    with torch.device("meta"):
        theirs = vgg19(weights=None).features[:36]
    state = {f"features.{key}": torch.randn(value.shape) * 0.03 for key, value in theirs.state_dict().items()}
    content = losses.ContentLoss("vgg19", state)
    theirs = theirs.to_empty(device="cpu")
    theirs.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    a, b = pattern(32, 32, 3, 0.4), pattern(32, 32, 3, 0.9)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = [(x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1) for x in (a, b)]
    expected = (theirs(normalised[0]) - theirs(normalised[1])).abs().mean()
    torch.testing.assert_close(content(a, b), expected)
