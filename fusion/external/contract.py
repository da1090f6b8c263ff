"""What every method of a user's own must keep to, however it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.method import Method, rgb_to_ycbcr

IMAGE_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")


LARGEST_VALUE = 2.0
"""A result that exceeds this is on another scale than [0, 1]; overshoot of a network stays well below."""


Options = dict[str, float]


def external(name: str, description: str, source: str, load: Callable, options: Options, keyed: bool = False) -> Method:
    """The card of a user's own method."""
    return Method(
        name=name,
        title=name,
        kind="external",
        description=description,
        source=source,
        licence="the user's own",
        luma=bool(options.get("luma", 0)),
        multiple=max(1, int(options.get("multiple", 1))),
        keyed=keyed,
        load=load,
    )


def read_image(path: Path) -> Tensor:
    """An 8- or 16-bit image file as 1×1×H×W (grey) or 1×3×H×W (RGB) float32 in [0, 1]; transparency is dropped."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is not an image that can be read; expected 8- or 16-bit PNG, BMP, TIFF or JPEG")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    pixels = pixels[..., 2::-1] if pixels.shape[2] >= 3 else pixels[..., :1]
    scaled = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None]


def result_like(fused: object, ir: Tensor, channels: int) -> Tensor:
    """``fused`` as float32 on the device of ``ir`` if it is a fused image of that pair, else ``ValueError``.

    A colour result becomes luma where the method was given luma (``channels`` 1).
    """
    if not isinstance(fused, Tensor) or not fused.is_floating_point():
        what = f"{fused.dtype} tensor" if isinstance(fused, Tensor) else type(fused).__name__
        raise ValueError(f"expected a float tensor in [0, 1] as the fused image, got {what}; convert the result")
    number, _, height, width = ir.shape
    if fused.ndim != 4 or fused.shape[1] not in (1, 3) or (len(fused), *fused.shape[2:]) != (number, height, width):
        raise ValueError(
            f"the fused image must be {number}×1×{height}×{width} or {number}×3×{height}×{width} (N×C×H×W of the "
            f"pair), got {'×'.join(map(str, fused.shape))}"
        )
    largest = float(fused.max())
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"the fused image has values up to {largest:.4g}; expected [0, 1] (divide 8-bit values by 255)"
        )
    fused = fused.to(ir.device, torch.float32)
    return rgb_to_ycbcr(fused)[0] if channels == 1 and fused.shape[1] == 3 else fused


def last_line(error: Exception) -> str:
    """The last non-empty line of an error, which names the cause in torch's traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
