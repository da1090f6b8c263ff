"""Fusion of wavelet coefficients: the discrete wavelet transform and the dual-tree complex wavelet transform."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pywt

from fusion.classical.grey import on_grey
from fusion.classical.selection import stronger_coefficient
from fusion.method import Method

LEVELS = 4
WAVELET = "db1"
MODE = "periodization"
MARGIN = 32  # mirrored pixels around the image, so that the periodic transform never joins opposite borders

# Kingsbury, Complex wavelets for shift invariant analysis and filtering of signals, 2001: 6-tap Q-shift
Q_SHIFT = (
    0.03516383657149474,
    0.0,
    -0.08832942445107285,
    0.23389032060723564,
    0.7602723690661257,
    0.5875182977235605,
    0.0,
    -0.11430183714424873,
    0.0,
    0.0,
)
FIRST_STAGE = pywt.Wavelet("bior2.2")  # LeGall 5/3, shifted by one sample between the trees
LATER_STAGES = tuple(
    pywt.Wavelet(f"q-shift {tree}", filter_bank=pywt.orthogonal_filter_bank(taps))
    for tree, taps in (("a", Q_SHIFT), ("b", Q_SHIFT[::-1]))
)
TREES = ((0, 0), (0, 1), (1, 0), (1, 1))  # which of the two filter sets is used along y and along x

Details = tuple[np.ndarray, np.ndarray, np.ndarray]


def framed(image: np.ndarray) -> np.ndarray:
    """The image with a mirrored frame of :data:`MARGIN` pixels, and more at the end to a multiple of 2**LEVELS."""
    pad = [(MARGIN, MARGIN + -side % 2**LEVELS) for side in image.shape]
    return np.pad(image, pad, mode="symmetric")


def unframed(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Inverse of :func:`framed`."""
    height, width = like.shape
    return image[MARGIN : MARGIN + height, MARGIN : MARGIN + width]


def dwt(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Choose-max fusion of the Haar coefficients of two H×W images; the coarsest approximation is averaged."""
    ir_levels, vis_levels = (pywt.wavedec2(framed(x), WAVELET, MODE, LEVELS) for x in (ir, vis))
    fused = [(ir_levels[0] + vis_levels[0]) / 2]
    for ir_bands, vis_bands in zip(ir_levels[1:], vis_levels[1:], strict=True):
        fused.append(tuple(stronger_coefficient(a, b) for a, b in zip(ir_bands, vis_bands, strict=True)))
    return unframed(pywt.waverec2(fused, WAVELET, MODE), ir)


def stage(level: int, tree: tuple[int, int]) -> tuple[pywt.Wavelet, pywt.Wavelet]:
    """The wavelets along y and x of one tree at one level (0 = finest)."""
    return (FIRST_STAGE, FIRST_STAGE) if level == 0 else (LATER_STAGES[tree[0]], LATER_STAGES[tree[1]])


def dual_tree(image: np.ndarray) -> tuple[dict, dict]:
    """Four real wavelet trees of an image (sides multiples of 2**LEVELS).

    Returns ``(approximations, details)`` by tree; details are lists of (horizontal, vertical, diagonal), finest first.
    The trees differ by one sample at the first level and half a sample at the later ones, so that the four real
    coefficients of a place make two complex ones (Selesnick, Baraniuk, Kingsbury, IEEE SPM 2005).
    """
    approximations: dict[tuple[int, int], np.ndarray] = {}
    details: dict[tuple[int, int], list] = {}
    for tree in TREES:
        approximation, details[tree] = np.roll(image, (-tree[0], -tree[1]), (0, 1)), []
        for level in range(LEVELS):
            approximation, bands = pywt.dwt2(approximation, stage(level, tree), MODE)
            details[tree].append(bands)
        approximations[tree] = approximation
    return approximations, details


def inverse_dual_tree(approximations: dict, details: dict) -> np.ndarray:
    """Inverse of :func:`dual_tree`: the mean of the images of the four trees."""
    total: Any = 0
    for tree in TREES:
        image = approximations[tree]
        for level in reversed(range(LEVELS)):
            image = pywt.idwt2((image, details[tree][level]), stage(level, tree), MODE)
        total = total + np.roll(image, tree, (0, 1))
    return total / len(TREES)


def to_complex(aa: np.ndarray, ab: np.ndarray, ba: np.ndarray, bb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The complex coefficients of the two orientations (±) from those of the four trees."""
    return (aa - bb) + 1j * (ab + ba), (aa + bb) + 1j * (ba - ab)


def from_complex(plus: np.ndarray, minus: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inverse of :func:`to_complex`."""
    aa, bb = (plus.real + minus.real) / 2, (minus.real - plus.real) / 2
    ab, ba = (plus.imag - minus.imag) / 2, (plus.imag + minus.imag) / 2
    return aa, ab, ba, bb


def dtcwt(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """Choose-max fusion of dual-tree complex coefficients of two H×W images; coarsest approximations averaged."""
    (ir_low, ir_details), (vis_low, vis_details) = dual_tree(framed(ir)), dual_tree(framed(vis))
    low = {tree: (ir_low[tree] + vis_low[tree]) / 2 for tree in TREES}
    details: dict[tuple[int, int], list] = {tree: [] for tree in TREES}
    for level in range(LEVELS):
        bands = []
        for band in range(3):
            pairs = [to_complex(*(d[tree][level][band] for tree in TREES)) for d in (ir_details, vis_details)]
            bands.append(from_complex(*(stronger_coefficient(a, b) for a, b in zip(*pairs, strict=True))))
        for index, tree in enumerate(TREES):
            details[tree].append(tuple(band[index] for band in bands))
    return unframed(inverse_dual_tree(low, details), ir)


LI_1995 = r"""@article{li1995dwt,
  author  = {Li, H. and Manjunath, B. S. and Mitra, S. K.},
  title   = {Multisensor Image Fusion Using the Wavelet Transform},
  journal = {Graphical Models and Image Processing},
  volume  = {57},
  number  = {3},
  pages   = {235--245},
  year    = {1995},
  doi     = {10.1006/gmip.1995.1022},
}"""
LEWIS_2007 = r"""@article{lewis2007dtcwt,
  author  = {Lewis, John J. and O'Callaghan, Robert J. and Nikolov, Stavri G. and Bull, David R. and
             Canagarajah, Nishan},
  title   = {Pixel- and Region-Based Image Fusion With Complex Wavelets},
  journal = {Information Fusion},
  volume  = {8},
  number  = {2},
  pages   = {119--130},
  year    = {2007},
  doi     = {10.1016/j.inffus.2005.09.006},
}"""

DWT = Method(
    name="dwt",
    title="DWT",
    kind="classical",
    description="Four-level Haar wavelet transform, choose-max with consistency check, averaged approximation.",
    source="H. Li, B. S. Manjunath, S. K. Mitra, Multisensor image fusion using the wavelet transform",
    citation=LI_1995,
    year=1995,
    venue="Graphical Models and Image Processing 57(3)",
    luma=True,
    load=partial(on_grey, dwt),
)

DTCWT = Method(
    name="dtcwt",
    title="DTCWT",
    kind="classical",
    description="Four-level dual-tree complex wavelet transform, choose-max of magnitude, averaged approximation.",
    source="J. J. Lewis et al., Pixel- and region-based image fusion with complex wavelets",
    citation=LEWIS_2007,
    year=2007,
    venue="Information Fusion 8(2)",
    luma=True,
    load=partial(on_grey, dtcwt),
)
