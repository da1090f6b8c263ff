"""MSVD: fusion by multi-resolution singular value decomposition (Naidu, Defence Science Journal 2011)."""

from __future__ import annotations

from functools import partial

import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method


def blocks(image: np.ndarray) -> np.ndarray:
    """The 2×2 blocks of an image of even size as columns (4×N), each column-wise: top left, bottom left, top right…"""
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).transpose(3, 1, 0, 2).reshape(4, -1)


def unblocks(columns: np.ndarray, height: int, width: int) -> np.ndarray:
    """Inverse of :func:`blocks`."""
    return columns.reshape(2, 2, height // 2, width // 2).transpose(2, 1, 3, 0).reshape(height, width)


def left_vectors(columns: np.ndarray) -> np.ndarray:
    """Left singular vectors (4×4, strongest first, largest component positive) of a 4×N matrix."""
    vectors = np.linalg.eigh(columns @ columns.T)[1][:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * np.where(vectors[largest, range(4)] < 0, -1, 1)


def msvd(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """One level of MSVD fusion of two H×W images: first component averaged, the other three by larger magnitude.

    The signs of singular vectors are arbitrary; those of the visible image are turned towards those of the infrared
    one, else their mean, which rebuilds the image, could cancel.
    """
    height, width = ir.shape
    pad = (0, height % 2), (0, width % 2)
    columns = [blocks(np.pad(x.astype(np.float64), pad, mode="edge")) for x in (ir, vis)]
    ir_vectors, vis_vectors = (left_vectors(x) for x in columns)
    vis_vectors = vis_vectors * np.where((ir_vectors * vis_vectors).sum(axis=0) < 0, -1, 1)
    first, second = ir_vectors.T @ columns[0], vis_vectors.T @ columns[1]
    fused = np.where(np.abs(first) >= np.abs(second), first, second)
    fused[0] = (first[0] + second[0]) / 2
    rebuilt = unblocks((ir_vectors + vis_vectors) / 2 @ fused, height + pad[0][1], width + pad[1][1])
    return rebuilt[:height, :width]


CITATION = r"""@article{naidu2011msvd,
  author  = {Naidu, V. P. S.},
  title   = {Image Fusion Technique Using Multi-Resolution Singular Value Decomposition},
  journal = {Defence Science Journal},
  volume  = {61},
  number  = {5},
  pages   = {479--484},
  year    = {2011},
  doi     = {10.14429/dsj.61.705},
}"""

MSVD = Method(
    name="msvd",
    title="MSVD",
    kind="classical",
    description="One level of a data-driven 2×2 block transform; largest detail coefficients, averaged approximation.",
    source="V. P. S. Naidu, Image fusion technique using multi-resolution singular value decomposition",
    citation=CITATION,
    year=2011,
    venue="Defence Science Journal 61(5)",
    luma=True,
    load=partial(on_grey, msvd),
)
