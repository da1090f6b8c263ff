"""The random change of colour and brightness that a training applies, for images with an infrared channel, too."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

RGB = 3


def with_jitter(dataset: Any) -> Any:
    """A training set of ultralytics whose colour jitter works on more than three channels.

    Ultralytics jitters images of three channels and leaves others as they are, so a detector of stacked images would
    be trained by another recipe than the detectors of fused ones.
    """
    if dataset.channels > RGB and dataset.augment:
        dataset.build_transforms = partial(_built, dataset.build_transforms)  # it is called again when mosaic ends
        dataset.transforms = _adapted(dataset.transforms)
    return dataset


def _built(build: Any, hyp: Any) -> Any:
    return _adapted(build(hyp))


def _adapted(transforms: Any) -> Any:
    """The transforms with that of colour replaced."""
    from ultralytics.data.augment import RandomHSV

    for place, transform in enumerate(transforms.transforms):
        if isinstance(transform, RandomHSV):
            transforms.transforms[place] = Jitter(transform)
    return transforms


class Jitter:
    """Colour jitter of the first three channels together, and of each further one by itself, as of a grey image."""

    def __init__(self, colour: Any) -> None:
        self.colour = colour

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Change ``labels["img"]`` (H×W×C uint8)."""
        image = labels["img"]
        parts = [self._changed(image[..., :RGB])]
        for channel in range(RGB, image.shape[2]):
            parts.append(self._changed(image[..., [channel] * RGB])[..., :1])
        return labels | {"img": np.concatenate(parts, axis=2)}

    def _changed(self, image: np.ndarray) -> np.ndarray:
        """An H×W×3 image as the transform of ultralytics leaves it."""
        return self.colour({"img": np.ascontiguousarray(image)})["img"]
