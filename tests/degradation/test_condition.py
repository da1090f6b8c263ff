"""The draw depends on (seed, dataset, image, factor, severity, modality); bad input is refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from degradation import degrade
from degradation.condition import condition_generator
from degradation.factor import FACTORS, MAX_SEVERITY

KEY = {"seed": 0, "dataset": "d", "image": "i"}


def test_every_part_of_the_key_changes_the_draw(pair: tuple) -> None:
    base = {"seed": 0, "dataset": "d", "image": "i", "factor": "f", "severity": 1, "modality": "ir"}
    other = {"seed": 1, "dataset": "e", "image": "j", "factor": "g", "severity": 2, "modality": "vis"}
    keys = [base] + [base | {name: other[name]} for name in base]
    numbers = [condition_generator(**key).random(4).tolist() for key in keys]
    assert len({tuple(draw) for draw in numbers}) == len(keys)
    assert condition_generator(**base).random(4).tolist() == numbers[0]


def test_parts_of_the_key_do_not_run_together() -> None:
    joined = condition_generator(0, "a", "b/c", "f", 1, "ir").random()
    assert condition_generator(0, "a/b", "c", "f", 1, "ir").random() != joined
    assert condition_generator(0, 'a","b', "c", "f", 1, "ir").random() != joined


def test_the_draw_is_the_same_on_every_machine() -> None:
    """Values of the first release: a change here changes every published number."""
    drawn = condition_generator(0, "m3fd", "00042", "noise_gray", 3, "vis").integers(0, 1000, 5).tolist()
    assert drawn == [37, 552, 791, 196, 65]


@pytest.mark.parametrize("name", ["noise_color", "anisotropic_blur", "motion_blur", "tsdm"])
def test_both_is_each_modality_by_itself(pair: tuple, name: str) -> None:
    factor = FACTORS[name]
    ir, vis, drawn = degrade(*pair, factor, 3, "both", **KEY)
    only_ir, clean_vis, drawn_ir = degrade(*pair, factor, 3, "ir", **KEY)
    clean_ir, only_vis, drawn_vis = degrade(*pair, factor, 3, "vis", **KEY)
    np.testing.assert_array_equal(ir, only_ir)
    np.testing.assert_array_equal(vis, only_vis)
    np.testing.assert_array_equal(clean_ir, pair[0])
    np.testing.assert_array_equal(clean_vis, pair[1])
    assert drawn == drawn_ir | drawn_vis
    assert not np.array_equal(ir, pair[0])
    assert not np.array_equal(vis, pair[1])


@pytest.mark.parametrize("name", list(FACTORS))
def test_severity_0_is_the_clean_pair(pair: tuple, name: str) -> None:
    ir, vis, drawn = degrade(*pair, FACTORS[name], 0, FACTORS[name].modalities[0], **KEY)
    np.testing.assert_array_equal(ir, pair[0])
    np.testing.assert_array_equal(vis, pair[1])
    assert drawn == {}
    assert not np.shares_memory(ir, pair[0])


def test_results_are_images_of_their_own(pair: tuple) -> None:
    for name, factor in FACTORS.items():
        for modality in factor.modalities:
            before = [image.copy() for image in pair]
            ir, vis, drawn = degrade(*pair, factor, MAX_SEVERITY, modality, **KEY)
            assert (ir.shape, ir.dtype) == (pair[0].shape, np.uint8), name
            assert (vis.shape, vis.dtype) == (pair[1].shape, np.uint8), name
            assert not np.shares_memory(ir, pair[0])
            assert not np.shares_memory(vis, pair[1])
            assert json.loads(json.dumps(drawn)) == drawn
            assert list(drawn) == [modality]
            for image, copy in zip(pair, before, strict=True):
                np.testing.assert_array_equal(image, copy)


GOOD_IR, GOOD_VIS = np.zeros((16, 16), np.uint8), np.zeros((16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("ir", "vis", "message"),
    [
        (GOOD_IR.astype(np.float32), GOOD_VIS, "ir: expected a uint8 array H×W, got float32"),
        (GOOD_IR, np.full((16, 16, 3), np.nan), "vis: expected a uint8 array H×W×3 RGB, got float64"),
        (GOOD_IR, GOOD_VIS.tolist(), "vis: expected a uint8 array H×W×3 RGB, got list"),
        (GOOD_VIS, GOOD_VIS, r"ir: expected shape H×W, got \(16, 16, 3\)"),
        (GOOD_IR, GOOD_IR, r"vis: expected shape H×W×3 RGB, got \(16, 16\)"),
        (GOOD_IR, np.zeros((16, 16, 4), np.uint8), r"vis: expected shape H×W×3 RGB, got \(16, 16, 4\)"),
        (GOOD_IR[:12], GOOD_VIS, "must have one size"),
        (GOOD_IR[:1, :1], GOOD_VIS[:1, :1], r"at least 8×8 pixels, got \(1, 1\)"),
        (GOOD_IR[:0], GOOD_VIS[:0], "at least 8×8 pixels"),
    ],
)
def test_bad_pairs_are_refused(ir: object, vis: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        degrade(ir, vis, FACTORS["jpeg"], 1, "both", **KEY)


@pytest.mark.parametrize("severity", [6, -1, 2.0, "3", True, None])
def test_bad_severities_are_refused(severity: object) -> None:
    with pytest.raises(ValueError, match=r"expected a whole number from 0 \(clean\) to 5"):
        degrade(GOOD_IR, GOOD_VIS, FACTORS["jpeg"], severity, "both", **KEY)


@pytest.mark.parametrize(
    ("name", "modality", "message"),
    [
        ("stripe_noise", "vis", "stripe_noise cannot hit 'vis': expected 'ir'"),
        ("stripe_noise", "both", "stripe_noise cannot hit 'both': expected 'ir'"),
        ("fog", "ir", "fog cannot hit 'ir': expected 'vis'"),
        ("jpeg", "visible", "expected 'ir' or 'vis' or 'both'"),
    ],
)
def test_bad_modalities_are_refused(name: str, modality: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        degrade(GOOD_IR, GOOD_VIS, FACTORS[name], 1, modality, **KEY)


def test_the_smallest_image_takes_every_factor() -> None:
    random = np.random.default_rng(0)
    ir, vis = random.integers(0, 256, (8, 8), np.uint8), random.integers(0, 256, (8, 8, 3), np.uint8)
    for factor in FACTORS.values():
        for severity in range(1, MAX_SEVERITY + 1):
            for modality in factor.modalities:
                assert degrade(ir, vis, factor, severity, modality, **KEY)[0].shape == (8, 8)
