"""Phase congruency (Kovesi 1999) and the fusion metric built on it (Zhao, Laganière & Liu 2007)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from bench.metrics.citations import KOVESI_1999, LIU_2012, ZHAO_2007
from bench.metrics.fourier import fourier
from bench.metrics.kernels.filters import correlate, gaussian_kernel
from bench.metrics.kernels.phase import ORIENTATIONS, SCALES, accumulate, congruency, median_power
from bench.metrics.kernels.strips import pixel_maps
from bench.metrics.metric import Metric, Plane
from tsdm_bench.torch_later import Tensor, torch

SHORTEST_WAVE, WAVE_FACTOR = 3.0, 2.1  # pixels; from one scale to the next
BANDWIDTH = 0.55  # sigmaOnf: bandwidth of the log-Gabor filter relative to its centre
ANGULAR_SPREAD = math.pi / ORIENTATIONS / 1.2
CUT_OFF, SHARPNESS = 0.45, 15  # Butterworth low-pass
NOISE_FACTOR, NOISE_DIVISOR = 2.0, 1.7
VISIBLE = 0.1  # phase congruency from which a pixel belongs to a feature
STABILISER = 1e-4
SIZE, SIGMA = 11, 1.5  # of the window
TAPS = gaussian_kernel(SIZE, SIGMA)


class FilterBank(NamedTuple):
    """Log-Gabor transfer functions H×W of one image size in DFT order: their radial and angular factors.

    ``smallest_power`` and ``noise_gain`` turn the median power at the smallest scale into Kovesi's noise energy: the
    expected power of the sum over the scales is 2 Σ (Σ_s even_s)², by Parseval over the filters' even parts.
    """

    radial: Tensor
    angular: list[Tensor]
    smallest_power: list[float]
    noise_gain: list[float]


@lru_cache(maxsize=1)
def filter_bank(height: int, width: int, device: torch.device) -> FilterBank:
    """Kovesi's filters and, per orientation, the two sums that turn a median into a noise threshold."""
    down, along = centred(height, device)[:, None], centred(width, device)[None, :]
    radius = torch.hypot(down, along)
    theta = torch.atan2(-down, along)
    low_pass = 1 / (1 + (radius / CUT_OFF) ** (2 * SHARPNESS))
    radius[0, 0] = 1.0
    logarithm = radius.log_()
    radial = []
    for scale in range(SCALES):
        centre = -math.log(SHORTEST_WAVE * WAVE_FACTOR**scale)
        band = (logarithm - centre).square_().div_(-2 * math.log(BANDWIDTH) ** 2).exp_().mul_(low_pass)
        band[0, 0] = 0.0
        radial.append(band)
    all_scales = sum(radial)
    angular, smallest_power, noise_gain = [], [], []
    for orientation in range(ORIENTATIONS):
        turn = (theta - orientation * math.pi / ORIENTATIONS).abs_()
        spread = torch.minimum(turn, 2 * math.pi - turn).square_().div_(-2 * ANGULAR_SPREAD**2).exp_()
        angular.append(spread.to(torch.float32))
        smallest_power.append((radial[0] * spread).square_().sum().item())
        even = (spread + mirrored(spread)).mul_(all_scales).div_(2)
        noise_gain.append(2 * even.square_().sum().item())
    return FilterBank(torch.stack(radial).to(torch.float32), angular, smallest_power, noise_gain)


def centred(size: int, device: torch.device) -> Tensor:
    """Kovesi's frequency axis in cycles per pixel, DFT order; an odd size is divided by one less."""
    index = torch.fft.fftfreq(size, d=1 / size, dtype=torch.float64, device=device)
    return index / (size - size % 2)


def mirrored(x: Tensor) -> Tensor:
    """A transfer function at the negative frequencies."""
    return x.flip((-2, -1)).roll((1, 1), (-2, -1))


def phase_congruency(plane: Plane) -> tuple[Tensor, Tensor, Tensor]:
    """Total phase congruency and the maximum and minimum moment of its covariance, each N×1×H×W."""
    maps = [_phase_congruency(image[0]) for image in plane.x]
    return tuple(torch.stack(each)[:, None] for each in zip(*maps, strict=True))


def _phase_congruency(image: Tensor) -> Tensor:
    bank = filter_bank(*image.shape, image.device)
    x = image.to(torch.float64)
    spectrum = whole_spectrum(fourier("rfft2", x - x.mean()).to(torch.complex64), x.shape[-1])
    sums, responses = image.new_zeros(5, *image.shape), torch.empty_like(bank.radial, dtype=torch.complex64)
    for orientation in range(ORIENTATIONS):
        torch.mul(spectrum * bank.angular[orientation], bank.radial, out=responses)
        responses = fourier("ifft2", responses)
        threshold = noise_threshold(responses[0], bank, orientation)
        accumulate(sums, responses, threshold, orientation * math.pi / ORIENTATIONS)
    return congruency(sums)


