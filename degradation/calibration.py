"""How strong each severity is: PSNR and SSIM to the clean image, measured on pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
import pandas as pd
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from degradation.condition import degrade
from degradation.factor import MAX_SEVERITY, Factor
from degradation.mixed_condition import MixedCondition

TARGET_PSNR = (30.0, 26.0, 22.0, 19.0, 16.0)
"""dB to the clean image that severities 1 to 5 aim at, within 2 dB, averaged over real pairs;
``docs/degradation.md`` has the measured table."""

IDENTICAL = 100.0
"""dB that two identical images count with, where the formula gives infinity."""


def calibrate(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    factors: Sequence[Factor | MixedCondition],
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
    """Peak signal-to-noise ratio of uint8 images of any shape in dB, peak 255, over all samples of all channels.

    >>> round(psnr(np.zeros((8, 8), np.uint8), np.full((8, 8), 16, np.uint8)), 2)
    24.05
    """
    return IDENTICAL if np.array_equal(clean, seen) else float(peak_signal_noise_ratio(clean, seen, data_range=255))


def ssim(clean: np.ndarray, seen: np.ndarray) -> float:
    """Mean SSIM of the grey images (Wang et al., IEEE TIP 2004: Gaussian window 11×11, σ 1.5, K 0.01 and 0.03, 8 bits).

    uint8 H×W or H×W×3 RGB. The five pixels next to the border, where the window would leave the image, do not count.
    """
    grey = [cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) if x.ndim == 3 else x for x in (clean, seen)]
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(*grey, data_range=255, **window))
