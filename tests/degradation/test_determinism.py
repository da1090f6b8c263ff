"""The same degraded bytes for any order, number of workers and number of threads."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import cv2
import pytest

# Cards straight from their modules: a worker that starts anew should not have to import the whole harness.
from degradation.condition import degrade
from degradation.factors.blur import ANISOTROPIC_BLUR, MOTION_BLUR
from degradation.factors.composite import TSDM
from degradation.factors.fog import FOG
from degradation.factors.infrared_sensor import DEAD_PIXELS, STRIPE_NOISE
from degradation.factors.low_light import LOW_LIGHT
from degradation.factors.misregistration import MISREGISTRATION
from degradation.factors.noise import NOISE_COLOR, NOISE_CORRELATED, NOISE_GRAY
from degradation.factors.rain import RAIN
from degradation.factors.snow import SNOW
from degradation.factors.vignette import VIGNETTE
from tests.degradation.conftest import make_pair

CARDS = {
    card.name: card
    for card in (
        *(ANISOTROPIC_BLUR, MOTION_BLUR, TSDM, FOG, DEAD_PIXELS, STRIPE_NOISE, LOW_LIGHT, MISREGISTRATION),
        *(NOISE_COLOR, NOISE_CORRELATED, NOISE_GRAY, RAIN, SNOW, VIGNETTE),
    )
}
CONDITIONS = [
    (name, severity, modality)
    for name, card in CARDS.items()
    for severity in (1, 4)
    for modality in (*card.modalities, *(["both"] if len(card.modalities) == 2 else []))
]


def fingerprint(condition: tuple[str, int, str]) -> tuple[bytes, bytes, str]:
    name, severity, modality = condition
    ir, vis, drawn = degrade(*make_pair(), CARDS[name], severity, modality, seed=0, dataset="d", image="i")
    return ir.tobytes(), vis.tobytes(), json.dumps(drawn)


@pytest.fixture(scope="module")
def expected() -> list[tuple[bytes, bytes, str]]:
    return [fingerprint(condition) for condition in CONDITIONS]


def test_same_degraded_input_for_any_order(expected: list) -> None:
    assert [fingerprint(condition) for condition in reversed(CONDITIONS)][::-1] == expected


def test_same_degraded_input_for_any_worker_count(expected: list) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(fingerprint, CONDITIONS, chunksize=5)) == expected


def test_same_degraded_input_for_any_number_of_threads(expected: list) -> None:
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            assert [fingerprint(condition) for condition in CONDITIONS] == expected
    finally:
        cv2.setNumThreads(before)


def test_another_seed_is_another_draw(expected: list) -> None:
    for card in CARDS.values():
        for modality in card.modalities:
            index = ("ir", "vis").index(modality)
            first, other = (
                degrade(*make_pair(), card, 3, modality, seed=seed, dataset="d", image="i")[index] for seed in (0, 1)
            )
            assert (first != other).any(), card.name
