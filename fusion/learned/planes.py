"""3×3 convolutions from one channel to many and back, as matrix products (mirrored border).

A convolution 1→C multiplies the 9 neighbours of each pixel by a C×9 matrix. A convolution C→1 is a 9×C matrix product
at each pixel, whose 9 results are then shifted and added. What happens to the C channels in between is pixel by pixel,
so that they need neither be padded nor, if memory is short, be stored all at once.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import torch.nn.functional as F
from torch import Tensor


def neighbours(plane: Tensor) -> Tensor:
    """The 3×3 neighbours of every pixel of N×1×H×W, row-major: 9×NHW."""
    return F.unfold(F.pad(plane, (1, 1, 1, 1), mode="reflect"), 3).transpose(0, 1).flatten(1)


def gathered(products: Tensor, count: int, height: int, width: int) -> Tensor:
    """Each pixel's sum of the products 9×NHW that its 3×3 neighbours hold for it: N×1×H×W."""
    maps = F.pad(products.view(9, count, height, width), (1, 1, 1, 1), mode="reflect")
    shifts = [(i, j) for i in range(3) for j in range(3)]
    return reduce(add, (maps[3 * i + j, :, i : i + height, j : j + width] for i, j in shifts))[:, None]


def from_plane(weight: Tensor) -> Tensor:
    """The kernels of a convolution 1→C (C×1×3×3) as a C×9 matrix for :func:`neighbours`."""
    return weight.flatten(1)


def to_plane(weight: Tensor) -> Tensor:
    """The kernels of a convolution C→1 (1×C×3×3) as the 9×C matrix whose products :func:`gathered` adds."""
    return weight[0].flatten(1).T.contiguous()
