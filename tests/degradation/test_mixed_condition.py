"""Several factors at once: each is what it is alone, and they act in the order in which light meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from degradation import degrade
from degradation.calibration import calibrate, psnr
from degradation.condition import condition_generator
from degradation.factor import FACTORS, Factor
from degradation.mixed_condition import MixedCondition, file_word, find_factor, named_condition
from degradation.photometry import to_float, to_uint8
from degradation.presets import PRESETS, expand
from tsdm_bench.errors import UsageError
from tsdm_bench.names import why_no_name

KEY = {"seed": 3, "dataset": "d", "image": "i"}


def test_across_images_each_gets_what_its_factor_makes_of_it_alone(pair: tuple) -> None:
    ir, vis, drawn = degrade(*pair, find_factor("vis:rain+ir:stripe_noise"), 3, "both", **KEY)
    _, rain, drawn_rain = degrade(*pair, FACTORS["rain"], 3, "vis", **KEY)
    stripes, _, drawn_stripes = degrade(*pair, FACTORS["stripe_noise"], 3, "ir", **KEY)
    np.testing.assert_array_equal(vis, rain)
    np.testing.assert_array_equal(ir, stripes)
    assert drawn == {"ir": {"stripe_noise": drawn_stripes["ir"]}, "vis": {"rain": drawn_rain["vis"]}}
    assert json.loads(json.dumps(drawn)) == drawn


def test_on_one_image_the_draws_are_those_of_each_factor_alone(pair: tuple) -> None:
    """By hand, from the functions of the two factors: rounded once, at the end."""
    ir, vis, drawn = degrade(*pair, find_factor("vis:noise_color+vis:rain"), 2, "vis", **KEY)
    seen = to_float(pair[1])
    for name in ("rain", "noise_color"):
        factor, generator = FACTORS[name], condition_generator(3, "d", "i", name, 2, "vis")
        seen, _ = factor.apply["vis"](seen, factor.ladder["vis"][1], generator)
    np.testing.assert_array_equal(vis, to_uint8(seen))
    np.testing.assert_array_equal(ir, pair[0])
    assert list(drawn["vis"]) == ["rain", "noise_color"]


def test_the_order_is_that_of_light_whatever_the_order_of_the_words() -> None:
    written = "vis:jpeg+vis:noise_gray+ir:stripe_noise+vis:motion_blur+ir:contrast+vis:low_light+vis:fog"
    name = "vis:fog+vis:low_light+vis:motion_blur+vis:noise_gray+vis:jpeg+ir:contrast+ir:stripe_noise"
    assert find_factor(written).name == name
    assert find_factor(name).name == name
    assert find_factor("vis:fog+vis:rain").name == "vis:fog+vis:rain"  # of one stage: as written
    assert find_factor("vis:rain+vis:fog").name == "vis:rain+vis:fog"


@pytest.mark.parametrize(
    ("name", "factor", "hit"),
    [
        ("ir:contrast", "contrast", "ir"),
        ("vis:rain", "rain", "vis"),
        ("ir:jpeg+vis:jpeg", "jpeg", "both"),
        ("jpeg", "jpeg", None),
    ],
)
def test_one_factor_alone_is_that_factor(name: str, factor: str, hit: str | None) -> None:
    assert named_condition(name) == (FACTORS[factor], hit)
    assert isinstance(find_factor(name), Factor)


def test_it_tells_of_itself_what_a_factor_does() -> None:
    mixed = find_factor("ir:noise_gray+vis:rain+vis:fog")
    assert isinstance(mixed, MixedCondition)
    assert mixed.title == "Rain + Fog + Noise, grey (ir)"
    assert mixed.modalities == ("ir", "vis")
    assert mixed.version == "1+1+1"
    assert mixed.ladder["ir"][2] == {"noise_gray.sigma": 20.0}
    assert mixed.ladder["vis"][0]["fog.density"] == FACTORS["fog"].ladder["vis"][0]["density"]
    assert [len(ladder) for ladder in mixed.ladder.values()] == [5, 5]


def test_more_is_worse(pair: tuple) -> None:
    """Than each factor by itself, and from severity to severity."""
    mixed, before = find_factor("vis:rain+vis:noise_color"), 100.0
    for severity in range(1, 6):
        of_mixed = psnr(pair[1], degrade(*pair, mixed, severity, "vis", **KEY)[1])
        alone = [psnr(pair[1], degrade(*pair, FACTORS[n], severity, "vis", **KEY)[1]) for n in ("rain", "noise_color")]
        assert of_mixed < min([*alone, before])
        before = of_mixed


def test_it_is_calibrated_image_by_image(pair: tuple) -> None:
    table = calibrate([pair], [find_factor("vis:fog+ir:stripe_noise"), FACTORS["fog"]])
    assert table.groupby(["factor", "modality"], sort=False).size().to_dict() == {
        ("vis:fog+ir:stripe_noise", "ir"): 5, ("vis:fog+ir:stripe_noise", "vis"): 5, ("fog", "vis"): 5,
    }  # fmt: skip
    fog = table[table["modality"] == "vis"].groupby("factor")["psnr"].agg(list)
    assert fog["fog"] == fog["vis:fog+ir:stripe_noise"]


def test_severity_0_is_the_clean_pair(pair: tuple) -> None:
    ir, vis, drawn = degrade(*pair, find_factor("vis:rain+ir:stripe_noise"), 0, "both", **KEY)
    assert (ir == pair[0]).all()
    assert (vis == pair[1]).all()
    assert drawn == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vis:rain+ir:stripes", "unknown factor 'stripes'; did you mean 'stripe_noise'"),
        ("vis:rain+ir:rain", "ir:rain': rain cannot hit 'ir'; write vis:rain"),
        ("ir:jpeg+vis:stripe_noise", "stripe_noise cannot hit 'vis'; write ir:stripe_noise"),
        ("vis:rain+vis:fog+vis:rain", "names vis:rain twice"),
        ("rain+fog", "'rain' does not say which image is hit; write .* such as vis:rain"),
        ("vis:rain+", "'' does not say which image is hit"),
        ("both:rain", "'both:rain' does not say which image is hit"),
        ("vis:", "'vis:' does not say"),
        ("+", "'' does not say"),
    ],
)
def test_bad_names_are_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        find_factor(name)
    assert "\n" not in str(refused.value)


def test_names_of_files_are_safe_everywhere_and_told_apart() -> None:
    names = [*FACTORS, *(condition for of in PRESETS.values() for condition in of), "vis:fog+vis:rain"]
    words = {file_word(name) for name in names}
    assert not any(why_no_name(word) for word in words)
    assert not any(character in word for word in words for character in ":+ ")
    assert len(words) == len(set(names))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_conditions_as_they_are_called(name: str, pair: tuple) -> None:
    for condition in expand([name]):
        mixed = find_factor(condition)
        assert mixed.name == condition
        assert isinstance(mixed, MixedCondition)
        degrade(*pair, mixed, 5, "both" if len(mixed.modalities) == 2 else mixed.modalities[0], **KEY)
