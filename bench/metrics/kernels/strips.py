"""Pixelwise functions of maps, worked on strip by strip: temporaries stay in the cache, and few are alive at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tsdm_bench.torch_later import Tensor, torch

PIXELS = 1 << 16  # of one image in a strip: half a megabyte in float64, shared by two threads


def strips(*maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Maps N×1×H×W of equal size cut into strips of rows; whole on an accelerator, whose memory is its cache."""
    height, width = maps[0].shape[-2:]
    rows = max(PIXELS // width, 8) // 8 * 8 if maps[0].device.type == "cpu" else height
    return zip(*(each.split(rows, dim=-2) for each in maps), strict=True)


def pixel_sums(function: Callable[..., tuple[Tensor, ...]], *maps: Tensor) -> list[Tensor]:
    """Sum per image over the pixels of each map that ``function(*maps)`` returns, in float64."""
    parts = [[each.flatten(1).sum(1) for each in function(*strip)] for strip in strips(*maps)]
    return [torch.stack(each).sum(0) for each in zip(*parts, strict=True)]


def pixel_maps(function: Callable[..., tuple[Tensor, ...]], *maps: Tensor) -> list[Tensor]:
    """The maps that ``function(*maps)`` returns."""
    height, width = maps[0].shape[-2:]
    results: list[Tensor] = []
    top = 0
    for strip in strips(*maps):
        parts = function(*strip)
        if not results:
            results = [part.new_empty((*part.shape[:-2], height, width)) for part in parts]
        for result, part in zip(results, parts, strict=True):
            result[..., top : top + part.shape[-2], :] = part
        top += strip[0].shape[-2]
    return results
