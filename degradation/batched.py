"""The random model for a batch on any device: what training on a GPU calls.

Drawing and applying are apart: a data worker draws (:func:`draw`), the device that trains applies
(:func:`degrade_batch`). The draws are those of a single image, number by number, so both forms give the same images up
to the rounding of float32 before JPEG.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from kornia.color import rgb_to_grayscale
from kornia.filters import filter2d, filter2d_separable, get_gaussian_kernel1d
from torch import Tensor

from degradation.batched_jpeg import jpeg_batch
from degradation.factor import Modality
from degradation.kernels.sharpening import KERNEL_SIZE, SIGMA, THRESHOLD, WEIGHT
from degradation.noise import NORMAL_QUANTILES, covariance_root, draw_quantiles
from degradation.random_model import PAPER, RandomModel, Step, blur_kernel, draw_steps

GREY_WEIGHTS = (9798, 19235, 3735)
"""BT.601 luma in units of 1/32768, as OpenCV computes it for 8-bit images."""

Draw = dict[str, Tensor]
"""One draw for an H×W image, or those of N images with an axis in front (what any collate function makes of them):

``brightness``, ``contrast``: factors, float32; ``noise_first``: whether noise comes before blur, bool; ``noise``: int16
3×H×W, the bits of :func:`degradation.noise.draw_quantiles`; ``mixing``: 3×3 float32, which makes the noise of the
channels of three independent standard normal numbers; ``kernel``: K×K float32, K the model's largest size; ``quality``:
two int64 JPEG qualities, 0 for none.
"""


def draw(modality: Modality, size: tuple[int, int], generator: np.random.Generator, model: RandomModel = PAPER) -> Draw:
    """Draw one degradation for an image of ``size`` (height, width).

    Takes from ``generator`` what :func:`degradation.degrade_ir` or :func:`degradation.degrade_vis` would take.
    """
    steps = draw_steps(modality, generator, model)
    return as_draw(steps, size, generator, max(model.kernel_sizes))


def as_draw(steps: list[Step], size: tuple[int, int], generator: np.random.Generator, largest: int) -> Draw:
    """``steps`` in the order of :func:`degradation.random_model.draw_steps` as tensors, and the noise drawn for them.

    ``largest`` is the size of the kernel, at least that of the blur step.
    """
    by_name = {step["operation"]: step for step in steps}
    order = [step["operation"] for step in steps]
    qualities = [step["quality"] for step in steps if step["operation"] == "jpeg"]
    kernel = blur_kernel(by_name["blur"])
    bits = np.zeros((*size, 3), np.uint16)
    if by_name["noise"]["kind"] == "gray":
        bits[..., 0] = draw_quantiles(size, generator)
    else:
        bits[:] = draw_quantiles((*size, 3), generator)
    return {
        "brightness": torch.tensor(by_name.get("brightness", {}).get("factor", 1.0), dtype=torch.float32),
        "contrast": torch.tensor(by_name["contrast"]["factor"], dtype=torch.float32),
        "noise_first": torch.tensor(order.index("noise") < order.index("blur")),
        "noise": torch.from_numpy(bits.view(np.int16).transpose(2, 0, 1).copy()),
        "mixing": torch.from_numpy(_mixing(by_name["noise"])),
        "kernel": torch.from_numpy(np.pad(kernel, (largest - len(kernel)) // 2).astype(np.float32)),
        "quality": torch.tensor([*qualities, 0, 0][:2]),
    }


def degrade_batch(images: Tensor, draws: Draw) -> Tensor:
    """Degrade uint8 N×C×H×W (C = 1 infrared, C = 3 visible RGB), image n by draw n; float32 N×C×H×W in [0, 1].

    Raises ``ValueError`` for another type or shape, and where images and draws do not belong together.
    """
    _check(images, draws)
    levels = images.expand(-1, 3, -1, -1).float()
    levels = torch.floor((levels * _per_image(draws["brightness"])).clamp(0, 255))
    values = _contrast(levels, _per_image(draws["contrast"])) * (1 / 255)
    white = _normal_quantiles(images.device)[draws["noise"].int() & 0xFFFF]
    noise = torch.einsum("nij,njhw->nihw", draws["mixing"], white)
    noise_first = _per_image(draws["noise_first"])
    values = torch.where(noise_first, (values + noise).clamp(0, 1), values)
    kernel = draws["kernel"]
    values = filter2d(_mirrored(values, kernel.shape[-1] // 2), kernel, padding="valid").clamp(0, 1)
    values = torch.where(noise_first, values, (values + noise).clamp(0, 1))
    levels = torch.round(values * 255)
    for quality in draws["quality"].unbind(1):
        levels = torch.where(_per_image(quality) > 0, jpeg_batch(levels, quality.clamp(min=1)), levels)
    result = levels * (1 / 255)
    return rgb_to_grayscale(result) if images.shape[1] == 1 else result


def usm_sharpen_batch(images: Tensor) -> Tensor:
    """:func:`degradation.kernels.sharpening.usm_sharpen` for float32 N×C×H×W in [0, 1]."""
    residual = images - _usm_blur(images)
    weight = _usm_blur((residual.abs() > float(THRESHOLD)).to(images.dtype))
    sharp = (images + float(WEIGHT) * residual).clamp(0, 1)
    return weight * sharp + (1 - weight) * images


def _usm_blur(images: Tensor) -> Tensor:
    taps = get_gaussian_kernel1d(KERNEL_SIZE, SIGMA, device=images.device, dtype=images.dtype)
    return filter2d_separable(_mirrored(images, KERNEL_SIZE // 2), taps, taps, padding="valid")


def _check(images: Tensor, draws: Draw) -> None:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 N×1×H×W or N×3×H×W, got {images.dtype} {tuple(images.shape)}")
    expected = (len(images), 3, *images.shape[-2:])
    if tuple(draws["noise"].shape) != expected:
        raise ValueError(f"expected draws with noise of shape {expected}, got {tuple(draws['noise'].shape)}")


def _per_image(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1)


def _mixing(step: Step) -> np.ndarray:
    """The 3×3 matrix that turns white noise into that of a noise step: every kind is a mixture of channels."""
    if step["kind"] == "correlated":
        return covariance_root(np.array(step["covariance"]) / 255**2)
    matrix = np.eye(3, dtype=np.float32)
    if step["kind"] == "gray":
        matrix[:] = (1, 0, 0)
    return matrix * np.float32(step["sigma"] / 255)


@cache
def _normal_quantiles(device: torch.device) -> Tensor:
    return torch.from_numpy(NORMAL_QUANTILES).to(device)


def _contrast(levels: Tensor, factor: Tensor) -> Tensor:
    """:func:`degradation.photometry.contrast` of whole levels N×3×H×W."""
    weights = torch.tensor(GREY_WEIGHTS, dtype=torch.float32, device=levels.device).reshape(1, 3, 1, 1)
    grey = torch.floor(((levels * weights).sum(1) + 16384) / 32768)  # whole numbers below 2²⁴: exact in float32
    mean = _per_image(torch.floor(grey.double().mean(dim=(1, 2)) + 0.5).float())
    return torch.floor((mean + factor * (levels - mean)).clamp(0, 255))


def _mirrored(images: Tensor, radius: int) -> Tensor:
    """N×C×H×W with ``radius`` more pixels on each side: a mirror that does not repeat the edge, for any H and W."""
    for axis in (2, 3):
        count = images.shape[axis]
        period = max(2 * (count - 1), 1)
        index = torch.arange(-radius, count + radius, device=images.device).remainder(period)
        images = images.index_select(axis, torch.minimum(index, period - index))
    return images
