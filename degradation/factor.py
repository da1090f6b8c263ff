"""The card of a degradation factor: what it does to one image, and how much at each severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tsdm_bench.cards import OURS, Card, Registry

Modality = Literal["ir", "vis"]
MODALITIES: tuple[Modality, ...] = ("ir", "vis")
MAX_SEVERITY = 5
Stage = Literal["weather", "illumination", "optics", "sensor", "coding"]
STAGES: tuple[Stage, ...] = ("weather", "illumination", "optics", "sensor", "coding")
"""What light meets on its way from the scene to the file, in this order."""

Parameters = Mapping[str, Any]
"""The numbers of one rung of a ladder, e.g. ``{"sigma": 10.0}``."""

Drawn = dict[str, Any]
"""What an application really used, random draws included; JSON-serialisable, written to manifests."""

Apply = Callable[[np.ndarray, Parameters, np.random.Generator], tuple[np.ndarray, Drawn]]
"""``apply(image, parameters, generator) -> (image, drawn)``.

``image`` is float32 in [0, 1]: H×W×3 RGB for visible, H×W×1 for infrared; the result has the same shape, dtype and
range. ``generator`` is the only source of randomness. The input is never written to.
"""


def rungs(**columns: tuple[float, ...]) -> tuple[Parameters, ...]:
    """One mapping of parameters per severity, from one tuple of values per parameter.

    >>> rungs(sigma=(8.0, 13.0), share=(1, 2))
    ({'sigma': 8.0, 'share': 1}, {'sigma': 13.0, 'share': 2})
    """
    return tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


@dataclass(frozen=True, kw_only=True)
class Factor(Card):
    """One kind of degradation, with its severity ladder.

    ``ladder[modality][k - 1]`` holds the parameters of severity ``k`` (1 to 5); a modality that the factor cannot hit
    (stripe noise on a visible camera) is absent from ``ladder``. Severity 0 is always the clean image. PSNR to the
    clean image falls from rung to rung, towards :data:`degradation.calibration.TARGET_PSNR` where the factor can reach
    it. Where the paper's degradation model has the factor, severities 1 to 3 stay inside the range in which the student
    was trained. Raises ``ValueError`` for a ladder with another number of rungs.
    """

    description: str
    licence: str = OURS
    parameter: str
    """What the ladder steps through, in words: ``noise standard deviation``."""
    unit: str
    """Unit of that parameter: ``grey levels of 255``, ``px``, ``JPEG quality``…"""
    ladder: Mapping[Modality, tuple[Parameters, ...]]
    apply: Mapping[Modality, Apply]
    stage: Stage = "sensor"
    """Where on the way from the scene to the file it happens: several factors on one image act in this order."""
    photometric: bool = True
    """Whether PSNR to the clean image measures its strength (false for misregistration and the like)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if set(self.ladder) != set(self.apply) or any(len(ladder) != MAX_SEVERITY for ladder in self.ladder.values()):
            raise ValueError(f"factor {self.name!r}: expected {MAX_SEVERITY} rungs for each modality that it can hit")

    def steps(self, modality: Modality) -> tuple[Factor, ...]:
        """The factors that act on one image: itself, or none (a mixed condition has several)."""
        return (self,) if modality in self.ladder else ()

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that it can hit."""
        return tuple(m for m in MODALITIES if m in self.ladder)


FACTORS: Registry[Factor] = Registry("factor", Factor, ("degradation.factors",), "tsdm_bench.factors")
