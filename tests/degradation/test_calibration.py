"""The calibration measures PSNR and SSIM as others define them, and the ladders hold on real pairs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import pytorch_msssim
import torch

from degradation.calibration import IDENTICAL, TARGET_PSNR, calibrate, psnr, ssim
from degradation.factor import FACTORS

ON_TARGET = ("brightness_down", "brightness_up", "noise_color", "noise_gray", "stripe_noise", "fog", "tsdm")
ON_TARGET += ("rain", "snow", "vignette")


def test_psnr_is_its_formula_and_ssim_that_of_a_second_library(pair: tuple) -> None:
    random = np.random.default_rng(0)
    for image in pair:
        noisy = np.clip(image + random.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        error = np.mean((image.astype(float) - noisy) ** 2)
        assert psnr(image, noisy) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
        greys = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) if x.ndim == 3 else x for x in (image, noisy))
        expected = pytorch_msssim.ssim(*(torch.from_numpy(x)[None, None].double() for x in greys), data_range=255)
        assert ssim(image, noisy) == pytest.approx(expected.item(), abs=1e-6)


def test_identical_images_have_finite_values(pair: tuple) -> None:
    assert psnr(pair[0], pair[0]) == IDENTICAL
    assert ssim(pair[1], pair[1]) == pytest.approx(1)


def test_table_has_a_row_per_factor_modality_and_severity(pair: tuple) -> None:
    seen: list[int] = []
    factors = [FACTORS["contrast"], FACTORS["fog"]]
    table = calibrate([pair, pair], factors, progress=seen.append)
    assert seen == [1, 2]
    assert len(table) == 15
    assert set(table["pairs"]) == {2}
    assert table[["psnr", "psnr_std", "ssim"]].notna().all(axis=None)
    contrast = table[(table.factor == "contrast") & (table.modality == "ir")]
    assert contrast["severity"].tolist() == [1, 2, 3, 4, 5]
    assert contrast["psnr_std"].max() == pytest.approx(0)  # no draw, the same pair twice


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        calibrate([], [FACTORS["jpeg"]])


def test_ladders_hold_on_real_pairs(data_root: Path) -> None:
    """A small sample of one dataset, so with a wider margin than the ±2 dB of the full measurement."""
    pairs = read_pairs(data_root / "RoadScene", "cropinfrared", "crop_LR_visible", 9)
    table = calibrate(pairs, [FACTORS[name] for name in ON_TARGET])
    error = table["psnr"] - table["severity"].map(lambda severity: TARGET_PSNR[severity - 1])
    assert error.abs().max() < 3.5, table[error.abs() > 3.5]
    for _, group in table.groupby(["factor", "modality"]):
        assert group["psnr"].is_monotonic_decreasing
        assert group["psnr"].is_unique


def read_pairs(folder: Path, ir: str, vis: str, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if not (folder / ir).is_dir():
        pytest.skip(f"needs {folder.name} under TSDM_BENCH_DATA")
    files = sorted((folder / ir).iterdir())
    chosen = files[:: max(len(files) // count, 1)][:count]
    return [
        (cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), cv2.imread(str(folder / vis / file.name))[..., ::-1].copy())
        for file in chosen
    ]
