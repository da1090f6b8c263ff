"""Named subsets: exactly the pairs that their source reports on, degraded as those of the whole dataset."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from bench.cli import main
from bench.datasets import DATASETS
from bench.datasets.pair import Pair
from bench.plan import select_pairs
from bench.subsets import SUBSETS
from bench.suite import Suite
from tsdm_bench.errors import UsageError


def pair(image: str, split: str = "") -> Pair:
    return Pair(image, "day", lambda: (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)), split=split)


@pytest.mark.parametrize("name", SUBSETS)
def test_a_list_has_as_many_ids_as_its_card_says_and_its_dataset_is_known(name):
    assert len(set(SUBSETS[name].ids)) in (0, SUBSETS[name].pairs)
    assert SUBSETS[name].dataset in DATASETS


def test_only_the_listed_pairs_are_taken_and_all_of_them():
    ids = sorted(SUBSETS["tno10"].ids)
    everything = [pair(f"{number:02d}") for number in range(1, 43)]
    assert [each.image for each in SUBSETS["tno10"].select(everything)] == ids
    with pytest.raises(UsageError, match=r"10 pairs of tno, here are 8 of them \(not there: 05, 09\); complete"):
        SUBSETS["tno10"].select([each for each in everything if each.image not in ("05", "09")])


def test_a_subset_may_be_a_split_or_all_that_is_published():
    card = replace(SUBSETS["llvip_test"], pairs=1)
    assert [each.image for each in card.select([pair("1", "train"), pair("2", "test")])] == ["2"]
    with pytest.raises(UsageError, match="42 pairs of tno, here are 1 of them; complete"):
        SUBSETS["tno42"].select([pair("01")])


@pytest.mark.parametrize("name", ["tno21", "tno25"])
def test_a_set_without_a_published_list_is_refused_by_name(name):
    with pytest.raises(UsageError, match=rf"subset {name}: no published list says which pairs .* `dataset: folder`$"):
        SUBSETS[name].select([pair(f"{number:02d}") for number in range(1, 43)])


def test_a_suite_takes_the_subset_of_its_dataset(tmp_path):
    for kind in ("ir", "vi"):
        (tmp_path / "TNO" / kind).mkdir(parents=True)
        for image in (*SUBSETS["tno10"].ids, "42"):
            cv2.imwrite(str(tmp_path / "TNO" / kind / f"{image}.png"), np.zeros((8, 8), np.uint8))
    suite = Suite(name="own", dataset="tno", subset="tno10", methods=("vis",))
    dataset, pairs = select_pairs(suite, tmp_path)
    assert (dataset.name, len(pairs)) == ("tno", 10)
    assert suite.identity(None) == suite.model_copy(update={"subset": None}).identity(None)
    with pytest.raises(UsageError, match="subset m3fd72 is one of dataset m3fd, not of tno"):
        select_pairs(suite.model_copy(update={"subset": "m3fd72"}), tmp_path)


def test_the_72_pairs_are_those_at_hand(data_root):
    pairs = SUBSETS["m3fd72"].select(DATASETS["m3fd"].pairs(data_root))
    assert sum(len(each.boxes) for each in pairs) == 619
    assert sum(each.split == "train" for each in pairs) == 43


def test_an_unknown_subset_is_told(capsys):
    assert main(["--suite", "tno", "--subset", "tno44", "--data-root", "."]) == 2
    assert "unknown subset 'tno44'; did you mean 'tno42'?" in capsys.readouterr().err
