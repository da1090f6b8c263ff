"""Fusion metrics: one id, one exact definition."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from bench.lists import comma_list
from bench.metrics.metric import Metric, Plane
from tsdm_bench.cards import Registry, unknown
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.torch_later import Tensor, torch

NAMES = "infrared", "visible", "fused"
LARGEST_WINDOW = 64
"""Pixels; metrics look at images through windows, some over several scales."""
METRICS: Registry[Metric] = Registry("metric", Metric, ("bench.metrics", "bench.metrics.papers"), "tsdm_bench.metrics")


class Presets(Mapping[str, tuple[str, ...]]):
    """Metric ids by the name of a preset, as the cards of the metrics give them: ``core`` and ``all`` come first."""

    @functools.cached_property
    def _ids(self) -> dict[str, tuple[str, ...]]:
        members: dict[str, list[tuple[int, str]]] = {"core": [], "all": []}
        for metric in METRICS.values():
            for preset, place in metric.presets.items():
                members.setdefault(preset, []).append((place, metric.name))
        others = sorted(members.keys() - {"core", "all"})
        return {preset: tuple(name for _, name in sorted(members[preset])) for preset in ("core", "all", *others)}

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._ids[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


PRESETS = Presets()


def resolve(spec: str | Sequence[str]) -> tuple[str, ...]:
    """The metric ids that a preset name or a comma list of ids and presets stands for, each once, in order.

    Raises UsageError for an unknown name, with the closest known one.

    >>> resolve("en,mi,en")
    ('en', 'mi')
    """
    words = [word.strip() for word in comma_list(spec)]
    ids: dict[str, None] = {}
    for word in filter(None, words):
        if word not in PRESETS and word not in METRICS:
            error = unknown("metric", word, [*PRESETS, *METRICS], METRICS.shown_by)
            raise UsageError(f"{error}; presets: {', '.join(PRESETS)}")
        ids.update(dict.fromkeys(PRESETS.get(word, (word,))))
    if not ids:
        raise UsageError("no metric given; name a preset or ids, `run_bench.py list metrics` shows all")
    return tuple(ids)


def to_grey(image: Tensor) -> Tensor:
    """Grey N×1×H×W float32 holding integers 0…255: BT.601 luma of the 8-bit image, rounded half up.

    ``image`` is N×3×H×W (RGB) or N×1×H×W, uint8, or floating point in [0, 1], which is first quantised to 8 bits as it
    would be when saved.
    """
    if image.ndim != 4 or image.shape[1] not in (1, 3):
        raise ValueError(f"expected an image N×3×H×W or N×1×H×W, got shape {tuple(image.shape)}")
    levels = image if image.dtype == torch.uint8 else (image.clamp(0, 1) * 255).round()
    if levels.shape[1] == 1:
        return levels.to(torch.float32)
    red, green, blue = levels.to(torch.int32).split(1, dim=1)
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).to(torch.float32)


def plane_of(image: Tensor) -> Plane:
    """The plane of an image as :func:`to_grey` takes it, with its colour for the definitions that look at channels."""
    grey = to_grey(image)
    if image.shape[1] == 1:
        return Plane(grey)
    return Plane(grey, image if image.dtype == torch.uint8 else (image.clamp(0, 1) * 255).round().to(torch.uint8))


def evaluate(ids: Sequence[str], ir: Plane, vis: Plane, fused: Plane) -> dict[str, Tensor]:
    """Each metric id with its value per image, float64 (N,).

    Raises UsageError for an unknown id and ValueError where the planes differ in size or a metric cannot be computed on
    images so small.

    >>> import torch
    >>> ramp = plane_of(torch.arange(256.0).reshape(1, 1, 16, 16) / 255)
    >>> {name: value.tolist() for name, value in evaluate(["en", "mse"], ramp, ramp, ramp).items()}
    {'en': [8.0], 'mse': [0.0]}
    """
    shapes = [tuple(plane.x.shape) for plane in (ir, vis, fused)]
    if len(set(shapes)) > 1:
        sizes = ", ".join(f"{name} {shape[-1]}×{shape[-2]}" for name, shape in zip(NAMES, shapes, strict=True))
        raise ValueError(f"the images differ in size or number ({sizes}); they must be aligned and of one size")
    # Dearest first: its temporaries are the largest, and the planes remember little yet.
    order = sorted(ids, key=lambda name: METRICS[name].cost, reverse=True)
    values = {name: _value(name, ir, vis, fused) for name in order}
    return {name: values[name] for name in ids}


def _value(name: str, ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """One metric. Whatever a window does on an image that it does not fit is told as that."""
    height, width = fused.x.shape[-2:]
    try:
        return METRICS[name].compute(ir, vis, fused)
    except (ValueError, RuntimeError, ArithmeticError, AssertionError) as error:
        if min(height, width) > LARGEST_WINDOW or str(error).startswith(name):
            raise
        raise ValueError(
            f"{name} cannot be computed on images of {width}×{height} pixels ({words_of(error, 80)}); leave it out"
        ) from error
