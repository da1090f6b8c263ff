from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan import CLEAN, Condition, conditions, plan, select_pairs
from bench.suite import Suite


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
