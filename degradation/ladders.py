"""The severity ladders of all built-in factors: severities 1 to 5, from left to right.

PSNR to the clean image falls from rung to rung, over real pairs about 30, 26, 22, 19, 16 dB where the factor can do so;
``docs/degradation.md`` holds the measured table. Where a factor belongs to the paper, severities 1 to 3 stay inside
the ranges in which the student was trained (marked P). Sources and exceptions are on the cards.
"""

from __future__ import annotations

from collections.abc import Mapping

from degradation.factor import MAX_SEVERITY, Modality, Parameters


def rungs(**columns: tuple[float, ...]) -> tuple[Parameters, ...]:
    """One mapping of parameters per severity, from one tuple of values per parameter."""
    return tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


LADDERS: Mapping[str, Mapping[Modality, tuple[Parameters, ...]]] = {
    "brightness_down": {  # P: 0.5 to 1.5, visible only; the targets keep severities 4 and 5 inside it too
        "ir": rungs(factor=(0.935, 0.895, 0.83, 0.76, 0.66)),
        "vis": rungs(factor=(0.94, 0.905, 0.85, 0.785, 0.70)),
    },
    "brightness_up": {  # P: 0.5 to 1.5, visible only; as above
        "ir": rungs(factor=(1.075, 1.12, 1.19, 1.27, 1.40)),
        "vis": rungs(factor=(1.07, 1.11, 1.175, 1.25, 1.365)),
    },
    "contrast": {  # P: 0.6 to 0.8 infrared, 0.7 to 0.9 visible
        "ir": rungs(factor=(0.80, 0.74, 0.60, 0.40, 0.16)),
        "vis": rungs(factor=(0.79, 0.725, 0.70, 0.32, 0.12)),
    },
    "gaussian_blur": {  # P: up to 1.2 px
        "ir": rungs(sigma=(0.6, 0.9, 1.2, 3.0, 8.0)),
        "vis": rungs(sigma=(0.6, 0.9, 1.2, 3.0, 8.0)),
    },
    "anisotropic_blur": {  # P: variances up to 3 px², so standard deviations up to 1.73 px
        "ir": rungs(sigma_major=(0.8, 1.2, 1.7, 4.5, 12.0), sigma_minor=(0.4, 0.6, 0.85, 1.5, 4.0)),
        "vis": rungs(sigma_major=(0.8, 1.2, 1.7, 4.5, 12.0), sigma_minor=(0.4, 0.6, 0.85, 1.5, 4.0)),
    },
    "motion_blur": {
        "ir": rungs(length=(10.0, 18.0, 30.0, 46.0, 70.0)),
        "vis": rungs(length=(10.0, 18.0, 30.0, 46.0, 70.0)),
    },
    "low_resolution": {
        "ir": rungs(scale=(5.0, 8.0, 12.0, 16.0, 24.0)),
        "vis": rungs(scale=(5.0, 8.0, 12.0, 16.0, 24.0)),
    },
    "noise_color": {  # P: 2 to 20
        "ir": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
        "vis": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
    },
    "noise_gray": {  # P: 2 to 20
        "ir": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
        "vis": rungs(sigma=(8.0, 13.0, 20.0, 30.0, 45.0)),
    },
    "noise_correlated": {  # P: 20
        "vis": rungs(sigma=(12.0, 16.0, 20.0, 43.0, 62.0)),
    },
    "stripe_noise": {
        "ir": rungs(bias=(10.0, 21.0, 35.0, 51.0, 73.0)),
    },
    "jpeg": {  # P: 30 to 89
        "ir": rungs(quality=(80, 50, 30, 10, 5)),
        "vis": rungs(quality=(80, 50, 30, 10, 5)),
    },
    "fog": {
        "vis": rungs(density=(0.14, 0.225, 0.38, 0.575, 0.90)),
    },
    "tsdm": {  # P: as in the single factors; qualities 70 to 89, then 30 to 69
        "ir": rungs(
            brightness=(0.0, 0.0, 0.0, 0.0, 0.0),
            contrast=(0.80, 0.75, 0.65, 0.50, 0.30),
            sigma=(2, 8, 15, 25, 35),
            blur=(0.3, 0.8, 1.2, 2.0, 3.0),
            quality=(89, 80, 70, 40, 20),
            second_quality=(69, 50, 30, 15, 8),
        ),
        "vis": rungs(
            brightness=(0.04, 0.06, 0.10, 0.15, 0.20),
            contrast=(0.90, 0.80, 0.70, 0.50, 0.30),
            sigma=(5, 8, 15, 25, 35),
            blur=(0.4, 0.8, 1.2, 2.0, 3.0),
            quality=(89, 80, 70, 40, 20),
            second_quality=(69, 50, 30, 15, 8),
        ),
    },
    "low_light": {
        "vis": rungs(exposure=(-1.0, -2.0, -3.0, -4.0, -5.0)),
    },
    "misregistration": {
        "ir": rungs(shift=(0.2, 0.5, 1.0, 2.0, 4.0), zoom=(0.1, 0.25, 0.5, 1.0, 2.0)),
    },
    "dead_pixels": {
        "ir": rungs(share=(0.05, 0.2, 0.5, 1.0, 2.0)),
    },
}

TARGET_PSNR = (30.0, 26.0, 22.0, 19.0, 16.0)
"""dB to the clean image that severities 1 to 5 aim at, within 2 dB, averaged over real pairs."""

if any(len(ladder) != MAX_SEVERITY for by_modality in LADDERS.values() for ladder in by_modality.values()):
    raise ValueError(f"every ladder needs {MAX_SEVERITY} rungs")
