"""Conditions that published work tests together, by name; a preset stands wherever factors are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PRESETS: Mapping[str, tuple[str, ...]] = {
    "mixed-ddl": (  # ControlFusion, NeurIPS 2025
        "vis:low_light+ir:stripe_noise",
        "vis:over_exposure+ir:contrast",
        "vis:rain+vis:fog+ir:noise_gray",
        "vis:rain+vis:fog",
        "vis:low_light+vis:noise_color",
        "vis:fog+vis:low_light",
    ),
    "mixed-ems": (  # the faults of Text-IF's EMS crossed, as VGDCFusion, Scientific Reports 2026
        "vis:low_light+ir:contrast",
        "vis:low_light+ir:noise_gray",
        "vis:over_exposure+ir:contrast",
        "vis:over_exposure+ir:noise_gray",
    ),
}


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """``names`` with each preset replaced by its conditions, each name once.

    >>> expand(["rain", "mixed-ems", "rain"])[:2]
    ('rain', 'vis:low_light+ir:contrast')
    """
    return tuple(dict.fromkeys(each for name in names for each in PRESETS.get(name, (name,))))
