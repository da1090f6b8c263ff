"""Counts of grey values and of pairs of grey values, and what information theory makes of them."""

from __future__ import annotations

from bench.metrics.metric import Plane
from tsdm_bench.torch_later import Tensor, torch

LEVELS = 256


def histogram(plane: Plane) -> Tensor:
    """Probabilities N×256 of the grey values."""

    def count() -> Tensor:
        return _count(plane.x, LEVELS)

    return plane.once("histogram", count)


def joint_histogram(plane: Plane, other: Plane) -> Tensor:
    """Probabilities N×256×256 of the pairs of grey values (rows: ``other``, columns: ``plane``), kept by ``plane``."""

    def count() -> Tensor:
        pairs = torch.add(plane.x, other.x, alpha=LEVELS)  # whole numbers below 2¹⁶, exact in float32
        return _count(pairs, LEVELS * LEVELS).view(-1, LEVELS, LEVELS)

    return plane.once(("joint histogram", other), count)


def _count(values: Tensor, levels: int) -> Tensor:
    counts = [torch.bincount(each.flatten(), minlength=levels) for each in values.to(torch.int32)]
    return torch.stack(counts).to(torch.float64) / values[0].numel()


def entropy(probabilities: Tensor) -> Tensor:
    """Shannon entropy in nats over all but the first dimension; empty bins count nothing."""
    return torch.special.entr(probabilities).flatten(1).sum(1)


def mutual_information(plane: Plane, other: Plane) -> Tensor:
    """I(plane; other) in nats per image."""

    def compute() -> Tensor:
        joint = joint_histogram(plane, other)
        single = plane.once("histogram", lambda: joint.sum(1)), other.once("histogram", lambda: joint.sum(2))
        return (entropy(single[0]) + entropy(single[1]) - entropy(joint)).clamp(min=0)

    return plane.once(("mutual information", other), compute)


def stretched(plane: Plane) -> Plane:
    """Each image stretched to 0…255 and rounded half up; a flat image becomes 0."""

    def compute() -> Plane:
        x = plane.x.to(torch.float64)
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        share = (x - low) / torch.where(high > low, high - low, 1.0)
        return Plane((share * (LEVELS - 1) + 0.5).floor().to(torch.float32))

    return plane.once("stretched", compute)
