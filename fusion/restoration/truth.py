"""What is wrong with an image, as only a benchmark knows: the factors that hit it, and what was drawn for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from degradation.condition import condition_generator
from degradation.factor import Drawn, Modality
from degradation.mixed_condition import find_factor

SAMPLE_SIDE = 160
"""Of the empty image on which a draw is repeated: the kernels of all factors fit into it."""


class Fault(NamedTuple):
    """One factor that hit an image."""

    factor: str
    severity: int
    drawn: Drawn
    """The parameters used, those drawn for this image included."""


def faults_of(key: dict | None, modality: Modality) -> tuple[Fault, ...]:
    """The faults of one image of the pair and condition that ``key`` names, in the order in which they arose.

    ``key`` has dataset, image, factor, severity, modality and seed, as a run gives it to its methods. What was drawn is
    drawn again. Raises ``ValueError`` where there is no such key: outside a run nobody knows the condition.

    >>> key = {"dataset": "m3fd", "image": "7", "factor": "noise_gray", "severity": 2, "modality": "vis", "seed": 0}
    >>> faults_of(key, "vis")
    (Fault(factor='noise_gray', severity=2, drawn={'sigma': 13.0}),)
    >>> faults_of(key, "ir")
    ()
    >>> mixed = key | {"factor": "vis:jpeg+vis:noise_gray+ir:stripe_noise", "modality": "both"}
    >>> [fault.factor for fault in faults_of(mixed, "vis")]
    ['noise_gray', 'jpeg']
    """
    if key is None or "seed" not in key:
        raise ValueError("it needs to know how the pair was degraded, which only a run knows")
    severity, hit = key["severity"], key["modality"]
    if not severity or hit not in (modality, "both"):
        return ()
    sample, faults = np.zeros((SAMPLE_SIDE, SAMPLE_SIDE, 1 if modality == "ir" else 3), np.float32), []
    for factor in find_factor(key["factor"]).steps(modality):
        generator = condition_generator(key["seed"], key["dataset"], key["image"], factor.name, severity, modality)
        _, drawn = factor.apply[modality](sample, factor.ladder[modality][severity - 1], generator)
        faults.append(Fault(factor.name, severity, drawn))
    return tuple(faults)
