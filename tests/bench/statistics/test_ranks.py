from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, wilcoxon

from bench.statistics.ranks import (
    cluster_ranks,
    friedman_p,
    holm,
    nemenyi,
    rank_methods,
    rank_table,
    signed_rank_p,
)

# Demšar 2006, table 6: AUC of four variants of C4.5 on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]
)  # fmt: skip


def test_mean_ranks_of_the_published_example():
    values = pd.DataFrame(DEMSAR, columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"])
    table = rank_methods(values)
    assert table["mean_rank"].round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    # χ²_F = 9.28 with 3 degrees of freedom in the paper, without the correction for ties that scipy applies
    assert table["friedman_p"].iloc[0] == pytest.approx(friedmanchisquare(*DEMSAR.T).pvalue)
    assert table["friedman_p"].iloc[0] < 0.05
    assert table["clusters"].tolist() == [14] * 4


def test_wilcoxon_of_the_published_example():
    """Demšar 2006, table 2: the differences of C4.5+m and C4.5; two of them are zero, two pairs are tied."""
    difference = np.array([5, -8, 17, 33, 6, -5, 7, 0, 63, 0, 22, 47, 9, 21]) / 1000
    np.testing.assert_allclose(DEMSAR[:, 1] - DEMSAR[:, 0], difference, atol=1e-9)
    expected = wilcoxon(difference[difference != 0], method="asymptotic").pvalue
    assert signed_rank_p(difference, np.zeros(14)) == pytest.approx(expected)
    assert expected < 0.05


def test_wilcoxon_is_exact_for_few_untied_differences():
    """Six differences of one sign: 2 of 2⁶ orderings are as extreme."""
    assert signed_rank_p(np.arange(1.0, 7.0), np.zeros(6)) == pytest.approx(2 / 64)


def test_holm_of_a_worked_example():
    """Holm 1979: p(i)·(n - i + 1), made monotone, at most 1."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])


def test_direction_decides_who_is_best():
    values = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 3, 4, 5], "c": [-0.5, -0.5, -0.5, -0.5]})
    best = {
        way: rank_methods(values, way).set_index("method")["mean_rank"].idxmin() for way in ("higher", "lower", "zero")
    }
    assert best == {"higher": "b", "lower": "c", "zero": "c"}


def test_a_clear_winner_is_told_from_the_rest_and_a_draw_is_not():
    noise = np.random.default_rng(0).normal(size=(40, 3))
    table = rank_methods(pd.DataFrame(noise * 0.1 + [1.0, 0.0, 0.0], columns=list("abc"))).set_index("method")
    assert table["tied"].to_dict() == {"a": True, "b": False, "c": False}
    same = rank_methods(pd.DataFrame(np.repeat(noise[:, :1], 3, axis=1), columns=list("abc")))
    assert same["tied"].all()
    assert (same["friedman_p"] == 1).all()


def test_nothing_to_test_is_no_evidence():
    assert friedman_p(np.ones((1, 4))) == 1
    assert rank_methods(pd.DataFrame({"a": np.arange(10.0)}))["p_best"].tolist() == [1]


def test_below_ten_units_there_are_ranks_and_no_p():
    """Nine units that all agree would give p = 0.004."""
    values = pd.DataFrame({"a": np.arange(9.0) + 1, "b": np.arange(9.0)})
    table = rank_methods(values).set_index("method")
    assert table["mean_rank"].to_dict() == {"a": 1, "b": 2}
    assert table[["friedman_p", "p_best"]].isna().all(axis=None)
    assert table["tied"].all()


def test_holm_leaves_out_what_is_not_known():
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_rank_table_groups_metrics_and_joins_frames_of_a_video():
    random, table = np.random.default_rng(0), []
    for metric, sign in (("en", 1), ("rmse", -1)):
        for image in range(30):
            for method, level in (("a", 1.0), ("b", 0.0)):
                value = sign * (level + 0.01 * random.normal())
                table.append(("d", f"{image:05d}", "day", "clean", 0, "both", 0, method, metric, "none", value, 0.0))
    columns = [
        "dataset",
        "image",
        "scene",
        "factor",
        "severity",
        "modality",
        "seed",
        "method",
        "metric",
        "reference",
        "value",
        "seconds",
    ]
    rows = pd.DataFrame(table, columns=columns)
    result = rank_table(rows, {"en": "higher", "rmse": "lower"}, largest_gap=0).set_index(["metric", "method"])
    assert result["mean_rank"].to_dict() == {("en", "a"): 1, ("en", "b"): 2, ("rmse", "a"): 1, ("rmse", "b"): 2}
    assert not result.loc[("en", "b"), "tied"]
    assert result.loc[("en", "a"), "mean"] == pytest.approx(1, abs=0.01)
    joined = rank_table(rows, {"en": "higher"})
    assert joined["clusters"].tolist() == [1, 1]
    assert joined["tied"].all()
    assert joined[["friedman_p", "p_best"]].isna().all(axis=None)


def test_the_test_of_each_metric_is_corrected_for_their_number():
    random, images = np.random.default_rng(0), [f"image {i}" for i in range(12)]
    values = {"a": random.normal(0.8, 1, 12), "b": random.normal(0, 1, 12)}
    parts = [
        pd.DataFrame({"image": images, "scene": images, "method": method, "value": of, "metric": metric})
        for metric in ("en", "sd", "ag")
        for method, of in values.items()
    ]
    directions = dict.fromkeys(("en", "sd", "ag"), "higher")
    alone = rank_table(pd.concat(parts[:2]), directions, ("metric",))["friedman_p"].iloc[0]
    together = rank_table(pd.concat(parts), directions, ("metric",))["friedman_p"]
    assert together.tolist() == pytest.approx([min(1, 3 * alone)] * 6)


def test_nemenyi_of_the_published_example():
    """Demšar 2006, section 3.2.2: four methods on 14 data sets have the critical difference 1.25 at 0.05."""
    found = nemenyi(-pd.DataFrame(DEMSAR, columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]))
    assert found.critical == pytest.approx(1.25, abs=0.005)
    assert found.mean_rank.round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    assert (found.p.to_numpy() > 0.05).all() == (found.mean_rank.max() - found.mean_rank.min() < found.critical)
    assert found.clusters == 14


def test_nemenyi_needs_three_methods_and_ten_clusters():
    values = pd.DataFrame(DEMSAR, columns=list("abcd"))
    assert nemenyi(values.iloc[:9]) is None
    assert nemenyi(values[["a", "b"]]) is None


def test_ranks_of_clusters_are_means_over_metrics_and_conditions():
    """In cluster ``x`` the metrics disagree; in ``y`` both prefer ``b``. The two images of ``x`` are one video."""
    table = [
        (image, scene, method, metric, value)
        for image, scene, of in (
            ("x_001", "s", {"en": (2.0, 1.0), "mse": (2.0, 1.0)}),
            ("x_002", "s", {"en": (2.0, 1.0), "mse": (2.0, 1.0)}),
            ("y", "t", {"en": (0.0, 1.0), "mse": (1.0, 0.0)}),
        )
        for metric, values in of.items()
        for method, value in zip("ab", values, strict=True)
    ]
    rows = pd.DataFrame(table, columns=["image", "scene", "method", "metric", "value"])
    ranks = cluster_ranks(rows, {"en": "higher", "mse": "lower"}, ("metric",))
    assert ranks[["a", "b"]].to_numpy().tolist() == [[1.5, 1.5], [2.0, 1.0]]


def test_a_method_that_a_group_lacks_takes_no_part_there():
    rows = pd.DataFrame(
        [(f"i{i}", f"i{i}", m, "en", f, 1.0) for i in range(3) for m, f in (("a", "x"), ("b", "x"), ("a", "y"))],
        columns=["image", "scene", "method", "metric", "factor", "value"],
    )
    table = rank_table(rows, {"en": "higher"}, ("metric", "factor"))
    assert table.groupby("factor")["method"].agg(list).to_dict() == {"x": ["a", "b"], "y": ["a"]}


def test_tests_of_several_methods_are_those_of_each():
    """With ties, with zero differences, exact and by approximation."""
    generator = np.random.default_rng(3)
    for units in (12, 80):
        values = generator.normal(size=(units, 4)).round(2)
        values[:4, 1] = values[:4, 0]
        values[:, 3] = generator.integers(0, 3, units)
        table = rank_methods(pd.DataFrame(values, columns=list("abcd"))).set_index("method")
        best = table["mean_rank"].idxmin()
        others = [name for name in "abcd" if name != best]
        column = dict(zip("abcd", values.T, strict=True))
        alone = [signed_rank_p(-column[name], -column[best]) for name in others]
        expected = []
        for name in others:
            difference = column[best] - column[name]
            difference = difference[difference != 0]
            exact = len(np.unique(np.abs(difference))) == len(difference) <= 50
            expected.append(wilcoxon(difference, method="exact" if exact else "asymptotic").pvalue)
        assert alone == pytest.approx(expected)
        assert table.loc[others, "p_best"].tolist() == pytest.approx(holm(expected))
