"""One pair under one condition: the same degraded bytes for every method, in any order, on any number of workers."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import numpy as np

from degradation.factor import MAX_SEVERITY, Factor, Modality
from degradation.mixed_condition import MixedCondition
from degradation.photometry import to_float, to_uint8

SMALLEST_SIDE = 8
"""Pixels; one JPEG block, and the least that the mirror border of the smallest blur kernels needs."""


def degrade(
    ir: np.ndarray,
    vis: np.ndarray,
    factor: Factor | MixedCondition,
    severity: int,
    modality: Literal["ir", "vis", "both"],
    *,
    seed: int,
    dataset: str,
    image: str,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Degrade ``ir`` (uint8 H×W) and ``vis`` (uint8 H×W×3 RGB) and return both, quantised to uint8, and what was drawn.

    The draw depends on (seed, dataset, image, factor, severity, modality) alone, so that ``both`` hits each image with
    the draw that it gets by itself. Values are rounded half to even. Severity 0 returns the inputs byte for byte. The
    third value maps each modality that was hit to the parameters used; it is JSON-serialisable.

    Of a mixed condition each factor draws as it does alone, so that ``rain`` within a mix is ``rain``; they act one
    after the other, rounded once at the end, and the third value holds the parameters of each under its name.

    Raises ``ValueError`` for images of another shape or type, a severity outside 0…5 and a modality that the factor
    cannot hit.

    >>> from degradation.factor import FACTORS
    >>> ir, vis = np.full((32, 40), 90, np.uint8), np.full((32, 40, 3), 120, np.uint8)
    >>> seen_ir, seen_vis, drawn = degrade(ir, vis, FACTORS["low_light"], 3, "vis", seed=0, dataset="m3fd", image="7")
    >>> bool((seen_ir == ir).all()), bool(seen_vis.mean() < vis.mean()), list(drawn)
    (True, True, ['vis'])
    """
    _check_pair(ir, vis)
    _check_condition(factor, severity, modality)
    if severity == 0:
        return ir.copy(), vis.copy(), {}
    results, drawn = {"ir": ir, "vis": vis}, {}
    for hit in ("ir", "vis") if modality == "both" else (modality,):
        seen, of_step = to_float(results[hit].reshape(*ir.shape, -1)), {}
        for step in factor.steps(hit):
            generator = condition_generator(seed, dataset, image, step.name, severity, hit)
            seen, of_step[step.name] = step.apply[hit](seen, step.ladder[hit][severity - 1], generator)
        drawn[hit] = of_step if isinstance(factor, MixedCondition) else of_step[factor.name]
        results[hit] = to_uint8(seen).reshape(results[hit].shape)
    untouched = {"ir", "vis"} - drawn.keys()
    results.update({name: results[name].copy() for name in untouched})
    return results["ir"], results["vis"], drawn


def condition_generator(
    seed: int, dataset: str, image: str, factor: str, severity: int, modality: Modality | Literal["both"]
) -> np.random.Generator:
    """The generator of one image under one condition: PCG64 seeded by SHA-256 of the six values and nothing else."""
    key = json.dumps([int(seed), dataset, image, factor, int(severity), modality])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest(), "little"))


def _check_pair(ir: np.ndarray, vis: np.ndarray) -> None:
    for name, array, shape in (("ir", ir, "H×W"), ("vis", vis, "H×W×3 RGB")):
        if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
            kind = getattr(array, "dtype", type(array).__name__)
            raise ValueError(f"{name}: expected a uint8 array {shape}, got {kind}; quantise it to 8 bits first")
        if array.ndim != len(shape.split("×")) or (array.ndim == 3 and array.shape[2] != 3):
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if ir.shape != vis.shape[:2]:
        raise ValueError(f"ir is {ir.shape} and vis is {vis.shape[:2]}: the two images of a pair must have one size")
    if min(ir.shape) < SMALLEST_SIDE:
        raise ValueError(f"expected images of at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels, got {ir.shape}")


def _check_condition(factor: Factor | MixedCondition, severity: int, modality: str) -> None:
    whole = isinstance(severity, (int, np.integer)) and not isinstance(severity, bool)
    if not whole or not 0 <= severity <= MAX_SEVERITY:
        raise ValueError(f"severity {severity!r}: expected a whole number from 0 (clean) to {MAX_SEVERITY}")
    possible = [*factor.modalities, "both"] if len(factor.modalities) == 2 else list(factor.modalities)
    if modality not in possible:
        raise ValueError(f"{factor.name} cannot hit {modality!r}: expected {' or '.join(map(repr, possible))}")
