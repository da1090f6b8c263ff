"""Counts of grey values and of pairs of grey values, and what information theory makes of them."""

from __future__ import annotations

from bench.metrics.metric import Plane
from tsdm_bench.torch_later import Tensor, torch

LEVELS = 256


def histogram(plane: Plane) -> Tensor:
    """Probabilities N×256 of the grey values."""
    return plane.once("histogram", lambda: _shares(_counts(plane.x, LEVELS)))


def joint_histogram(plane: Plane, other: Plane) -> Tensor:
    """Probabilities N×256×256 of the pairs of grey values (rows: ``other``, columns: ``plane``), kept by ``plane``."""
    return plane.once(("joint histogram", other), lambda: _shares(_joint_counts(plane, other)))


def _joint_counts(plane: Plane, other: Plane) -> Tensor:
    """How many pixels have each pair of grey values: N×256×256 whole numbers."""

    def count() -> Tensor:
        pairs = torch.add(plane.x, other.x, alpha=LEVELS)  # whole numbers below 2¹⁶, exact in float32
        return _counts(pairs, LEVELS * LEVELS).view(-1, LEVELS, LEVELS)

    return plane.once(("joint counts", other), count)


def _counts(values: Tensor, levels: int) -> Tensor:
    return torch.stack([torch.bincount(each.flatten(), minlength=levels) for each in values.to(torch.int32)])


def _shares(counts: Tensor) -> Tensor:
    return counts.to(torch.float64) / counts[0].sum()


def entropy(probabilities: Tensor) -> Tensor:
    """Shannon entropy in nats over all but the first dimension; empty bins count nothing."""
    return torch.special.entr(probabilities).flatten(1).sum(1)


def mutual_information(plane: Plane, other: Plane) -> Tensor:
    """I(plane; other) in nats per image."""

    def compute() -> Tensor:
        counts = _joint_counts(plane, other)  # sums of which are exact: the same histogram as one counted by itself
        own = plane.once("histogram", lambda: _shares(counts.sum(1)))
        others = other.once("histogram", lambda: _shares(counts.sum(2)))
        return (entropy(own) + entropy(others) - entropy(joint_histogram(plane, other))).clamp(min=0)

    return plane.once(("mutual information", other), compute)


def stretched(plane: Plane) -> Plane:
    """Each image stretched to 0…255 and rounded half up; a flat image becomes 0."""

    def compute() -> Plane:
        x = plane.x.to(torch.float64)
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        share = (x - low) / torch.where(high > low, high - low, 1.0)
        return Plane((share * (LEVELS - 1) + 0.5).floor().to(torch.float32))

    return plane.once("stretched", compute)
