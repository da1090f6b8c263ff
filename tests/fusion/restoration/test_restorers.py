"""What holds for every restorer, and what each classical one does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.restoration import estimate_sigma

from degradation.factor import FACTORS
from fusion.restoration import deconvolution, destriping, ffdnet, outliers, tones
from fusion.restoration.restorer import CHANNELS, RESTORERS
from fusion.restoration.truth import Fault, faults_of
from tsdm_bench.weights.state import load_state


def scene(channels: int, height: int = 61, width: int = 75) -> torch.Tensor:
    """A smooth picture with an edge, 1×C×H×W in [0.1, 0.9]."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    picture = 0.3 + 0.2 * torch.sin(5 * x + 3 * y) + 0.3 * (x + 0.6 * y > 0.9)
    return torch.stack([(picture * scale).clamp(0.1, 0.9) for scale in (1, 0.9, 0.8)[:channels]])[None]


def noise(shape: tuple[int, ...], sigma: float) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, sigma, shape)).float()


def error(image: torch.Tensor, clean: torch.Tensor) -> float:
    return float((image.clamp(0, 1) - clean).square().mean())


PAIRS = [(name, modality) for name, card in RESTORERS.items() for modality in card.modalities]


@pytest.mark.parametrize(("name", "modality"), PAIRS)
def test_any_size_and_batch_equals_loop(name, modality, loaded):
    restorer = RESTORERS[name]
    if restorer.knows_condition:
        pytest.skip("works on one named pair at a time")
    restore = loaded(restorer)
    batch = torch.cat([scene(CHANNELS[modality]), 0.7 * scene(CHANNELS[modality]).flip(-1)])
    with torch.inference_mode():
        together, alone = restore(batch), torch.cat([restore(one) for one in batch.split(1)])
    assert together.shape == batch.shape
    assert together.dtype == torch.float32
    assert together.isfinite().all()
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [name for name, card in RESTORERS.items() if card.weights])
def test_parameters_of_the_card_are_those_of_the_files(name, weights_dir):
    card, unused = RESTORERS[name], ("calibrate.", "enhance.blocks.", "running_", "num_batches")
    states = [load_state(weights_dir / file.name) for file in card.weights]
    counted = sum(x.numel() for state in states for key, x in state.items() if not any(word in key for word in unused))
    assert counted == card.parameters


@pytest.mark.parametrize("name", RESTORERS)
def test_factors_that_a_card_names_hit_its_images(name):
    card = RESTORERS[name]
    for factor in card.removes:
        assert set(FACTORS[factor].modalities) & set(card.modalities), factor


@pytest.mark.parametrize("name", ["dncnn", "ffdnet_blind"])
@pytest.mark.parametrize("channels", [1, 3])
def test_blind_denoisers_remove_noise(name, channels, loaded):
    clean = scene(channels)
    noisy = (clean + noise(clean.shape, 20 / 255)).clamp(0, 1)
    with torch.inference_mode():
        assert error(loaded(RESTORERS[name])(noisy), clean) < error(noisy, clean) / 10


def test_ffdnet_is_told_the_noise(loaded):
    restore, clean = loaded(RESTORERS["ffdnet"]), scene(3)
    grey = (clean + noise((1, 1, *clean.shape[2:]), 30 / 255)).clamp(0, 1)
    fault = Fault("noise_gray", 4, {"sigma": 30.0})
    with torch.inference_mode():
        assert torch.equal(restore(grey, ()), grey)
        assert error(restore(grey, (fault,)), clean) < error(grey, clean) / 10


def test_noise_level_equals_that_of_scikit_image():
    image = scene(1) + noise((1, 1, 61, 75), 0.05)
    ours = np.sqrt(ffdnet.noise_covariance(image[0].numpy())[0, 0])
    assert ours == pytest.approx(estimate_sigma(image[0, 0].numpy()), rel=0.02)


def test_true_covariance_is_the_sum_of_the_noise_of_all_faults():
    correlated = [[400.0, 100, 0], [100, 200, 0], [0, 0, 50]]
    faults = (
        Fault("noise_correlated", 1, {"covariance": correlated}),
        Fault("noise_color", 1, {"sigma": 10.0}),
        Fault("fog", 1, {}),
    )
    expected = (np.array(correlated) + 100 * np.eye(3)) / 255**2
    np.testing.assert_allclose(ffdnet.true_covariance(faults, 3), expected)


