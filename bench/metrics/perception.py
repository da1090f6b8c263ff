"""Metrics built on the contrast sensitivity of the human eye."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from bench.metrics.citations import CHEN_2007, CHEN_2009, LIU_2012
from bench.metrics.fourier import fourier
from bench.metrics.histograms import stretched
from bench.metrics.kernels.filters import correlate, sobel
from bench.metrics.kernels.strips import pixel_maps, pixel_sums
from bench.metrics.local import double
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, functional, torch

BLOCK = 16  # pixels, Chen & Varshney 2007
SALIENCY_POWER = 5
BLUR_SIZE = 31  # Chen & Blum 2009 in the code of Liu et al. 2012
MASKING = 1e-4
TINY = 1e-300  # makes 0/0 one, and one half where two are added


def frequencies(size: int, device: torch.device) -> Tensor:
    """Frequency of each DFT bin in half-cycles per pixel, in [−1, 1), in FFT order."""
    return torch.fft.fftfreq(size, dtype=torch.float64, device=device) * 2


@lru_cache(maxsize=4)
def response(
    sensitivity: Callable[[Tensor], Tensor], pixels_per_unit: float, height: int, width: int, device: torch.device
) -> Tensor:
    """``sensitivity(r)`` on the half spectrum of an image, r = |(u W, v H)|/``pixels_per_unit``."""
    down = frequencies(height, device)[:, None] * (height / pixels_per_unit)
    along = frequencies(width, device)[None, : width // 2 + 1] * (width / pixels_per_unit)
    return sensitivity(torch.hypot(down, along))


def filtered_by_sensitivity(plane: Plane, sensitivity: Callable[[Tensor], Tensor], pixels_per_unit: float) -> Tensor:
    """The image with its spectrum multiplied by ``response``."""
    size = plane.x.shape[-2:]
    spectrum = fourier("rfft2", double(plane))
    spectrum *= response(sensitivity, pixels_per_unit, *size, plane.x.device)
    return fourier("irfft2", spectrum, s=size)


def chen_blum_sensitivity(radius: Tensor) -> Tensor:
    """Difference of Gaussians, Chen & Blum 2009, eq. 2."""
    return torch.exp(-((radius / 15.3870) ** 2)) - 0.7622 * torch.exp(-((radius / 1.3456) ** 2))


def mannos_sakrison_sensitivity(radius: Tensor) -> Tensor:
    """Mannos & Sakrison 1974, constants of Chen & Varshney 2007."""
    return 2.6 * (0.0192 + 0.144 * radius) * torch.exp(-((0.144 * radius) ** 1.1))


def masked_contrast(plane: Plane) -> Tensor:
    """Band-limited contrast of the stretched image after masking, Chen & Blum 2009, eq. 3-5."""

    def mask(narrow: Tensor, wide: Tensor) -> tuple[Tensor]:
        contrast = (narrow / wide).sub_(1).abs_().nan_to_num_(0.0)
        square = contrast.square()
        return (contrast.mul_(square).div_(square.add_(MASKING)),)

    x = filtered_by_sensitivity(stretched(plane), chen_blum_sensitivity, 30.0)
    kernels = [blur_kernel(sigma) for sigma in (2.0, 4.0)]
    return pixel_maps(mask, *(correlate(x, kernel, kernel) for kernel in kernels))[0]


def blur_kernel(sigma: float) -> tuple[float, ...]:
    """One factor of the 31×31 Gaussian of peak 1/(2πσ²), not normalised."""
    peak = 1 / (math.sqrt(2 * math.pi) * sigma)
    half = BLUR_SIZE // 2
    return tuple(peak * math.exp(-(offset**2) / (2 * sigma**2)) for offset in range(-half, half + 1))


def chen_blum(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Chen & Blum 2009, eq. 6-9."""

    def preserved(source: Tensor, result: Tensor) -> Tensor:
        return torch.minimum(source, result).add_(TINY).div_(torch.maximum(source, result).add_(TINY))

    def quality(first: Tensor, second: Tensor, result: Tensor) -> tuple[Tensor]:
        energy, other = first.square().add_(TINY), second.square().add_(TINY)
        share = energy / other.add_(energy)
        return (torch.lerp(preserved(second, result), preserved(first, result), share),)

    sources = [x.once("masked contrast", lambda x=x: masked_contrast(x)) for x in (ir, vis)]
    return pixel_sums(quality, *sources, masked_contrast(fused))[0] / fused.x[0].numel()


