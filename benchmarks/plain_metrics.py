"""The twelve core metrics written plainly, with NumPy and SciPy, from their definitions: what the fast ones are timed
against and must agree with.

Every function takes grey images H×W, float64 holding 0…255, and works on one metric at a time, as evaluation scripts
do: nothing is shared between metrics.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import convolve2d

SOBEL = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
LEVELS = np.arange(257) - 0.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
NOISE, TINY = 2.0, 1e-10


def gaussian(size: int, sigma: float) -> np.ndarray:
    """size×size, sum 1."""
    axis = np.arange(size) - size // 2
    kernel = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * sigma**2))
    return kernel / kernel.sum()


def entropy(counts: np.ndarray) -> float:
    """In bits, of a histogram of any dimension."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def en(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Entropy of the grey values."""
    return entropy(np.histogram(fused, LEVELS)[0])


def sd(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Standard deviation."""
    return float(np.sqrt(((fused - fused.mean()) ** 2).mean()))


def sf(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Spatial frequency."""
    return float(np.sqrt((np.diff(fused, axis=1) ** 2).mean() + (np.diff(fused, axis=0) ** 2).mean()))


def ag(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Average gradient."""
    down, along = np.gradient(fused)
    return float(np.sqrt((along**2 + down**2) / 2).mean())


def information(first: np.ndarray, second: np.ndarray) -> float:
    """Mutual information in bits."""
    joint = np.histogram2d(first.ravel(), second.ravel(), bins=(LEVELS, LEVELS))[0]
    return entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint)


def mi(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """I(A; F) + I(B; F)."""
    return information(ir, fused) + information(vis, fused)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r."""
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def scd(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Sum of the correlations of differences."""
    return correlation(fused - vis, ir) + correlation(fused - ir, vis)


def cc(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Correlation coefficient."""
    return (correlation(ir, fused) + correlation(vis, fused)) / 2


def mse(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Mean squared error."""
    return float((((fused - ir) ** 2).mean() + ((fused - vis) ** 2).mean()) / 2)


def psnr(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Peak signal-to-noise ratio."""
    return float(10 * np.log10(255**2 / mse(ir, vis, fused)))


def moments(first: np.ndarray, second: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, ...]:
    """Local means, variances and covariance under a window inside the image."""
    means = [convolve2d(x, kernel, mode="valid") for x in (first, second)]
    products = first * first, second * second, first * second
    squares = [convolve2d(x, kernel, mode="valid") for x in products]
    variances = squares[0] - means[0] ** 2, squares[1] - means[1] ** 2
    return *means, *variances, squares[2] - means[0] * means[1]


def ssim(source: np.ndarray, fused: np.ndarray) -> float:
    """Structural similarity of one source."""
    x, y, xx, yy, xy = moments(source, fused, gaussian(11, 1.5))
    return float((((2 * x * y + C1) * (2 * xy + C2)) / ((x**2 + y**2 + C1) * (xx + yy + C2))).mean())


def ssim_mean(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Mean structural similarity."""
    return (ssim(ir, fused) + ssim(vis, fused)) / 2


def vifp(reference: np.ndarray, distorted: np.ndarray) -> float:
    """Visual information fidelity in the pixel domain."""
    numerator = denominator = 0.0
    for scale in range(1, 5):
        size = 2 ** (5 - scale) + 1
        kernel = gaussian(size, size / 5)
        if scale > 1:
            reference, distorted = (convolve2d(x, kernel, mode="valid")[::2, ::2] for x in (reference, distorted))
        _, _, variance, other, covariance = moments(reference, distorted, kernel)
        variance, other = np.maximum(variance, 0), np.maximum(other, 0)
        gain = covariance / (variance + TINY)
        noise = other - gain * covariance
        flat = variance < TINY
        gain[flat], noise[flat], variance[flat] = 0, other[flat], 0
        flat = other < TINY
        gain[flat] = noise[flat] = 0
        opposed = gain < 0
        noise[opposed], gain[opposed] = other[opposed], 0
        noise = np.maximum(noise, TINY)
        numerator += np.log10(1 + gain**2 * variance / (noise + NOISE)).sum()
        denominator += np.log10(1 + variance / NOISE).sum()
    return float(numerator / denominator)


def vif(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Visual information fidelity, sum over the sources."""
    return vifp(ir, fused) + vifp(vis, fused)


def edges(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strength and angle of the Sobel gradient, zero border; the angle is π/2 where the gradient has no width."""
    along, down = convolve2d(x, SOBEL, mode="same"), convolve2d(x, -SOBEL.T, mode="same")
    angle = np.full_like(x, np.pi / 2)
    np.divide(down, along, out=angle, where=along != 0)
    return np.sqrt(along**2 + down**2), np.where(along != 0, np.arctan(angle), np.pi / 2)


def qabf(ir: np.ndarray, vis: np.ndarray, fused: np.ndarray) -> float:
    """Edge preservation (Xydeas & Petrović)."""
    strength, angle = edges(fused)
    kept = total = 0.0
    for source in (ir, vis):
        other, direction = edges(source)
        low, high = np.minimum(strength, other), np.maximum(strength, other)
        ratio = np.where(strength == other, strength, low / np.where(high > 0, high, 1))
        aligned = 1 - np.abs(direction - angle) / (np.pi / 2)
        quality = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * 0.9879 / (1 + np.exp(-22 * (aligned - 0.8)))
        kept, total = kept + (quality * other).sum(), total + other.sum()
    return float(kept / total)


PLAIN = {function.__name__: function for function in (en, sd, sf, ag, mi, scd, cc, psnr, mse, vif, qabf, ssim_mean)}
"""Metric id and plain form."""
