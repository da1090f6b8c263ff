"""What the pixels of a file mean: reading, writing, 8 bits, luma, batches."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from PIL.Image import open as open_image  # bound here: ultralytics replaces Image.open by one that asks for plug-ins

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


class ImageProblem(Exception):
    """A file that cannot serve as half of a pair; the message names it."""


def short(path: Path) -> str:
    """The last three parts of a path: enough to find the file, short enough for one line."""
    return os.path.join(*path.parts[-3:])


def read_rgb(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W×3 uint8 RGB (grey files are replicated, alpha is dropped).

    Raises :class:`ImageProblem` naming the file where it is missing, unreadable, truncated or deeper than 8 bits.
    """
    # PIL, not OpenCV: OpenCV fills the lost part of a truncated file with grey and only warns.
    try:
        with open_image(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ImageProblem(
                    f"{short(path)} has more than 8 bits per channel (mode {image.mode}); convert it to 8 bits first"
                )
            return np.array(image.convert("RGB"))
    except FileNotFoundError:
        raise ImageProblem(f"{short(path)} is missing") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageProblem(f"{short(path)} cannot be read as an image: {error}") from None


def read_grey(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W uint8 grey (BT.601 luma of colour files; the same errors as :func:`read_rgb`)."""
    return cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of an image from its header, (0, 0) where it has none."""
    try:
        with open_image(path) as image:
            return image.height, image.width
    except OSError:
        return 0, 0


def as_batch(image: np.ndarray, device: str = "cpu") -> torch.Tensor:
    """An H×W or H×W×3 uint8 image as a 1×1×H×W or 1×3×H×W uint8 tensor on ``device``."""
    return torch.from_numpy(image).to(device).reshape(1, *image.shape[:2], -1).permute(0, 3, 1, 2).contiguous()


def quantise(fused: torch.Tensor) -> np.ndarray:
    """The 8-bit image that would be saved, H×W×3 uint8 RGB, of a 1×3×H×W result in [0, 1]."""
    if not torch.isfinite(fused).all():
        raise ValueError("the fused image holds values that are not finite; check the method and its weights")
    return (fused[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def encode_png(image: np.ndarray) -> bytes:
    """The bytes of a PNG file of an H×W or H×W×3 uint8 image (RGB)."""
    return cv2.imencode(".png", image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
