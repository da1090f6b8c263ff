"""Correlation over the whole image."""

from __future__ import annotations

from bench.metrics.citations import ASLANTAS_2015
from bench.metrics.covariance import covariance, variance
from bench.metrics.metric import Metric, Plane
from tsdm_bench.torch_later import Tensor, torch


def pearson(shared: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Pearson's r from a covariance and two variances; 0 where a variance is 0."""
    product = (first * second).clamp(min=0)
    return torch.where(product > 0, shared / product.sqrt(), 0.0)


def correlation_coefficient(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mean of r(A, F) and r(B, F)."""
    first, second = (pearson(covariance(fused, each), variance(fused), variance(each)) for each in (ir, vis))
    return (first + second) / 2


def sum_of_correlations_of_differences(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Aslantas & Bendes 2015, eq. 2-4."""

    def correlate(other: Plane, source: Plane) -> Tensor:
        difference = variance(fused) - 2 * covariance(fused, other) + variance(other)
        return pearson(covariance(fused, source) - covariance(vis, ir), difference, variance(source))

    return correlate(vis, ir) + correlate(ir, vis)


CC = Metric(
    name="cc",
    symbol="CC",
    title="Correlation coefficient",
    family="structure",
    direction="higher",
    range=(-1, 1),
    unit="",
    definition="$\\tfrac12[r(A,F)+r(B,F)]$, r = Pearson's correlation over the whole image.",
    source="common",
    tables="Tang 2022 and 2023, CDDFuse, IVIF_ZOO",
    cost="c0",
    reference=True,
    compute=correlation_coefficient,
    flat="r = 0 where an image is flat",
    presets={"core": 7, "all": 21, "paper-tang2022": 9, "paper-tang2023": 9, "paper-cddfuse": 7},
)

SCD = Metric(
    name="scd",
    symbol="SCD",
    title="Sum of the correlations of differences",
    family="structure",
    direction="higher",
    range=(-2, 2),
    unit="",
    definition="$r(F-B,A)+r(F-A,B)$ in real arithmetic.",
    source="Aslantas & Bendes, *AEÜ Int. J. Electron. Commun.* 69, 2015",
    citation=ASLANTAS_2015,
    tables="Tang 2022 and 2023, CDDFuse, IVIF_ZOO",
    cost="c0",
    reference=True,
    compute=sum_of_correlations_of_differences,
    flat="r = 0 where a source or a difference is flat",
    presets={"core": 6, "all": 22, "paper-tang2022": 10, "paper-tang2023": 10, "paper-cddfuse": 9},
)
