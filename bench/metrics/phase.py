"""Phase congruency (Kovesi 1999) and the fusion metric built on it (Zhao, Laganière & Liu 2007)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from bench.metrics.filters import correlate, gaussian_kernel
from bench.metrics.metric import Metric, Plane
from bench.metrics.strips import pixel_sums, strips

SCALES, ORIENTATIONS = 4, 6
SHORTEST_WAVE, WAVE_FACTOR = 3.0, 2.1  # pixels; from one scale to the next
BANDWIDTH = 0.55  # sigmaOnf: bandwidth of the log-Gabor filter relative to its centre
ANGULAR_SPREAD = math.pi / ORIENTATIONS / 1.2
CUT_OFF, SHARPNESS = 0.45, 15  # Butterworth low-pass
NOISE_FACTOR, NOISE_DIVISOR = 2.0, 1.7
FREQUENCY_CUT_OFF, GAIN = 0.5, 10.0  # weight of the spread of frequencies
EPSILON = 1e-4
TINY = 1e-30
VISIBLE = 0.1  # phase congruency from which a pixel belongs to a feature
STABILISER = 1e-4
WINDOW = (11, 1.5)


class FilterBank(NamedTuple):
    """Log-Gabor transfer functions H×W of one image size in DFT order: their radial and angular factors.

    The radial ones are kept as complex numbers: torch would convert them again for every product with a spectrum.
    ``smallest_power`` and ``noise_gain`` turn the median power at the smallest scale into Kovesi's noise energy: the
    expected power of the sum over the scales is 2 Σ (Σ_s even_s)², by Parseval over the filters' even parts.
    """

    radial: list[Tensor]
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
    return FilterBank([each.to(torch.complex64) for each in radial], angular, smallest_power, noise_gain)


def centred(size: int, device: torch.device) -> Tensor:
    """Kovesi's frequency axis in cycles per pixel, DFT order; an odd size is divided by one less."""
    index = torch.fft.fftfreq(size, d=1 / size, dtype=torch.float64, device=device)
    return index / (size - size % 2)


def median(x: Tensor) -> Tensor:
    """Median of a float32 vector of values ≥ 0, the mean of the middle two where their number is even.

    The bits of such numbers sort as the numbers do: the leading sixteen find the bucket, and only that is sorted.
    """
    low, high = (x.numel() - 1) // 2, x.numel() // 2
    bucket = x.view(torch.int32) >> 16
    ends = torch.bincount(bucket, minlength=1 << 15).cumsum(0)
    first, last = torch.searchsorted(ends, torch.tensor([low, high], device=x.device), right=True)
    before = ends[first] - (in_first := bucket == first).sum()
    middle = x[in_first.logical_or_(bucket == last)].sort().values
    return (middle[low - before] + middle[high - before]) / 2


def mirrored(x: Tensor) -> Tensor:
    """A transfer function at the negative frequencies."""
    return x.flip((-2, -1)).roll((1, 1), (-2, -1))


def phase_congruency(plane: Plane) -> tuple[Tensor, Tensor, Tensor]:
    """Total phase congruency and the maximum and minimum moment of its covariance, each N×1×H×W."""
    maps = [_phase_congruency(image[0]) for image in plane.x]
    return tuple(torch.stack(each)[:, None] for each in zip(*maps, strict=True))


