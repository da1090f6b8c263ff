"""Phase congruency (Kovesi 1999) and the fusion metric built on it (Zhao, Laganière & Liu 2007)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.metrics.fourier import fourier
from bench.metrics.kernels.filters import correlate, gaussian_kernel
from bench.metrics.kernels.rows import compiled, loops_run_on, over_rows
from bench.metrics.metric import Metric, Plane

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
SIZE, SIGMA = 11, 1.5  # of the window
TAPS = gaussian_kernel(SIZE, SIGMA)
STATISTICS = 11  # of the window: 4 means, 4 mean squares, 3 mean products
STRIP = 64  # columns, whose lines stay in the cache
PARTS = 8  # of an image, each with its own histogram
LN2_HIGH, LN2_LOW = 0.693359375, math.log(2) - 0.693359375  # the first has few enough bits for exact products


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


def _phase_congruency(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    bank = filter_bank(*image.shape, image.device)
    x = image.to(torch.float64)
    spectrum = whole_spectrum(fourier("rfft2", x - x.mean()).to(torch.complex64), x.shape[-1])
    sums, responses = image.new_zeros(5, *image.shape), torch.empty_like(bank.radial, dtype=torch.complex64)
    for orientation in range(ORIENTATIONS):
        responses = filtered(spectrum, bank.angular[orientation], bank.radial, responses)
        threshold = noise_threshold(responses[0], bank, orientation)
        angle = orientation * math.pi / ORIENTATIONS
        if loops_run_on(image):
            over_rows(accumulate_rows, len(image), responses, threshold, math.cos(angle), math.sin(angle), sums)
        else:
            accumulate(sums, responses, threshold, angle)
    if loops_run_on(image):
        over_rows(finish_rows, len(image), sums)
        return sums[0], sums[1], sums[2]
    energies, amplitudes, xx, yy, xy = sums
    both, difference = (xx + yy).div_(ORIENTATIONS / 2), (xx - yy).div_(ORIENTATIONS / 2)
    spread = xy.div_(ORIENTATIONS).square_().add_(difference.square_()).sqrt_().add_(EPSILON)
    return energies.div_(amplitudes.add_(EPSILON)), (both + spread).div_(2), (both - spread).div_(2)


@compiled
def finish_rows(first, last, sums):
    """Replace three of the sums of ``accumulate`` by the total phase congruency and its largest and smallest moment."""
    epsilon, half, share = np.float32(EPSILON), np.float32(0.5), np.float32(2 / ORIENTATIONS)
    for row in range(first, last):
        for j in range(sums.shape[2]):
            xx, yy, xy = sums[2, row, j], sums[3, row, j], sums[4, row, j] * np.float32(1 / ORIENTATIONS)
            both, difference = (xx + yy) * share, (xx - yy) * share
            spread = math.sqrt(xy * xy + difference * difference) + epsilon
            sums[0, row, j] /= sums[1, row, j] + epsilon
            sums[1, row, j] = (both + spread) * half
            sums[2, row, j] = (both - spread) * half


def whole_spectrum(half: Tensor, width: int) -> Tensor:
    """The spectrum H×W of a real image from its columns up to the middle: the others are their conjugates."""
    rest = half[:, 1 : (width + 1) // 2].flip((0, 1)).roll(1, 0).conj()
    return torch.cat((half, rest), 1)


def filtered(spectrum: Tensor, angular: Tensor, radial: Tensor, scratch: Tensor) -> Tensor:
    """The response to the filter of each scale at one orientation, complex64 S×H×W; it may lie in ``scratch``."""
    if not loops_run_on(spectrum):
        return fourier("ifft2", spectrum * angular * radial)
    over_rows(multiply_rows, len(spectrum), spectrum, angular, radial, scratch)
    return fourier("ifft2", scratch)


@compiled
def multiply_rows(first, last, spectrum, angular, radial, products):
    """The spectrum times the transfer function of each scale."""
    for row in range(first, last):
        for scale in range(SCALES):
            for j in range(spectrum.shape[1]):
                products[scale, row, j] = spectrum[row, j] * (np.float64(angular[row, j]) * radial[scale, row, j])


def noise_threshold(smallest: Tensor, bank: FilterBank, orientation: int) -> float:
    """Kovesi's threshold on the energy at one orientation, from the response at the smallest scale."""
    noise = median_power(smallest) / math.log(2) / bank.smallest_power[orientation]
    deviation = math.sqrt(noise * bank.noise_gain[orientation] / 2)
    return deviation * (math.sqrt(math.pi / 2) + NOISE_FACTOR * math.sqrt(2 - math.pi / 2)) / NOISE_DIVISOR


