"""How strong each severity is: PSNR and SSIM to the clean image, measured on pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
import pandas as pd

from degradation.condition import degrade
from degradation.factor import MAX_SEVERITY, Factor

TARGET_PSNR = (30.0, 26.0, 22.0, 19.0, 16.0)
"""dB to the clean image that severities 1 to 5 aim at, within 2 dB, averaged over real pairs;
``docs/degradation.md`` has the measured table."""

IDENTICAL = 100.0
"""dB that two identical images count with, where the formula gives infinity."""


def calibrate(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    factors: Sequence[Factor],
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Degrade every pair by every factor at every severity and measure the image that was hit against the clean one.

    ``pairs`` yields (infrared H×W, visible H×W×3 RGB), uint8. ``progress`` is called with the number of pairs done.
    Returns one row per (factor, modality, severity) with ``psnr``, ``psnr_std`` (dB, over pairs), ``ssim`` and the
    number of ``pairs``; ``ValueError`` without any pair.
    """
    rows = []
    for index, (ir, vis) in enumerate(pairs):
        clean = {"ir": ir, "vis": vis}
        for factor in factors:
            for modality in factor.modalities:
                for severity in range(1, MAX_SEVERITY + 1):
                    pair = degrade(ir, vis, factor, severity, modality, seed=seed, dataset="", image=str(index))
                    seen = pair[0] if modality == "ir" else pair[1]
                    values = psnr(clean[modality], seen), ssim(clean[modality], seen)
                    rows.append((factor.name, modality, severity, *values))
        if progress:
            progress(index + 1)
    if not rows:
        raise ValueError("calibration needs at least one pair; check the data root and the dataset names")
    table = pd.DataFrame(rows, columns=["factor", "modality", "severity", "psnr", "ssim"])
    groups = table.groupby(["factor", "modality", "severity"], sort=False)
    return groups.agg(
        psnr=("psnr", "mean"), psnr_std=("psnr", "std"), ssim=("ssim", "mean"), pairs=("psnr", "size")
    ).reset_index()


def psnr(clean: np.ndarray, seen: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 images of any shape in dB, peak 255, over all samples of all channels."""
    squared_error = cv2.norm(clean, seen, cv2.NORM_L2SQR) / clean.size
    return min(10 * float(np.log10(255**2 / squared_error)), IDENTICAL) if squared_error else IDENTICAL


def ssim(clean: np.ndarray, seen: np.ndarray) -> float:
    """Mean SSIM of the grey images (Wang et al., IEEE TIP 2004: Gaussian window 11×11, σ 1.5, K 0.01 and 0.03, 8 bits).

    uint8 H×W or H×W×3 RGB. The five pixels next to the border, where the window would leave the image, do not count.
    """
    x, y = (_grey(image).astype(np.float32) for image in (clean, seen))
    mean_x, mean_y = _window(x), _window(y)
    variance_x, variance_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float((luminance * structure)[5:-5, 5:-5].mean(dtype=np.float64))


def _window(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (11, 11), 1.5)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