@pytest.mark.parametrize("name", ["snrwdnn", "destripe"])
@pytest.mark.parametrize("direction", ["rows", "columns"])
def test_destriping_finds_the_direction(name, direction, loaded):
    clean = scene(1)
    striped = (clean + noise((1, 1, 1, clean.shape[-1]), 0.08)).clamp(0, 1)
    if direction == "rows":
        clean, striped = clean.mT, striped.mT
    with torch.inference_mode():
        assert error(loaded(RESTORERS[name])(striped), clean) < error(striped, clean) / 5


def test_median_changes_nothing_but_outliers():
    clean = scene(1)[0, 0, :, :22].numpy()  # without the edge
    dotted = clean.copy()
    dotted[::7, ::9] = 1
    np.testing.assert_allclose(outliers.without_outliers(dotted), clean, atol=0.05)
    np.testing.assert_array_equal(outliers.without_outliers(clean), clean)


def test_destripe_leaves_the_mean_of_the_image():
    image = scene(1)[0, 0]
    assert destriping.destripe(image).mean() == pytest.approx(float(image.mean()), abs=1e-2)


def test_stretch_and_gamma_reach_what_they_aim_at():
    image = (0.3 + 0.2 * scene(1))[0].numpy()
    low, high = np.percentile(tones._luma(tones.stretch(image)), (tones.LOW, tones.HIGH))
    assert low == pytest.approx(0, abs=0.02)
    assert high == pytest.approx(1, abs=0.02)
    assert tones._luma(tones.gamma(image)).mean() == pytest.approx(tones.MIDDLE, abs=0.02)
    flat = np.full((1, 8, 8), 0.5, np.float32)
    np.testing.assert_array_equal(tones.stretch(flat), flat)


def test_faults_say_what_was_drawn_for_the_pair():
    from degradation.condition import degrade

    key = {"dataset": "d", "image": "7", "severity": 3, "modality": "both", "seed": 5}
    ir, vis = np.full((80, 90), 90, np.uint8), np.full((80, 90, 3), 120, np.uint8)
    for name, modality in (("motion_blur", "ir"), ("noise_correlated", "vis"), ("noise_color", "vis")):
        settings = {"seed": 5, "dataset": "d", "image": "7"}
        _, _, drawn = degrade(ir, vis, FACTORS[name], 3, modality, **settings)
        (fault,) = faults_of(key | {"factor": name}, modality)
        assert fault == (name, 3, drawn[modality])


@pytest.mark.parametrize(("name", "severity", "modality"), [("gaussian_blur", 3, "ir"), ("motion_blur", 1, "vis")])
def test_wiener_undoes_the_true_blur(name, severity, modality, loaded):
    key = {"dataset": "d", "image": "7", "factor": name, "severity": severity, "modality": modality, "seed": 5}
    grain = torch.nn.functional.avg_pool2d(noise((1, CHANNELS[modality], 98, 122), 1), 7, 1)
    clean = (0.5 + grain).clamp(0, 1)
    (fault,) = faults_of(key, modality)
    kernel = torch.from_numpy(deconvolution.true_kernel((fault,))).float()
    half, channels = len(kernel) // 2, clean.shape[1]
    padded = torch.nn.functional.pad(clean, (half,) * 4, mode="reflect")
    blurred = torch.nn.functional.conv2d(padded, kernel.expand(channels, 1, -1, -1), groups=channels)
    restore = loaded(RESTORERS["wiener"])
    inner = (..., slice(20, -20), slice(20, -20))
    assert error(restore(blurred, (fault,))[inner], clean[inner]) < 0.75 * error(blurred[inner], clean[inner])
    assert torch.equal(restore(clean, ()), clean)


@pytest.mark.parametrize("name", [name for name, card in RESTORERS.items() if card.knows_condition])
def test_what_knows_the_condition_says_so_in_its_title_and_below_tables(name):
    card = RESTORERS[name]
    assert "true" in card.title
    assert card.warning == f"{card.title}: told what no user knows, how the pair was degraded."
