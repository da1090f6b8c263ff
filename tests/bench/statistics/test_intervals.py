from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from bench.datasets.clusters import scene_clusters
from bench.statistics.clusters import resample_counts
from bench.statistics.intervals import interval, mean_with_interval


def rows(values: dict[str, float], scene: str | None = None, **columns) -> pd.DataFrame:
    """The long table of one method and metric, by image."""
    fixed = {"dataset": "d", "factor": "clean", "severity": 0, "modality": "both", "seed": 0, "method": "m"}
    fixed |= {"metric": "en", "reference": "none", "seconds": 0.0, **columns}
    return pd.DataFrame([{"image": i, "scene": scene or i, "value": v, **fixed} for i, v in values.items()])


def test_clusters_are_runs_of_neighbouring_frames_within_a_scene():
    images = ["00001", "00002", "00030", "00031", "00032", "00010"]
    scenes = ["day", "day", "day", "day", "night", "day"]
    assert scene_clusters(images, scenes, largest_gap=10).tolist() == [0, 0, 1, 1, 2, 0]
    assert scene_clusters(images, scenes, largest_gap=0).tolist() == [0, 1, 2, 3, 4, 5]


def test_clusters_need_the_same_text_around_the_number():
    images = ["FLIR_00001", "FLIR_00002", "FLIR_video_00003", "00004N", "00005D", "plain", "other"]
    assert scene_clusters(images, ["s"] * 7).tolist() == [0, 0, 1, 2, 3, 4, 5]


def test_clusters_do_not_depend_on_the_order_of_images():
    random = np.random.default_rng(0)
    images = np.array([f"{i:05d}" for i in random.choice(400, 60, replace=False)])
    scenes = np.array(["day" if int(i) < 200 else "night" for i in images])
    before = scene_clusters(images.tolist(), scenes.tolist(), 8)
    order = random.permutation(60)
    after = scene_clusters(images[order].tolist(), scenes[order].tolist(), 8)
    same_before = before[order][:, None] == before[order][None, :]
    np.testing.assert_array_equal(same_before, after[:, None] == after[None, :])


def test_resamples_draw_as_many_clusters_as_there_are():
    counts = resample_counts(10, 500, seed=3)
    assert counts.shape == (10, 500)
    assert (counts.sum(axis=0) == 10).all()
    np.testing.assert_array_equal(counts, resample_counts(10, 500, seed=3))
    assert resample_counts(9, 500).shape == (9, 0)
    with pytest.raises(ValueError, match="at least one cluster"):
        resample_counts(0, 10)


def test_mean_and_deviation_equal_pandas():
    values = dict(zip("abcdefgh", np.random.default_rng(0).normal(size=8), strict=True))
    table = pd.concat([rows(values), rows({k: v * 2 for k, v in values.items()}, method="n")])
    result = mean_with_interval(table).set_index("method")
    expected = table.groupby("method")["value"].agg(["mean", "std"])
    np.testing.assert_allclose(result[["mean", "std"]], expected.loc[result.index])
    assert result["n"].tolist() == [8, 8]


def test_interval_agrees_with_scipy_for_independent_images():
    values = np.random.default_rng(1).gamma(2.0, size=60)
    table = rows({f"{i:05d}": v for i, v in enumerate(values)})
    result = mean_with_interval(table, resamples=20_000).iloc[0]
    expected = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=0).confidence_interval
    assert [result["low"], result["high"]] == pytest.approx([expected.low, expected.high], abs=0.02)


def test_near_duplicates_widen_the_interval():
    values = np.repeat(np.random.default_rng(2).normal(size=12), 5)
    images = [f"{100 * (i // 5) + i % 5:05d}" for i in range(60)]
    table = rows(dict(zip(images, values, strict=True)), scene="day")
    width = {gap: mean_with_interval(table, largest_gap=gap).eval("high - low").item() for gap in (0, 20)}
    assert width[20] > 1.8 * width[0]  # √5 in expectation


def test_what_is_not_finite_is_counted_and_left_out():
    finite = dict.fromkeys("abcde", 1.0) | dict.fromkeys("fghij", 3.0)
    result = mean_with_interval(rows({**finite, "y": np.nan, "z": np.inf})).iloc[0]
    assert (result["mean"], result["n"], result["clusters"], result["excluded"]) == (2.0, 10, 10, 2)
    assert np.isfinite([result["low"], result["high"]]).all()
    nothing = mean_with_interval(rows({"a": np.nan})).iloc[0]
    assert (nothing["n"], nothing["excluded"]) == (0, 1)
    assert np.isnan(nothing["mean"])


@pytest.mark.parametrize("number", [1, 2, 9])
def test_below_ten_clusters_there_is_a_mean_and_no_interval(number: int):
    values = dict(zip("abcdefghijk", np.random.default_rng(0).normal(size=11), strict=True))
    both = pd.concat([rows(values, method="all"), rows(dict(list(values.items())[:number]), method="few")])
    table = mean_with_interval(both).set_index("method")
    assert table["clusters"].to_dict() == {"all": 11, "few": number}
    assert np.isfinite(table.loc["all", ["mean", "low", "high"]].astype(float)).all()
    assert np.isfinite(table.loc["few", "mean"])
    assert table.loc["few", ["low", "high"]].isna().all()


def test_an_empty_table_has_the_columns_and_no_row():
    result = mean_with_interval(rows({"a": 1.0}).iloc[:0])
    assert len(result) == 0
    assert {"mean", "std", "n", "low", "high", "excluded"} <= set(result)


def test_groups_keep_their_order_and_missing_references():
    table = pd.concat([rows({"a": 1.0}, method=name, reference=None) for name in ("z", "a", "m")])
    assert mean_with_interval(table)["method"].tolist() == ["z", "a", "m"]


def test_interval_leaves_out_undefined_samples():
    samples = np.stack([np.r_[np.arange(101.0), np.nan], np.full(102, np.nan)])
    low, high = interval(samples, 0.9)
    assert (low[0], high[0]) == pytest.approx((5, 95))
    assert np.isnan([low[1], high[1]]).all()
