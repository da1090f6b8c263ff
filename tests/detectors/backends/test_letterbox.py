from __future__ import annotations

import numpy as np
import pytest

from detectors.backends.letterbox import letterbox, to_image
from detectors.backends.ultralytics_backend import import_ultralytics

SHAPES = [(96, 128), (131, 77), (64, 64), (480, 640), (768, 1024), (33, 200)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stride", [None, 32])
def test_equals_ultralytics(shape, stride):
    import_ultralytics()
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    placed, _ = letterbox(image, (320, 320), "centre", stride)
    np.testing.assert_array_equal(placed, LetterBox((320, 320), auto=stride is not None, stride=32)(image=image))


@pytest.mark.parametrize("fit", ["centre", "top_left", "stretch"])
@pytest.mark.parametrize("shape", SHAPES)
def test_boxes_come_back(shape, fit):
    image = np.zeros((*shape, 3), dtype=np.uint8)
    placed, placement = letterbox(image, (416, 416), fit, None)
    assert placed.shape == (416, 416, 3)
    box = np.array([[0.1 * shape[1], 0.2 * shape[0], 0.7 * shape[1], 0.9 * shape[0]]])
    scale = np.array([placement.scale_x, placement.scale_y] * 2)
    offset = np.array([placement.left, placement.top] * 2)
    np.testing.assert_allclose(to_image(box * scale + offset, placement), box)


def test_boxes_are_clipped_to_the_image():
    _, placement = letterbox(np.zeros((100, 200, 3), dtype=np.uint8), (64, 64), "centre", None)
    np.testing.assert_array_equal(to_image(np.array([[-9.0, -9.0, 900.0, 900.0]]), placement), [[0, 0, 200, 100]])