def whole_spectrum(half: Tensor, width: int) -> Tensor:
    """The spectrum H×W of a real image from its columns up to the middle: the others are their conjugates."""
    rest = half[:, 1 : (width + 1) // 2].flip((0, 1)).roll(1, 0).conj()
    return torch.cat((half, rest), 1)


def noise_threshold(smallest: Tensor, bank: FilterBank, orientation: int) -> float:
    """Kovesi's threshold on the energy at one orientation, from the response at the smallest scale."""
    noise = median_power(smallest) / math.log(2) / bank.smallest_power[orientation]
    deviation = math.sqrt(noise * bank.noise_gain[orientation] / 2)
    return deviation * (math.sqrt(math.pi / 2) + NOISE_FACTOR * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR


def phase_congruency_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Zhao, Laganière & Liu 2007, eq. 15-18 as in Liu et al. 2012."""
    infrared, visible = (x.once("phase congruency", lambda x=x: phase_congruency(x)) for x in (ir, vis))
    result = phase_congruency(fused)
    stronger = infrared[0] > visible[0]
    masks = infrared[0] > VISIBLE, visible[0] > VISIBLE
    count = torch.where(stronger, *masks).flatten(1).sum(1)
    quality = torch.ones_like(count, dtype=torch.float64)
    for first, second, reference in zip(infrared, visible, result, strict=True):
        quality = quality * best_correlation(reference, (first, second), masks, stronger) / count.clamp(min=1)
    return torch.where(count > 0, quality, featureless(result))


def featureless(result: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The value where the sources have no feature: 1 if F has none either, else 0."""
    return (result[0].flatten(1).amax(1) <= VISIBLE).to(torch.float64)


def best_correlation(reference: Tensor, sources: Sequence[Tensor], masks: Sequence[Tensor], stronger: Tensor) -> Tensor:
    """Sum over the pixels of the largest of (cov + C)/(sqrt|var var| + C) of ``reference`` with each source.

    The third source is the first where ``stronger``, else the second. Statistics under the window, zero border; a
    source counts 0 outside its mask.
    """
    reference = reference.to(torch.float64)
    mean = correlate(reference, TAPS, TAPS)
    variance = correlate(reference * reference, TAPS, TAPS).addcmul_(mean, mean, value=-1)

    def ratio(*maps: Tensor) -> tuple[Tensor]:
        mean, variance, source_mean, square, product, mask = maps
        covariance = product.addcmul(mean, source_mean, value=-1).add_(STABILISER)
        scale = square.addcmul(source_mean, source_mean, value=-1).mul_(variance).abs_().sqrt_().add_(STABILISER)
        return (covariance.div_(scale).mul_(mask),)

    best = torch.full_like(mean, -math.inf)
    for source, mask in zip(
        (*sources, torch.where(stronger, *sources)), (*masks, torch.where(stronger, *masks)), strict=True
    ):
        seen = source.to(torch.float64) * mask
        sums = (correlate(each, TAPS, TAPS) for each in (seen, seen * seen, seen * reference))
        torch.maximum(best, pixel_maps(ratio, mean, variance, *sums, mask)[0], out=best)
    return best.flatten(1).sum(1)


QP = Metric(
    name="qp",
    symbol="Qp",
    title="Phase congruency quality (Zhao)",
    family="perception",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="Kovesi's phase congruency: 4 scales from 3 px by 2.1, 6 orientations, σ_onf 0.55, dθ/σ 1.2, "
    "Butterworth low-pass 0.45 of order 15, noise k = 2 with the threshold divided by 1.7, cut-off 0.5, gain 10, ε = "
    "10⁻⁴, covariance term divided by 6 as in `phasecong2`. For the total congruency P and the moments M, m: local "
    "correlation $(\\sigma_{xF}+10^{-4})/(\\sqrt{|\\sigma_x^2\\sigma_F^2|}+10^{-4})$ under G(11, 1.5), zero border, of "
    "F's map with that of A, of B and of the stronger source, each masked where its P > 0.1; pixelwise largest, "
    "averaged over the mask of the stronger source. Product of the three. Filter responses in single precision.",
    source="Zhao, Laganière & Liu, *Int. J. Innov. Comput. Inf. Control* 3, 2007; Kovesi, *Videre* 1, 1999",
    citation=f"{ZHAO_2007}\n{KOVESI_1999}\n{LIU_2012}",
    tables="toolboxes built on Liu 2012",
    cost="c2",
    reference=True,
    compute=phase_congruency_quality,
    flat="no source pixel with P > 0.1: 1 if F has none either, else 0; a flat F correlates C/C = 1 with anything",
    presets={"all": 40, "paper-liu2012": 6},
)
