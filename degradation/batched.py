"""The random model for a batch on any device: what training on a GPU calls.

The steps of every image are drawn by the same function as for a single image; only the pixels are batched.
"""

from __future__ import annotations

import numpy as np
import torch
from kornia.filters import filter2d, gaussian_blur2d
from torch import Tensor

from degradation.batched_jpeg import jpeg_batch
from degradation.factor import Modality
from degradation.jpeg import jpeg
from degradation.kernels.sharpening import KERNEL_SIZE, SIGMA, THRESHOLD, WEIGHT
from degradation.random_model import PAPER, RandomModel, Step, blur_kernel, draw_steps

LUMA = (0.299, 0.587, 0.114)
SMALLEST_SIDE = 8
"""Pixels; the mirror border of the largest kernel, 13×13, needs more than six."""


def degrade_ir_batch(images: Tensor, generator: np.random.Generator, model: RandomModel = PAPER) -> Tensor:
    """Degrade infrared images, float32 N×1×H×W in [0, 1], each by its own draw of ``model``; same shape and device."""
    return _degrade(images, "ir", generator, model)


def degrade_vis_batch(images: Tensor, generator: np.random.Generator, model: RandomModel = PAPER) -> Tensor:
    """Degrade visible images, float32 N×3×H×W RGB in [0, 1], each by its own draw; same shape and device."""
    return _degrade(images, "vis", generator, model)


def usm_sharpen_batch(images: Tensor) -> Tensor:
    """:func:`degradation.kernels.sharpening.usm_sharpen` for float32 N×C×H×W in [0, 1]; both sides at least 26."""
    residual = images - _usm_blur(images)
    weight = _usm_blur((residual.abs() > THRESHOLD).to(images.dtype))
    sharp = (images + WEIGHT * residual).clamp(0, 1)
    return weight * sharp + (1 - weight) * images


def _usm_blur(images: Tensor) -> Tensor:
    return gaussian_blur2d(images, KERNEL_SIZE, (SIGMA, SIGMA), border_type="reflect")


def _degrade(images: Tensor, modality: Modality, generator: np.random.Generator, model: RandomModel) -> Tensor:
    channels = 1 if modality == "ir" else 3
    if images.ndim != 4 or images.shape[1] != channels or not images.is_floating_point():
        raise ValueError(f"expected float N×{channels}×H×W in [0, 1], got {images.dtype} {tuple(images.shape)}")
    if min(images.shape[-2:]) < SMALLEST_SIDE:
        raise ValueError(f"expected images of at least {SMALLEST_SIDE}×{SMALLEST_SIDE}, got {tuple(images.shape[-2:])}")
    if not (images.min() >= 0 and images.max() <= 1):  # NaN fails both comparisons
        raise ValueError(f"expected values in [0, 1], got {float(images.min()):g} to {float(images.max()):g}")
    steps = [draw_steps(modality, generator, model) for _ in range(len(images))]
    noise_seed = int(generator.integers(1 << 63))
    result = apply_steps_batch(images.expand(-1, 3, -1, -1), steps, noise_seed)
    return _luma(result) if modality == "ir" else result


def apply_steps_batch(images: Tensor, steps: list[list[Step]], noise_seed: int) -> Tensor:
    """Apply to image n of float32 N×3×H×W in [0, 1] the list ``steps[n]``, as ``draw_steps`` gives it."""
    device = images.device
    levels = _contrast(_brightness(_levels(images), _column(steps, "brightness", 1.0, device)), steps)
    random = torch.Generator(device).manual_seed(noise_seed)
    white = torch.randn(images.shape, generator=random, device=device)
    noise = torch.einsum("nij,njhw->nihw", _noise_mixing(steps).to(device), white)
    noise_first = torch.tensor([_position(item, "noise") < _position(item, "blur") for item in steps], device=device)
    noise_first = noise_first.reshape(-1, 1, 1, 1)
    values = torch.where(noise_first, (levels / 255 + noise).clamp(0, 1), levels / 255)
    values = filter2d(values, _kernels(steps).to(device), border_type="reflect").clamp(0, 1)
    values = torch.where(noise_first, values, (values + noise).clamp(0, 1))
    levels = _levels(values)
    for pass_number in range(2):
        levels = _jpeg(levels, steps, pass_number)
    return levels / 255


def _levels(images: Tensor) -> Tensor:
    return torch.round(images * 255)


def _position(item: list[Step], operation: str) -> int:
    return next(index for index, step in enumerate(item) if step["operation"] == operation)


def _column(steps: list[list[Step]], operation: str, absent: float, device: torch.device) -> Tensor:
    """The factor of ``operation`` for every image (N×1×1×1), ``absent`` where it was not drawn."""
    factors = [next((s["factor"] for s in item if s["operation"] == operation), absent) for item in steps]
    return torch.tensor(factors, dtype=torch.float32, device=device).reshape(-1, 1, 1, 1)


def _brightness(levels: Tensor, factor: Tensor) -> Tensor:
    return torch.floor((levels * factor).clamp(0, 255))


def _contrast(levels: Tensor, steps: list[list[Step]]) -> Tensor:
    grey = torch.floor(_luma(levels) + 0.5)
    mean = torch.floor(grey.double().mean(dim=(1, 2, 3), keepdim=True) + 0.5).float()
    return torch.floor((mean + _column(steps, "contrast", 1.0, levels.device) * (levels - mean)).clamp(0, 255))


def _luma(images: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, device=images.device).reshape(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def _noise_mixing(steps: list[list[Step]]) -> Tensor:
    """The N×3×3 matrices that turn white noise into the noise of each image: every kind is a mixture of channels."""
    mixing = np.zeros((len(steps), 3, 3), dtype=np.float32)
    for matrix, item in zip(mixing, steps, strict=True):
        step = item[_position(item, "noise")]
        if step["kind"] == "correlated":
            values, vectors = np.linalg.eigh(np.array(step["covariance"]))
            matrix[:] = vectors * np.sqrt(np.maximum(values, 0)) / 255
        elif step["kind"] == "gray":
            matrix[:, 0] = step["sigma"] / 255
        else:
            matrix[:] = np.eye(3) * step["sigma"] / 255
    return torch.from_numpy(mixing)


def _kernels(steps: list[list[Step]]) -> Tensor:
    """The blur kernels, N×K×K, padded with zeros to the size K of the largest."""
    kernels = [blur_kernel(item[_position(item, "blur")]) for item in steps]
    largest = max(len(kernel) for kernel in kernels)
    padded = [np.pad(kernel, (largest - len(kernel)) // 2) for kernel in kernels]
    return torch.from_numpy(np.stack(padded).astype(np.float32))


def _jpeg(levels: Tensor, steps: list[list[Step]], pass_number: int) -> Tensor:
    """The first or second JPEG of those images that have one: the real codec on the CPU, its torch form elsewhere."""
    qualities = [[step["quality"] for step in item if step["operation"] == "jpeg"] for item in steps]
    chosen = [index for index, quality in enumerate(qualities) if len(quality) > pass_number]
    if not chosen:
        return levels
    quality = torch.tensor([qualities[index][pass_number] for index in chosen])
    result = levels.clone()
    if levels.device.type == "cpu":
        for index, value in zip(chosen, quality.tolist(), strict=True):
            image = np.ascontiguousarray(levels[index].permute(1, 2, 0).numpy().astype(np.uint8))
            result[index] = torch.from_numpy(jpeg(image, value)).permute(2, 0, 1).float()
    else:
        result[chosen] = jpeg_batch(levels[chosen], quality.to(levels.device))
    return result
