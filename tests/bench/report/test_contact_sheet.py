"""The contact sheet shows the degraded pixels themselves, in their place."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bench.report.contact_sheet import draw_contact_sheet
from degradation import degrade
from degradation.factor import FACTORS


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (40, 60), np.uint8), random.integers(0, 256, (40, 60, 3), np.uint8)


def stored(pair: tuple, severities: tuple[int, ...], seed: int = 0) -> dict[str, dict]:
    """The pair under every factor, as a run stores it."""
    images = {"ir": {("clean", 0): pair[0]}, "vis": {("clean", 0): pair[1]}}
    for factor in FACTORS.values():
        modality = "both" if len(factor.modalities) == 2 else factor.modalities[0]
        for severity in filter(None, severities):
            ir, vis, _ = degrade(*pair, factor, severity, modality, seed=seed, dataset="d", image="i")
            images["ir"][factor.name, severity], images["vis"][factor.name, severity] = ir, vis
    return images


def test_images_lie_in_rows_and_columns(pair: tuple) -> None:
    window = (10, 5, 30, 20)
    factors = [FACTORS["contrast"], FACTORS["fog"], FACTORS["stripe_noise"]]
    figure = draw_contact_sheet(stored(pair, (3, 5), seed=4), factors, severities=(0, 3, 5), window=window)
    images = figure.axes[0].images
    assert len(images) == 3 * (2 + 1 + 1)  # fog has no infrared, stripes have no visible
    shown = {(round(image.get_extent()[0], 3), round(image.get_extent()[3], 3)): image for image in images}
    rows, columns = ({position[axis] for position in shown} for axis in (1, 0))
    assert (len(rows), len(columns)) == (3, 6)
    seen = degrade(*pair, FACTORS["contrast"], 5, "both", seed=4, dataset="d", image="i")
    last_visible, last_infrared = sorted(columns)[2], sorted(columns)[5]
    np.testing.assert_array_equal(shown[last_visible, 0.0].get_array(), seen[1][5:25, 10:40])
    np.testing.assert_array_equal(shown[last_infrared, 0.0].get_array(), seen[0][5:25, 10:40])
    np.testing.assert_array_equal(shown[0.0, 0.0].get_array(), pair[1][5:25, 10:40])


def test_texts_name_factors_severities_and_modalities(pair: tuple) -> None:
    figure = draw_contact_sheet(stored(pair, (1, 5)), [FACTORS["jpeg"], FACTORS["fog"]], severities=(0, 1, 5))
    texts = [text.get_text() for text in figure.axes[0].texts]
    for expected in ("JPEG", "Fog", "visible", "infrared", "clean", "1", "5", "80"):
        assert expected in texts
    assert "does not concern the infrared image" in texts


def test_it_becomes_a_picture(pair: tuple) -> None:
    stream = io.BytesIO()
    draw_contact_sheet(stored(pair, (5,)), list(FACTORS.values()), severities=(0, 5)).savefig(stream, dpi=40)
    width, height = Image.open(stream).size
    assert height > width > 100


def test_an_image_that_was_not_computed_leaves_its_place_empty(pair: tuple) -> None:
    images = stored(pair, (1, 5))
    del images["vis"]["jpeg", 5]
    figure = draw_contact_sheet(images, [FACTORS["jpeg"]], severities=(0, 1, 5))
    assert len(figure.axes[0].images) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": (50, 0, 20, 20)}, "leaves the image of 60×40 px"),
        ({"window": (0, 0, 0, 5)}, "leaves the image"),
        ({"severities": ()}, "at least one factor and one severity"),
    ],
)
def test_bad_input_is_refused(pair: tuple, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_contact_sheet(stored(pair, ()), [FACTORS["jpeg"]], **arguments)