def median_power(response: Tensor) -> float:
    """Median of the squared lengths of complex numbers H×W, the mean of the middle two where their number is even.

    The bits of numbers ≥ 0 sort as the numbers do: the leading sixteen find the bucket, and only that is sorted.
    """
    low, high = (response.numel() - 1) // 2, response.numel() // 2
    if not loops_run_on(response):
        middle, before = torch.view_as_real(response).square().sum(-1).flatten().sort().values, 0
    else:
        power, counts = np.empty(response.shape, np.float32), np.zeros((PARTS, 1 << 15), np.int64)
        over_rows(count_powers, PARTS, response, power, counts)
        ends = counts.sum(0).cumsum()
        first, last = np.searchsorted(ends, (low, high), side="right")
        before = ends[first] - counts[:, first].sum()
        places = counts[:, first : last + 1].sum(1).cumsum()
        middle = np.empty(places[-1], np.float32)
        over_rows(copy_powers, PARTS, power, first, last, places, middle)
        middle.sort()
    return float(middle[low - before] + middle[high - before]) / 2


@compiled
def count_powers(first, last, response, power, counts):
    """Squared lengths, and how many there are in each bucket, for each part of the rows."""
    for part in range(first, last):
        count = counts[part]
        for row in range(len(power) * part // PARTS, len(power) * (part + 1) // PARTS):
            numbers, squares = response[row], power[row]
            for j in range(len(squares)):
                squares[j] = numbers[j].real * numbers[j].real + numbers[j].imag * numbers[j].imag
            for bits in squares.view(np.int32):
                count[bits >> 16] += 1


@compiled
def copy_powers(first, last, power, smallest, largest, ends, result):
    """The squared lengths of some buckets; those of a part end at its place in ``ends``."""
    for part in range(first, last):
        place = ends[part]
        for row in range(len(power) * part // PARTS, len(power) * (part + 1) // PARTS):
            squares = power[row]
            buckets = squares.view(np.int32)
            for j in range(len(squares)):
                if smallest <= buckets[j] >> 16 <= largest:
                    place -= 1
                    result[place] = squares[j]


def accumulate(sums: Sequence[Tensor], responses: Tensor, threshold: float, angle: float) -> None:
    """Add one orientation to the sums of energy and amplitude and to the moments of their ratio, in place.

    Kovesi's energy above ``threshold``, weighted by the spread of frequencies: with E, O the even and odd responses of
    the scales and T their sum over the scales, his Σ (E T_E + O T_O)/|T| − |E T_O − O T_E|/|T| is
    (|T|² − Σ |E T_O − O T_E|)/|T|.
    """
    even, odd = responses.real, responses.imag
    lengths = even.square().addcmul_(odd, odd).sqrt_()
    amplitude, largest = lengths.sum(0), lengths.amax(0)
    total_even, total_odd = even.sum(0), odd.sum(0)
    energy = total_even.square().addcmul_(total_odd, total_odd)
    length = energy.sqrt().add_(EPSILON)
    energy.sub_((even * total_odd).addcmul_(odd, total_even, value=-1).abs_().sum(0))
    weight = (amplitude / largest.add_(EPSILON)).mul_(GAIN / SCALES).sub_(GAIN * FREQUENCY_CUT_OFF).sigmoid_()
    energy.div_(length).sub_(threshold).clamp_(min=0).mul_(weight)
    for total, term in zip(sums, (energy, amplitude), strict=False):
        total += term
    cosine, sine = math.cos(angle), math.sin(angle)
    square = energy.div_(amplitude.clamp_(min=TINY)).square_()
    for total, factor in zip(sums[2:], (cosine * cosine, sine * sine, cosine * sine), strict=True):
        total.add_(square, alpha=factor)


@compiled
def accumulate_rows(first, last, responses, threshold, cosine, sine, sums):
    """As ``accumulate``."""
    epsilon, zero, one = np.float32(EPSILON), np.float32(0), np.float32(1)
    xx, yy, xy = cosine * cosine, sine * sine, cosine * sine
    for row in range(first, last):
        for j in range(sums.shape[2]):
            amplitude = largest = even = odd = zero
            for scale in range(SCALES):
                response = responses[scale, row, j]
                length = math.sqrt(response.real * response.real + response.imag * response.imag)
                amplitude, largest = amplitude + length, max(largest, length)
                even, odd = even + response.real, odd + response.imag
            energy = even * even + odd * odd
            length = math.sqrt(energy) + epsilon
            for scale in range(SCALES):
                response = responses[scale, row, j]
                energy -= abs(response.real * odd - response.imag * even)
            spread = amplitude / (largest + epsilon)
            exponent = np.float32(GAIN * FREQUENCY_CUT_OFF) - np.float32(GAIN / SCALES) * spread
            weight = one / (one + exponential(exponent))
            energy = np.float32(max(energy / length - threshold, 0.0)) * weight  # the threshold rounded would be a bias
            ratio = energy / max(amplitude, np.float32(TINY))
            square = ratio * ratio
            sums[0, row, j] += energy
            sums[1, row, j] += amplitude
            sums[2, row, j] += xx * square
            sums[3, row, j] += yy * square
            sums[4, row, j] += xy * square


@compiled
def exponential(x):
    """eˣ in float32 for |x| < 80 to the last digit but one: numba's own is no vector instruction."""
    power = math.floor(x * np.float32(1 / math.log(2)) + np.float32(0.5))
    x = (x - power * np.float32(LN2_HIGH)) - power * np.float32(LN2_LOW)
    series = np.float32(1 / 5040)
    for divisor in (720, 120, 24, 6, 2, 1, 1):
        series = series * x + np.float32(1 / divisor)
    return series * np.int32((np.int32(power) + np.int32(127)) << 23).view(np.float32)


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
    if loops_run_on(reference):
        sums = torch.zeros(reference.shape[0], reference.shape[2], dtype=torch.float64)
        maps = [x[:, 0] for x in (reference, *sources, *masks, stronger)]
        over_rows(correlate_rows, sums.numel(), *maps, sums)
        return sums.sum(1)
    masks = torch.stack((*masks, torch.where(stronger, *masks)))[:, :, 0]
    maps = torch.stack((reference, *sources, torch.where(stronger, *sources)))[:, :, 0].to(torch.float64)
    maps[1:] *= masks
    products = torch.cat((maps, maps * maps, maps[1:] * maps[:1]))
    blurred = correlate(products.flatten(0, 1)[:, None], TAPS, TAPS).view(products.shape)
    means, squares, shared = blurred.split((4, 4, 3))
    variances = squares - means * means
    scale = (variances[1:] * variances[:1]).abs_().sqrt_()
    ratios = (shared - means[1:] * means[:1] + STABILISER) / (scale + STABILISER) * masks
    return ratios.amax(0).sum((1, 2))


@compiled
def correlate_rows(begin, end, reference, first, second, first_mask, second_mask, stronger, sums):
    """As ``best_correlation``, summed over each row.

    The lines of a window, weighted along themselves, are kept for the next rows: each twice, so that any eleven
    successive ones lie together.
    """
    height, width = reference.shape[1:]
    lines = np.empty((STATISTICS, 2 * SIZE, STRIP))
    for left in range(0, width, STRIP):
        columns = min(STRIP, width - left)
        statistics, best, masks = np.empty((STATISTICS, columns)), np.empty(columns), np.empty((3, columns), np.bool_)
        for index in range(begin, end):
            image, row = index // height, index % height
            maps = reference[image], first[image], second[image], first_mask[image], second_mask[image], stronger[image]
            known = SIZE - 1 if row and index > begin else 0
            for below in range(row + known, row + SIZE):
                add_line(masked_values(maps, below - SIZE // 2, left - SIZE // 2, columns + SIZE - 1), below, lines)
            for k in range(STATISTICS):
                add_lines(lines[k, row % SIZE :], statistics[k])
            chosen = slice(left, left + columns)
            masks[0], masks[1] = first_mask[image, row, chosen], second_mask[image, row, chosen]
            for j in range(columns):
                masks[2, j] = masks[0, j] if stronger[image, row, left + j] else masks[1, j]
                best[j] = -np.inf
            for k in range(3):
                source_mean, source_square, product = statistics[k + 1], statistics[k + 5], statistics[k + 8]
                keep_larger(best, statistics[0], statistics[4], source_mean, source_square, product, masks[k])
            for value in best:
                sums[image, row] += value


@compiled
def masked_values(maps, row, left, columns):
    """A piece of a row of the reference, both sources and the stronger one in double precision, 0 outside the image."""
    reference, first, second, first_mask, second_mask, stronger = maps
    height, width = reference.shape
    values = np.zeros((4, columns))
    if 0 <= row < height:
        for j in range(max(0, -left), min(columns, width - left)):
            x = left + j
            a = np.float64(first[row, x] if first_mask[row, x] else 0)
            b = np.float64(second[row, x] if second_mask[row, x] else 0)
            values[0, j], values[1, j], values[2, j] = reference[row, x], a, b
            values[3, j] = a if stronger[row, x] else b
    return values


@compiled
def add_line(values, row, lines):
    """Weighted sums along a line of the maps, of their squares and of their products with the first of them."""
    place, columns = row % SIZE, values.shape[1] - SIZE + 1
    products = np.empty(values.shape[1])
    for k in range(STATISTICS):
        x, y = values[k if k < 4 else k - 4 if k < 8 else k - 7], values[k - 4 if 4 <= k < 8 else 0]
        for j in range(products.size):
            products[j] = x[j] if k < 4 else x[j] * y[j]
        line, again = lines[k, place], lines[k, place + SIZE]
        for j in range(columns):
            total = 0.0
            for tap in range(SIZE):
                total += TAPS[tap] * products[j + tap]
            line[j] = total
            again[j] = total


@compiled
def add_lines(lines, result):
    """Weighted sums of the lines of a window."""
    for j in range(result.size):
        total = 0.0
        for tap in range(SIZE):
            total += TAPS[tap] * lines[tap, j]
        result[j] = total


@compiled
def keep_larger(best, mean, square, source_mean, source_square, product, mask):
    """Where it is larger than ``best``, the correlation of the reference with one source."""
    for j in range(best.size):
        variances = (square[j] - mean[j] * mean[j]) * (source_square[j] - source_mean[j] * source_mean[j])
        covariance = product[j] - mean[j] * source_mean[j]
        ratio = (covariance + STABILISER) / (math.sqrt(abs(variances)) + STABILISER) if mask[j] else 0.0
        best[j] = max(best[j], ratio)


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
    tables="toolboxes built on Liu 2012",
    cost="c2",
    reference=True,
    compute=phase_congruency_quality,
    flat="no source pixel with P > 0.1: 1 if F has none either, else 0; a flat F correlates C/C = 1 with anything",
    presets={"all": 40, "paper-liu2012": 6},
)