def _phase_congruency(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    bank = filter_bank(*image.shape, image.device)
    x = image.to(torch.float64)
    spectrum = torch.fft.fft2(x - x.mean()).to(torch.complex64)
    sums = [torch.zeros_like(image) for _ in range(5)]
    for orientation in range(ORIENTATIONS):
        turned = spectrum * bank.angular[orientation]
        responses = [torch.fft.ifft2(turned * band) for band in bank.radial]
        threshold = noise_threshold(responses[0], bank, orientation)
        for strip in strips(*sums, *responses):
            accumulate(strip[:5], strip[5:], threshold, orientation * math.pi / ORIENTATIONS)
    energies, amplitudes, xx, yy, xy = sums
    both, difference = (xx + yy).div_(ORIENTATIONS / 2), (xx - yy).div_(ORIENTATIONS / 2)
    spread = xy.div_(ORIENTATIONS).square_().add_(difference.square_()).sqrt_().add_(EPSILON)
    return energies.div_(amplitudes.add_(EPSILON)), (both + spread).div_(2), (both - spread).div_(2)


def noise_threshold(smallest: Tensor, bank: FilterBank, orientation: int) -> Tensor:
    """Kovesi's threshold on the energy at one orientation, from the response at the smallest scale."""
    power = smallest.real.square().addcmul_(smallest.imag, smallest.imag)
    noise = median(power.flatten()) / math.log(2) / bank.smallest_power[orientation]
    deviation = (noise * bank.noise_gain[orientation] / 2).sqrt()
    return deviation * (math.sqrt(math.pi / 2) + NOISE_FACTOR * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR


def accumulate(sums: Sequence[Tensor], responses: Sequence[Tensor], threshold: Tensor, angle: float) -> None:
    """Add one orientation to the sums of energy and amplitude and to the moments of their ratio, in place.

    Kovesi's energy above ``threshold``, weighted by the spread of frequencies: with E, O the even and odd responses of
    the scales and T their sum over the scales, his Σ (E T_E + O T_O)/|T| − |E T_O − O T_E|/|T| is
    (|T|² − Σ |E T_O − O T_E|)/|T|.
    """
    even, odd = torch.stack([each.real for each in responses]), torch.stack([each.imag for each in responses])
    lengths = even.square().addcmul_(odd, odd).sqrt_()
    amplitude, largest = lengths.sum(0), lengths.amax(0)
    total_even, total_odd = even.sum(0), odd.sum(0)
    energy = total_even.square().addcmul_(total_odd, total_odd)
    length = energy.sqrt().add_(EPSILON)
    energy.sub_(even.mul_(total_odd).addcmul_(odd, total_even, value=-1).abs_().sum(0))
    weight = (amplitude / largest.add_(EPSILON)).mul_(GAIN / SCALES).sub_(GAIN * FREQUENCY_CUT_OFF).sigmoid_()
    energy.div_(length).sub_(threshold).clamp_(min=0).mul_(weight)
    for total, term in zip(sums, (energy, amplitude), strict=False):
        total += term
    cosine, sine = math.cos(angle), math.sin(angle)
    square = energy.div_(amplitude.clamp_(min=TINY)).square_()
    for total, factor in zip(sums[2:], (cosine * cosine, sine * sine, cosine * sine), strict=True):
        total.add_(square, alpha=factor)


def phase_congruency_quality(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Zhao, Laganière & Liu 2007, eq. 15-18 as in Liu et al. 2012."""
    infrared, visible = (x.once("phase congruency", lambda x=x: phase_congruency(x)) for x in (ir, vis))
    result = phase_congruency(fused)
    stronger = infrared[0] > visible[0]
    first_mask, second_mask = infrared[0] > VISIBLE, visible[0] > VISIBLE
    masks = first_mask, second_mask, torch.where(stronger, first_mask, second_mask)
    count = masks[2].flatten(1).sum(1)
    quality = torch.ones_like(count, dtype=torch.float64)
    for first, second, reference in zip(infrared, visible, result, strict=True):
        sources = first, second, torch.where(stronger, first, second)
        masked = [source * mask for source, mask in zip(sources, masks, strict=True)]
        quality = quality * best_correlation(reference, masked, masks) / count.clamp(min=1)
    return torch.where(count > 0, quality, featureless(result))


def featureless(result: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The value where the sources have no feature: 1 if F has none either, else 0."""
    return (result[0].flatten(1).amax(1) <= VISIBLE).to(torch.float64)


def best_correlation(reference: Tensor, sources: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Sum over the pixels of the largest of (cov + C)/(sqrt|var var| + C) of ``reference`` with each source.

    Statistics under the window, zero border; a source counts 0 outside its mask.
    """
    x, *others = (each.to(torch.float64) for each in (reference, *sources))
    products = [x * x, *(other * other for other in others), *(other * x for other in others)]
    kernel = gaussian_kernel(*WINDOW)
    maps = correlate([reference, *sources, *products], kernel, kernel, dtype=torch.float64)

    def best(*maps: Tensor) -> tuple[Tensor]:
        (mean, *means), (square, *squares), shared, masks = maps[:4], maps[4:8], maps[8:11], maps[11:]
        variance = square - mean * mean
        ratios = []
        for source_mean, source_square, product, mask in zip(means, squares, shared, masks, strict=True):
            variances = (source_square - source_mean * source_mean).mul_(variance)
            covariance = (product - mean * source_mean).add_(STABILISER)
            ratios.append(covariance.div_(variances.abs_().sqrt_().add_(STABILISER)).mul_(mask))
        return (torch.maximum(torch.maximum(*ratios[:2]), ratios[2]),)

    return pixel_sums(best, *maps, *masks)[0]


QP = Metric(
    name="qp",
    symbol="Qp",
    title="Phase congruency quality (Zhao)",
    family="perception",
    direction="higher",
    range=(0, 1),
    unit="",
    definition="Kovesi's phase congruency: 4 scales from 3 px by 2.1, 6 orientations, σ_onf 0.55, dθ/σ 1.2, "
    "Butterworth low-pass "
    "0.45 of order 15, noise k = 2 with the threshold divided by 1.7, cut-off 0.5, gain 10, ε = 10⁻⁴, covariance "
    "term divided "
    "by 6 as in `phasecong2`. For the total congruency P and the moments M, m: local correlation "
    "$(\\sigma_{xF}+10^{-4})/(\\sqrt{|\\sigma_x^2\\sigma_F^2|}+10^{-4})$ under G(11, 1.5), zero border, of F's map "
    "with that "
    "of A, of B and of the stronger source, each masked where its P > 0.1; pixelwise largest, averaged over the "
    "mask of the "
    "stronger source. Product of the three. Filter responses in single precision.",
    source="Zhao, Laganière & Liu, *Int. J. Innov. Comput. Inf. Control* 3, 2007; Kovesi, *Videre* 1, 1999",
    tables="toolboxes built on Liu 2012",
    cost="c2",
    reference=True,
    compute=phase_congruency_quality,
    flat="no source pixel with P > 0.1: 1 if F has none either, else 0; a flat F correlates C/C = 1 with anything",
)