def blocks(x: Tensor) -> Tensor:
    """Sums over 16×16 blocks, padded with zeros at the end: N×1×⌈H/16⌉×⌈W/16⌉."""
    height, width = x.shape[-2:]
    x = functional.pad(x, (0, -width % BLOCK, 0, -height % BLOCK))
    rows, columns = x.shape[-2] // BLOCK, x.shape[-1] // BLOCK
    return x.view(-1, 1, rows, BLOCK, columns, BLOCK).sum((3, 5))


def block_saliency(plane: Plane) -> Tensor:
    """Sum of the fifth power of the Sobel magnitude over each block."""

    def compute() -> Tensor:
        along, down = sobel(plane.x)
        square = along.square_().add_(down.square_()).to(torch.float64)
        return blocks(square.sqrt().mul_(square).mul_(square))

    return plane.once("block saliency", compute)


def chen_varshney(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Chen & Varshney 2007, eq. 5-9: the filter is linear, so each image is filtered once."""
    error, weight = 0.0, 0.0
    result = seen(fused)
    for source in (ir, vis):
        difference = source.once("seen", lambda source=source: seen(source)) - result
        saliency = block_saliency(stretched(source))
        error = error + (saliency * blocks(difference.square_()) / BLOCK**2).flatten(1).sum(1)
        weight = weight + saliency.flatten(1).sum(1)
    return torch.where(weight > 0, error / weight, 0.0)


def seen(plane: Plane) -> Tensor:
    """The stretched image as the eye passes it on."""
    return filtered_by_sensitivity(stretched(plane), mannos_sakrison_sensitivity, 8.0)


QCB = Metric(
    name="qcb",
    symbol="Qcb",
    title="Human-perception quality (Chen & Blum)",
    family="perception",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="Stretched images, filtered by $e^{-(r/15.387)^2}-0.7622e^{-(r/1.3456)^2}$, r = |(uW/30, vH/30)|, u, v "
    "in [−1, 1). Contrast $C=|Y*g_2/(Y*g_4)-1|$ with 31×31 Gaussians of peak 1/(2πσ²), zero border; "
    "$C'=C^3/(C^2+10^{-4})$; mean of $\\lambda Q_A+(1-\\lambda)Q_B$, Q = smaller over larger C′, "
    "$\\lambda=C_A'^2/(C_A'^2+C_B'^2)$.",
    source="Chen & Blum, *Image Vis. Comput.* 27, 2009; Liu et al., *TPAMI* 34, 2012",
    citation=f"{CHEN_2009}\n{LIU_2012}",
    tables="VIFB (grey images), MEFB, cslib; not IVIF_ZOO (half the frequency scale)",
    cost="c1",
    reference=True,
    compute=chen_blum,
    flat="1 where both contrasts are 0, λ = ½ where the sources have none",
    presets={"all": 41, "paper-liu2012": 11},
)

QCV = variant(
    QCB,
    name="qcv",
    symbol="Qcv",
    title="Human-perception distance (Chen & Varshney)",
    direction="lower",
    range=(0, math.inf),
    unit="squared grey levels",
    definition="Stretched images, 16×16 blocks, zero-padded. $\\sum(s_AD_A+s_BD_B)/\\sum(s_A+s_B)$ with s = block sum "
    "of the fifth power of the Sobel magnitude (zero border) and D = mean square in the block of X − F filtered by "
    "$2.6(0.0192+0.144r)e^{-(0.144r)^{1.1}}$, r = |(uW/8, vH/8)|.",
    source="Chen & Varshney, *Inf. Fusion* 8, 2007; Liu et al., *TPAMI* 34, 2012",
    citation=f"{CHEN_2007}\n{LIU_2012}",
    tables="VIFB (grey images), MEFB, cslib",
    compute=chen_varshney,
    flat="0 when both sources are flat",
    presets={"all": 42, "paper-liu2012": 10},
)
