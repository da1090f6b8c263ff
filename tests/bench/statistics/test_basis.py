from __future__ import annotations

from itertools import product

import pandas as pd

from bench.statistics.basis import common_basis

CONDITIONS = (("clean", 0, "both"), ("noise", 3, "both"), ("noise", 5, "both"))
METHODS = ("ir", "a", "b", "c")


def cells(images: int = 4, without: tuple[tuple, ...] = ()) -> pd.DataFrame:
    """Every image, condition and method but those that begin like one of ``without`` (method, image, condition)."""
    found = [
        (str(image), *condition, method)
        for image, condition, method in product(range(images), CONDITIONS, METHODS)
        if not any((method, str(image), condition)[: len(of)] == of for of in without)
    ]
    return pd.DataFrame(found, columns=["image", "factor", "severity", "modality", "method"])


def ranked(table: pd.DataFrame):
    return common_basis(table, ["a", "b", "c"])


def test_a_whole_run_is_its_own_basis():
    basis = ranked(cells())
    assert basis.images == set("0123")
    assert basis.conditions == set(CONDITIONS)
    assert basis.complete == set(METHODS)
    assert len(basis.of(cells())) == len(cells())


def test_a_pair_that_fails_with_one_method_of_three_leaves_the_means_of_all():
    basis = ranked(cells(without=(("b", "2"),)))
    assert basis.images == set("013")
    assert basis.complete == set(METHODS)


def test_a_pair_that_fails_under_one_condition_leaves_all_conditions():
    basis = ranked(cells(without=(("b", "2", CONDITIONS[1]),)))
    assert basis.images == set("013")
    assert basis.conditions == set(CONDITIONS)


def test_a_method_that_fails_on_most_pairs_is_incomplete_and_costs_the_others_none():
    basis = ranked(cells(without=(("b", "0"), ("b", "1"), ("b", "2"))))
    assert basis.images == set("0123")
    assert basis.complete == {"ir", "a", "c"}


def test_a_method_that_lacks_a_condition_is_incomplete_and_costs_the_others_none():
    basis = ranked(cells(without=tuple(("b", image, CONDITIONS[2]) for image in "0123")))
    assert basis.images == set("0123")
    assert basis.conditions == set(CONDITIONS)
    assert basis.complete == {"ir", "a", "c"}


def test_an_unfinished_pair_of_an_interrupted_run_takes_no_part():
    missing = tuple((method, "3", condition) for method in METHODS for condition in CONDITIONS[1:])
    basis = ranked(cells(without=missing))
    assert basis.images == set("012")
    assert basis.conditions == set(CONDITIONS)
    assert basis.complete == set(METHODS)


def test_an_unfinished_condition_of_an_interrupted_run_takes_no_part():
    missing = tuple((method, image, CONDITIONS[2]) for method in METHODS for image in "123")
    basis = ranked(cells(without=missing))
    assert basis.images == set("0123")
    assert basis.conditions == set(CONDITIONS[:2])


def test_sources_alone_decide_where_nothing_is_fused():
    basis = ranked(cells().query("method == 'ir'"))
    assert basis.images == set("0123")
    assert basis.complete == {"ir"}


def test_where_no_method_is_complete_none_is_and_the_pairs_stay():
    missing = [("a", image, CONDITIONS[1]) for image in "0123"] + [("b", image, CONDITIONS[2]) for image in "0123"]
    basis = ranked(cells(without=(("c",), *missing)))
    assert basis.images == set("0123")
    assert basis.complete == {"ir"}
