"""What every method of a user's own must keep to, however it is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion.method import Method, rgb_to_ycbcr
from tsdm_bench.images import read_result
from tsdm_bench.names import check_name

if TYPE_CHECKING:  # a specification is understood before torch is imported, which takes seconds
    from torch import Tensor

MARGIN = 0.1
"""What a value may lie outside [0, 1]: networks without a last clamp overshoot at edges."""
MOST_OUTSIDE = 0.01
"""Share of the values that may lie further outside than that; of the methods here TarDAL comes nearest, by 0.0004."""
LARGEST_EXCESS = 1.0
"""No value may lie further outside than this: it is on another scale."""
DARKEST = 1 / 255
"""A result that is nowhere brighter would be saved as black."""


Options = dict[str, float]


def external(
    name: str,
    description: str,
    source: str,
    load: Callable,
    options: Options,
    *,
    code: Iterable[Path] = (),
    result_file: Callable[[dict], Path] | None = None,
) -> Method:
    """The card of a user's own method."""
    check_name(name, "method name")
    return Method(
        name=name,
        title=name,
        kind="external",
        description=description,
        source=source,
        licence="the user's own",
        luma=bool(options.get("luma", 0)),
        multiple=max(1, int(options.get("multiple", 1))),
        keyed=result_file is not None,
        code=tuple(code),
        result_file=result_file,
        load=load,
    )


def read_image(path: Path) -> Tensor:
    """An 8- or 16-bit image file as 1×1×H×W (grey) or 1×3×H×W (RGB) float32 in [0, 1].

    Raises :class:`~tsdm_bench.images.ImageProblem`, see :func:`~tsdm_bench.images.read_result`.
    """
    import torch

    pixels = read_result(path)
    scaled = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(np.ascontiguousarray(scaled.reshape(*scaled.shape[:2], -1).transpose(2, 0, 1)))[None]


def result_like(fused: object, ir: Tensor, channels: int) -> Tensor:
    """``fused`` as float32 on the device of ``ir`` if it is a fused image of that pair, else ``ValueError``.

    A colour result becomes luma where the method was given luma (``channels`` 1).
    """
    import torch

    if not isinstance(fused, torch.Tensor) or not fused.is_floating_point():
        what = f"{fused.dtype} tensor" if isinstance(fused, torch.Tensor) else type(fused).__name__
        raise ValueError(f"expected a float tensor in [0, 1] as the fused image, got {what}; convert the result")
    number, _, height, width = ir.shape
    if fused.ndim != 4 or fused.shape[1] not in (1, 3) or (len(fused), *fused.shape[2:]) != (number, height, width):
        raise ValueError(
            f"the fused image must be {number}×1×{height}×{width} or {number}×3×{height}×{width} (N×C×H×W of the "
            f"pair), got {'×'.join(map(str, fused.shape))}"
        )
    fused = fused.detach().to(ir.device, torch.float32)
    check_range(fused)
    return rgb_to_ycbcr(fused)[0] if channels == 1 and fused.shape[1] == 3 else fused


def check_range(fused: Tensor) -> None:
    """``ValueError`` where an N×C×H×W result is not on the scale [0, 1]; what overshoots a little is clamped later.

    Refused are values that are not finite; any value more than 1 outside; more than 1 % of an image's values more than
    0.1 outside; an image whose mean is negative; one that is nowhere brighter than 1/255 and not black either.
    """
    for image in fused:
        low, high = (float(value) for value in image.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):  # aminmax gives NaN where one value is NaN
            raise ValueError("the fused image holds values that are not finite; check the method and its weights")
        outside = 0.0
        if low < -MARGIN or high > 1 + MARGIN:
            outside = float(((image < -MARGIN) | (image > 1 + MARGIN)).float().mean())
        scale = f"the fused image has values from {low:.4g} to {high:.4g}; expected [0, 1]"
        if high > 1 + LARGEST_EXCESS:
            raise ValueError(f"{scale} (divide 8-bit values by 255)")
        if low < -LARGEST_EXCESS or outside > MOST_OUTSIDE or float(image.mean()) < 0:
            raise ValueError(
                f"{scale}, {outside:.0%} of them are more than {MARGIN} outside (map a tanh's [-1, 1] by (x + 1) / 2)"
            )
        if 0 < high < DARKEST:
            raise ValueError(f"{scale} and something brighter than 1/255 (is it divided by 255 twice?)")
