from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.datasets.pair import Dataset, Pair
from bench.plan import (
    CLEAN,
    Condition,
    conditions,
    near_training,
    plan,
    select_pairs,
    select_training_pairs,
    split_of_training,
)
from bench.suite import Suite
from degradation.presets import PRESETS
from tsdm_bench.errors import UsageError
from tsdm_bench.images import write_png


def suite(**fields: object) -> Suite:
    return Suite(**{"name": "t", "dataset": "folder", "methods": ("ir", "vis"), "factors": ("jpeg",)} | fields)


def test_clean_is_one_condition_however_many_factors() -> None:
    found = conditions(suite(factors=("jpeg", "contrast"), severities=(0, 2, 5)))
    assert found[0] == CLEAN
    assert found[1:] == [Condition(f, s, "both") for f in ("jpeg", "contrast") for s in (2, 5)]


def test_without_severity_zero_there_is_no_clean_condition() -> None:
    assert CLEAN not in conditions(suite(severities=(3,)))


def test_a_factor_of_one_modality_is_run_on_that_one() -> None:
    only_ir = suite(factors=("stripe_noise",), severities=(1,), modalities=("both", "ir", "vis"))
    assert conditions(only_ir) == [Condition("stripe_noise", 1, "ir")]


def test_an_unknown_factor_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown factor 'jpg'; did you mean 'jpeg'"):
        conditions(suite(factors=("jpg",)))


def test_a_mixed_condition_says_itself_which_images_it_hits() -> None:
    asked = suite(
        factors=("ir:stripe_noise+vis:rain", "vis:rain+vis:fog", "ir:jpeg"), severities=(2,), modalities=("ir",)
    )
    assert conditions(asked) == [
        Condition("vis:rain+ir:stripe_noise", 2, "both"),
        Condition("vis:rain+vis:fog", 2, "vis"),
        Condition("jpeg", 2, "ir"),
    ]
    assert conditions(asked)[0].words == ("vis-rain--ir-stripe_noise", "2", "both")


def test_one_condition_under_two_names_is_run_once() -> None:
    twice = ("vis:rain+ir:jpeg", "ir:jpeg+vis:rain", "ir:noise_gray", "vis:noise_gray+ir:noise_gray", "noise_gray")
    found = conditions(suite(factors=twice, severities=(1,)))
    assert [(c.factor, c.modality) for c in found] == [
        ("vis:rain+ir:jpeg", "both"), ("noise_gray", "ir"), ("noise_gray", "both"),
    ]  # fmt: skip


def test_a_preset_stands_for_its_conditions() -> None:
    found = conditions(suite(factors=("mixed-ems", "vis:low_light+ir:contrast"), severities=(1,)))
    assert [condition.factor for condition in found] == list(PRESETS["mixed-ems"])
    with pytest.raises(UsageError, match="did you mean 'mixed-ems'"):
        conditions(suite(factors=("mixed-emms",)))


def test_only_what_is_missing_is_planned(small_pairs: Path) -> None:
    _, pairs = select_pairs(suite(), small_pairs)
    everything = plan(suite(severities=(0, 1)), pairs)
    assert len(everything) == 3 * 2
    done = {("1", CLEAN, "ir"), *(("2", CLEAN, method) for method in ("ir", "vis"))}
    left = {(cell.pair.image, cell.condition): cell.methods for cell in plan(suite(severities=(0, 1)), pairs, done)}
    assert left["1", CLEAN] == ("vis",)
    assert ("2", CLEAN) not in left
    assert len(left) == 5


def test_limit_takes_pairs_over_the_whole_list(small_pairs: Path) -> None:
    _, pairs = select_pairs(suite(limit=2), small_pairs)
    assert [pair.image for pair in pairs] == ["0", "1"]
    with pytest.raises(UsageError, match="no complete pair in split 'test'"):
        select_pairs(suite(split="test"), small_pairs)


def test_no_data_root_tells_how_to_get_the_data_and_names_the_demo() -> None:
    with pytest.raises(UsageError, match=r"(?s)--data-root.*M3FD_Detection.*drive\.google.*python run_bench\.py"):
        select_pairs(suite(dataset="m3fd"), None)


