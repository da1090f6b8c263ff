"""The oracle: for every condition the restorer that did best on training pairs. It is told the condition."""

from __future__ import annotations

import csv
import hashlib
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from degradation.factor import Modality
from fusion.restoration.restorer import CHANNELS, RESTORERS, Restorer, rounded
from fusion.restoration.truth import Fault

TABLE = Path(__file__).with_suffix(".csv")
"""Mean PSNR to the clean image, before and after each restorer; ``python -m benchmarks.restorers`` measures it."""
Place = tuple[str, str, int]


def best_restorers(table: Path = TABLE) -> dict[Place, str]:
    """(factor, modality, severity) → name of the best restorer; empty where none is better than doing nothing.

    >>> best_restorers()["stripe_noise", "ir", 1]
    'snrwdnn'
    """
    best: dict[Place, tuple[float, str]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = row["factor"], row["modality"], int(row["severity"])
            value = float(row["psnr"]), row["restorer"]
            best[place] = max(best.get(place, value), value)
    return {place: name for place, (_, name) in best.items()}


def _load(weights: dict[str, Path], device: torch.device):
    best, load = best_restorers(), cache(lambda name: RESTORERS[name].load(weights, device))

    def restore(image: Tensor, faults: tuple[Fault, ...]) -> Tensor:
        """Faults are undone in the order opposite to that in which they arose."""
        modality: Modality = "ir" if image.shape[1] == CHANNELS["ir"] else "vis"
        for fault in reversed(faults):
            place = fault.factor, modality, fault.severity
            if place not in best:
                raise ValueError(
                    f"the oracle knows no best restorer for {fault.factor} on {modality} at severity {fault.severity}; "
                    f"`python -m benchmarks.restorers` measures one"
                )
            if name := best[place]:
                told = (faults,) if RESTORERS[name].knows_condition else ()
                image = rounded(load(name)(image, *told))
        return image

    return restore


RESTORER = Restorer(
    name="oracle",
    version=hashlib.sha256(TABLE.read_bytes()).hexdigest()[:8],
    title="Oracle (true condition)",
    kind="oracle",
    description="Knows the condition: takes the restorer with the best PSNR on training pairs under it, or none.",
    source="a table measured on RoadScene pairs (fusion/restoration/oracle.csv)",
    trained_on=("roadscene",),
    removes=tuple(sorted({factor for (factor, _, _), name in best_restorers().items() if name})),
    modalities=("ir", "vis"),
    warning="Oracle (true condition): told what no user knows, how the pair was degraded.",
    knows_condition=True,
    among=tuple(sorted(set(best_restorers().values()) - {""})),
    load=_load,
)
