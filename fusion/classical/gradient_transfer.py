"""GTF: gradient transfer fusion by total-variation minimisation (Ma, Chen, Li, Huang, Information Fusion 2016)."""

from __future__ import annotations

from functools import partial

import numpy as np

from fusion.classical.grey import on_grey
from fusion.method import Method

SMOOTHNESS = 4.0  # lambda
REWEIGHTINGS = 5
SMALLEST_RESIDUAL = 0.01  # |u - f| and |grad u| count as no less than this in the weights
SMALLEST_GRADIENT = 0.01
CONJUGATE_STEPS = 30  # at most, per reweighting
TOLERANCE = 3e-3  # of the residual, relative to the right-hand side


def solve(data: np.ndarray, across: np.ndarray, down: np.ndarray, right: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Solves (diag(data) + Dxᵀ across Dx + Dyᵀ down Dy) u = right by conjugate gradients (Jacobi preconditioner).

    ``data``, ``right``, ``start`` are H×W; ``across`` H×(W-1) and ``down`` (H-1)×W weigh the differences of
    neighbours. Returns u, H×W.
    """
    diagonal = data.copy()
    diagonal[:, :-1] += across
    diagonal[:, 1:] += across
    diagonal[:-1] += down
    diagonal[1:] += down
    inverse = 1 / diagonal
    scratch = np.empty_like(data)

    def product(u: np.ndarray) -> np.ndarray:
        result = diagonal * u
        result[:, :-1] -= np.multiply(across, u[:, 1:], out=scratch[:, 1:])
        result[:, 1:] -= np.multiply(across, u[:, :-1], out=scratch[:, 1:])
        result[:-1] -= np.multiply(down, u[1:], out=scratch[1:])
        result[1:] -= np.multiply(down, u[:-1], out=scratch[1:])
        return result

    u = start.copy()
    residual = right - product(u)
    direction = inverse * residual
    energy = np.vdot(residual, direction)
    enough = TOLERANCE**2 * np.vdot(right, inverse * right)
    for _ in range(CONJUGATE_STEPS):
        if energy <= enough:
            break
        image = product(direction)
        step = energy / np.vdot(direction, image)
        u += np.multiply(direction, step, out=scratch)
        residual -= np.multiply(image, step, out=image)
        scaled = np.multiply(inverse, residual, out=image)
        previous, energy = energy, np.vdot(residual, scaled)
        direction *= energy / previous
        direction += scaled
    return u


def gtf(ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """The image with the grey levels of the infrared and the gradients of the visible one; H×W in [0, 1].

    Minimises |u - f|₁ + lambda |grad u|₁ (isotropic) over u for f = ir - vis, by iteratively reweighted least squares
    that starts at f; the result is u + vis. The number of reweightings is part of the method: more of them
    take the result closer to the minimum, and further from what was published.
    """
    target = ir - vis
    u = target
    for _ in range(REWEIGHTINGS):
        data = 1 / np.maximum(np.abs(u - target), SMALLEST_RESIDUAL)
        steps_across, steps_down = np.zeros_like(u), np.zeros_like(u)
        steps_across[:, :-1], steps_down[:-1] = np.diff(u, axis=1), np.diff(u, axis=0)
        smoothness = SMOOTHNESS / np.maximum(np.hypot(steps_across, steps_down), SMALLEST_GRADIENT)
        u = solve(data, smoothness[:, :-1], smoothness[:-1], data * target, u)
    return u + vis


CITATION = r"""@article{ma2016gtf,
  author  = {Ma, Jiayi and Chen, Chen and Li, Chang and Huang, Jun},
  title   = {Infrared and Visible Image Fusion via Gradient Transfer and Total Variation Minimization},
  journal = {Information Fusion},
  volume  = {31},
  pages   = {100--109},
  year    = {2016},
  doi     = {10.1016/j.inffus.2016.02.001},
}"""

GTF = Method(
    name="gtf",
    title="GTF",
    kind="classical",
    description="Infrared grey levels with visible gradients, by total-variation (L1) minimisation.",
    source="J. Ma, C. Chen, C. Li, J. Huang, Infrared and visible image fusion via gradient transfer and total "
    "variation minimization",
    citation=CITATION,
    year=2016,
    venue="Information Fusion 31",
    luma=True,
    load=partial(on_grey, gtf),
)
