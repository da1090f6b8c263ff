"""Running the student on images of any size: the paper's padding, and tiles for images that do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.tsdm.networks.lite import CELL
from fusion.tsdm.networks.student import WINDOW

RECEPTIVE_RADIUS = 104
"""How far an input pixel reaches in the student's output: 7 pixels across the first window, 4 per further block
(23 blocks) and one per 3×3 convolution that is not followed by windows (4) make 103; rounded up to whole windows."""

TILE = 512
BLEND = 16

Network = Callable[[Tensor, Tensor], Tensor]


def pad_to_windows(x: Tensor) -> Tensor:
    """Repeat the last row and column of N×C×H×W up to (H // 8 + 1)·8 × (W // 8 + 1)·8, the paper's test protocol.

    A side that is a multiple of 8 already gets one more window.
    """
    height, width = x.shape[-2:]
    return F.pad(x, (0, WINDOW - width % WINDOW, 0, WINDOW - height % WINDOW), mode="replicate")


def fuse_whole(network: Network, ir: Tensor, vis: Tensor) -> Tensor:
    """``network`` on a padded pair of any size (N×1×H×W, N×3×H×W), cropped back to N×3×H×W."""
    height, width = ir.shape[-2:]
    return network(pad_to_windows(ir), pad_to_windows(vis))[..., :height, :width]


def fuse_padded(network: Network, ir: Tensor, vis: Tensor, multiple: int = CELL) -> Tensor:
    """As :func:`fuse_whole`, for ``tsdm_lite``: padded to the next multiple only."""
    height, width = ir.shape[-2:]
    pad = (0, -width % multiple, 0, -height % multiple)
    return network(*(F.pad(x, pad, mode="replicate") for x in (ir, vis)))[..., :height, :width]


def fuse_tiled(
    network: Network, ir: Tensor, vis: Tensor, tile: int = TILE, halo: int = RECEPTIVE_RADIUS, blend: int = BLEND
) -> Tensor:
    """As :func:`fuse_whole`, ``tile``×``tile`` pixels at a time; memory grows with the tile, not with the image.

    Tiles start on multiples of 8, so that windows fall where they fall in the whole image. The outer ``halo`` pixels of
    a tile (where it does not end at the image's border) are thrown away, the next ``blend`` pixels are mixed linearly
    with the neighbour. With ``halo`` ≥ 104 every kept pixel has seen all it depends on: the result equals the whole
    image's up to rounding. A smaller halo is faster and approximate.

    Raises ``ValueError`` where tile, halo or blend are not multiples of 8 or leave nothing of the tile.
    """
    if tile % WINDOW or halo % WINDOW or blend % WINDOW or halo < 0 or blend < 0 or tile <= 2 * (halo + blend):
        raise ValueError(
            f"tile {tile}, halo {halo}, blend {blend}: expected multiples of {WINDOW} with tile > 2·(halo + blend)"
        )
    height, width = ir.shape[-2:]
    ir, vis = pad_to_windows(ir), pad_to_windows(vis)
    total = torch.zeros_like(vis)
    weight = vis.new_zeros(vis.shape[-2:])
    for rows, row_weight in _tiles(vis.shape[-2], tile, halo, blend):
        for columns, column_weight in _tiles(vis.shape[-1], tile, halo, blend):
            part = (row_weight[:, None] * column_weight[None, :]).to(vis)
            total[..., rows, columns] += network(ir[..., rows, columns], vis[..., rows, columns]) * part
            weight[rows, columns] += part
    return (total / weight)[..., :height, :width]


def _tiles(size: int, tile: int, halo: int, blend: int) -> Iterator[tuple[slice, Tensor]]:
    """Where the tiles of one axis lie, and how much each of their pixels counts."""
    step = tile - 2 * halo - blend
    start = 0
    while True:
        stop = min(start + tile, size)
        first, last = start == 0, stop == size
        weight = torch.ones(stop - start)
        ramp = torch.cat([torch.zeros(halo), (torch.arange(blend) + 0.5) / max(blend, 1)])
        if not first:
            weight[: len(ramp)] *= ramp
        if not last:
            weight[len(weight) - len(ramp) :] *= ramp.flip(0)
        yield slice(start, stop), weight
        if last:
            return
        start += step