def retrained(**detection: object) -> Suite:
    fields = {"dataset": "m3fd", "detector": {"weights": "any"}}
    return suite(**fields, detection={"protocol": "retrain"} | detection)


def both_parts(suite: Suite, data_root: Path | None) -> tuple[list[Pair], list[Pair]]:
    return select_training_pairs(suite, data_root), select_pairs(suite, data_root)[1]


def test_the_official_split_tells_training_from_held_out_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {"1": "train", "30": "val", "35": "train", "90": "test", "200": "", "300": "train"}
    pairs = [Pair(image, "day", lambda: None, (), split) for image, split in splits.items()]
    pairs.append(Pair("400", "day", lambda: None, None, "train"))
    card = Dataset(**dict.fromkeys(("title", "description", "source", "licence", "layout", "obtain"), ""), name="m3fd",
                   classes=("Car",), pairs=lambda root: pairs)  # fmt: skip
    monkeypatch.setattr("bench.plan.DATASETS", {"m3fd": card})
    official = retrained(split="official")
    training, held_out = both_parts(official, Path())
    assert [pair.image for pair in training] == ["1", "35", "300"]  # 400 has no labels
    assert [pair.image for pair in held_out] == ["30", "90", "200"]
    assert near_training(held_out, training) == ["30"]
    assert [pair.image for pair in select_training_pairs(retrained(limit=2, split="official"), Path())] == ["1", "35"]
    assert len(select_pairs(suite(dataset="m3fd"), Path())[1]) == len(pairs)  # a fixed detector is tested on all
    with pytest.raises(UsageError, match="held out from training"):
        select_pairs(official.model_copy(update={"split": "train"}), Path())
    assert split_of_training(retrained(), pairs) == "scenes"  # 30 is a frame beside 35
    apart = [replace(pair, split="train" if pair.image == "30" else pair.split) for pair in pairs]
    assert split_of_training(retrained(), apart) == "official"
    assert split_of_training(retrained(), [replace(pair, split="") for pair in pairs]) == "scenes"


def test_scenes_are_divided_whole() -> None:
    scenes = suite(dataset="synthetic", detector={"weights": "any"}, detection={"protocol": "retrain"})
    training, held_out = both_parts(scenes, None)
    assert len(training) == 18
    assert len(held_out) == 6
    assert {pair.scene for pair in training} & {pair.scene for pair in held_out} == set()


def test_a_subset_is_tested_on_no_pair_that_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair(str(1000 * number), "day", lambda: None, ()) for number in range(9)]
    card = Dataset(**dict.fromkeys(("title", "description", "source", "licence", "layout", "obtain"), ""), name="m3fd",
                   classes=("Car",), pairs=lambda root: pairs)  # fmt: skip
    few = SimpleNamespace(dataset="m3fd", select=lambda pairs: pairs[1:])
    monkeypatch.setattr("bench.plan.DATASETS", {"m3fd": card})
    monkeypatch.setattr("bench.plan.SUBSETS", {"few": few})
    training, held_out = both_parts(retrained().model_copy(update={"subset": "few"}), Path())
    assert {pair.image for pair in training}.isdisjoint(pair.image for pair in held_out)
    assert [pair.image for pair in held_out] == ["2000", "5000", "8000"]


def test_the_parts_of_m3fd(data_root: Path) -> None:
    training, held_out = both_parts(retrained(split="official"), data_root)
    assert (len(training), len(held_out)) == (43, 29)
    assert near_training(held_out, training)  # the official split is by frame
    training, held_out = both_parts(retrained(), data_root)
    scenes = both_parts(retrained(split="scenes"), data_root)[0]
    assert [pair.image for pair in scenes] == [pair.image for pair in training]
    assert near_training(held_out, training) == []
    assert {pair.image for pair in training} & {pair.image for pair in held_out} == set()


def test_an_image_whose_name_is_too_long_for_what_is_made_of_it_is_refused_before_computing(tmp_path: Path) -> None:
    for half in ("ir", "vis"):
        write_png(tmp_path / half / f"{'x' * 201}.png", np.zeros((8, 8), np.uint8))
    suite = Suite(name="s", dataset="folder", methods=("ir",))
    with pytest.raises(UsageError, match="it is 201 bytes long, 200 at most; rename the file"):
        select_pairs(suite, tmp_path)
