"""The card of a degradation factor: what it does to one image, and how much at each severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tsdm_bench.cards import Registry

Modality = Literal["ir", "vis"]
MODALITIES: tuple[Modality, ...] = ("ir", "vis")
MAX_SEVERITY = 5

Parameters = Mapping[str, Any]
"""The numbers of one rung of a ladder, e.g. ``{"sigma": 10.0}``."""

Drawn = dict[str, Any]
"""What an application really used, random draws included; JSON-serialisable, written to manifests."""

Apply = Callable[[np.ndarray, Parameters, np.random.Generator], tuple[np.ndarray, Drawn]]
"""``apply(image, parameters, generator) -> (image, drawn)``.

``image`` is float32 in [0, 1]: H×W×3 RGB for visible, H×W×1 for infrared; the result has the same shape, dtype and
range. ``generator`` is the only source of randomness. The input is never written to.
"""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One kind of degradation, with its severity ladder.

    ``ladder[modality][k - 1]`` holds the parameters of severity ``k`` (1 to 5); a modality that the factor cannot hit
    (stripe noise on a visible camera) is absent from ``ladder``. Severity 0 is always the clean image.
    """

    name: str
    title: str
    description: str
    parameter: str
    """What the ladder steps through, in words: ``noise standard deviation``."""
    unit: str
    """Unit of that parameter: ``grey levels of 255``, ``px``, ``JPEG quality``…"""
    source: str
    ladder: Mapping[Modality, tuple[Parameters, ...]]
    apply: Mapping[Modality, Apply]
    photometric: bool = True
    """Whether PSNR to the clean image measures its strength (false for misregistration and the like)."""
    licence: str = "AGPL-3.0-or-later"
    version: str = "1"

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return tuple(m for m in MODALITIES if m in self.ladder)


FACTORS: Registry[Factor] = Registry("factor", Factor, ("degradation.factors",), "tsdm_bench.factors")
