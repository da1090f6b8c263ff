from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.statistics.detection import detection_by_scene, detection_table, sample_detection
from bench.statistics.ranks import holm
from bench.statistics.robustness import (
    crossover_table,
    difference_to,
    fusion_gain,
    paired_difference,
    rank_agreement,
    robustness_table,
)
from detectors.evaluation.average_precision import average_precision

CLASSES = ("Car", "People", "Bus")
SCENES = {f"{i:05d}": ("day" if i < 600 else "night") for i in range(0, 1200, 100)}
QUALITY = {"ir": 0.5, "vis": 0.6, "average": 0.9, "gff": 0.7}
"""Share of the objects that each method keeps on clean images; fusing loses a fifth of it per severity."""


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(truth, detections, cells) of four methods under clean and three severities of noise."""
    random = np.random.default_rng(0)
    truth = [
        (image, label, *map(float, random.integers([0, 0, 20, 20], [400, 400, 90, 90])))
        for image in SCENES
        for label in ("Car", "Car", "People")
    ]
    truth = pd.DataFrame(truth, columns=["image", "class", "x", "y", "w", "h"])
    detections, cells = [], []
    for factor, severity in (("clean", 0), ("noise", 1), ("noise", 3), ("noise", 5)):
        for method, quality in QUALITY.items():
            condition = {"factor": factor, "severity": severity, "modality": "both", "method": method}
            kept = random.random(len(truth)) < quality * (
                1 - (0.18 if method not in ("ir", "vis") else 0.05) * severity
            )
            found = truth[kept].copy()
            found[["x", "y", "w", "h"]] += random.normal(0, 2, (len(found), 4))
            alarms = truth.sample(15, random_state=severity).assign(x=lambda t: t["x"] + 300)
            found = pd.concat([found, alarms])
            found["score"] = random.random(len(found))
            detections.append(found.assign(**condition))
            cells.append(pd.DataFrame({"image": SCENES.keys(), "scene": SCENES.values(), **condition}))
    return truth, pd.concat(detections, ignore_index=True), pd.concat(cells, ignore_index=True)


@pytest.fixture(scope="module")
def samples(tables):
    return sample_detection(*tables, CLASSES, resamples=200)


def test_measured_values_equal_average_precision(tables, samples):
    truth, detections, _ = tables
    table = detection_table(samples).set_index(["factor", "severity", "method", "class"]).sort_index()
    for (factor, severity, method), found in detections.groupby(["factor", "severity", "method"]):
        expected = average_precision(truth, found, list(SCENES), CLASSES).set_index("class")
        ours = table.loc[(factor, severity, method)]
        for measure in ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR", "truths"):
            np.testing.assert_allclose(ours[measure], expected[measure].loc[ours.index], atol=1e-12)


def test_intervals_hold_the_value_and_classes_without_objects_have_none(samples):
    table = detection_table(samples)
    some = table[~table["class"].isin(["Bus", "pooled"])]
    assert ((some["AP_low"] <= some["AP"]) & (some["AP"] <= some["AP_high"])).all()
    assert table.loc[table["class"] == "Bus", ["AP", "AP_low", "AP_high"]].isna().all(axis=None)
    pooled = table[table["class"] == "pooled"]
    assert ((pooled["AP50_low"] <= pooled["AP50"]) & (pooled["AP50"] <= pooled["AP50_high"])).all()


def test_workers_do_not_change_a_bit(tables, samples):
    other = sample_detection(*tables, CLASSES, resamples=200, workers=2)
    for measure, values in samples.value.items():
        np.testing.assert_array_equal(values, other.value[measure])


def test_a_method_that_finds_nothing_scores_zero(tables):
    truth, detections, cells = tables
    silent = cells[cells["method"] == "ir"].assign(method="silent")
    table = detection_table(sample_detection(truth, detections, silent, CLASSES, resamples=10))
    assert table.loc[table["class"] == "all", "AP"].tolist() == [0, 0, 0, 0]


def test_failed_cells_are_neither_found_nor_missed(tables):
    truth, detections, cells = tables
    clean = cells[cells["factor"] == "clean"]
    done = clean[(clean["method"] != "gff") | (clean["scene"] == "day")]
    samples = sample_detection(truth, detections, done, CLASSES, resamples=10)
    day = [image for image, scene in SCENES.items() if scene == "day"]
    found = detections[(detections["factor"] == "clean") & (detections["method"] == "gff")]
    expected = average_precision(truth, found, day, CLASSES).set_index("class").loc["all", "AP"]
    row = samples.cells.index[samples.cells["method"] == "gff"].item()
    assert samples.cells.loc[row, ["images", "clusters", "whole"]].tolist() == [len(day), len(day), False]
    assert samples.of("AP", "all")[row, 0] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(samples.of("AP", "all")[row, 1:]).all()  # six clusters
    assert np.isfinite(samples.of("AP", "all")[row - 1]).all()


def test_a_class_with_few_objects_does_not_count_in_mean_robustness_gain_or_agreement(tables):
    """24 cars and 12 people: with a limit of 20 the mean is that of the cars, with 12 that of both."""
    cars = sample_detection(*tables, CLASSES, resamples=5)
    both = sample_detection(*tables, CLASSES, resamples=5, fewest_objects=12)
    assert (cars.counted, both.counted) == (("Car",), ("Car", "People"))
    assert cars.objects == {"Car": 24, "People": 12, "Bus": 0}
    np.testing.assert_array_equal(cars.of("AP50"), cars.of("AP50", "Car"))
    np.testing.assert_array_equal(both.of("AP50"), both.of("AP50", "all"))
    table = robustness_table(cars, "AP50").set_index(["method", "factor"])
    assert table.loc[("gff", "all"), "P"] == robustness_table(cars, "AP50", "Car").query("method == 'gff'")["P"].iloc[0]
    pd.testing.assert_frame_equal(fusion_gain(cars), fusion_gain(cars, name="Car"))
    none = sample_detection(*tables, CLASSES, resamples=5, fewest_objects=25)
    assert none.counted == ()
    assert np.isnan(none.of("AP50")).all()
    assert np.isfinite(none.of("AP50", "all")[:, 0]).all()


def test_a_class_seen_in_few_clusters_has_no_interval(tables):
    truth, detections, cells = tables
    rare = truth[(truth["class"] != "People") | truth["image"].isin(sorted(SCENES)[:9])]
    table = detection_table(sample_detection(rare, detections, cells, CLASSES, resamples=20)).set_index("class")
    assert table.loc["People", ["AP50_low", "AP50_high"]].isna().all(axis=None)
    assert table.loc["Car", ["AP50_low", "AP50_high"]].notna().all(axis=None)


def test_a_class_with_the_name_of_a_summary_is_refused(tables):
    with pytest.raises(ValueError, match="a class cannot be called 'all'"):
        sample_detection(*tables, ("Car", "all"))


def test_by_scene_is_the_evaluation_of_its_images(tables):
    truth, detections, cells = tables
    table = detection_by_scene(truth, detections, cells, CLASSES, resamples=20)
    night = [image for image, scene in SCENES.items() if scene == "night"]
    found = detections[(detections["factor"] == "clean") & (detections["method"] == "vis")]
    ours = table.query("scene == 'night' and factor == 'clean' and method == 'vis' and `class` == 'all'")
    expected = average_precision(truth, found, night, CLASSES).set_index("class").loc["all"]
    assert ours["AP50"].item() == pytest.approx(expected["AP50"], abs=1e-12)
    assert ours["truths"].item() == expected["truths"]


def test_no_labelled_object_is_refused(tables):
    truth, detections, cells = tables
    with pytest.raises(ValueError, match="none of the 12 images has a labelled object"):
        sample_detection(truth.iloc[:0], detections, cells, CLASSES)


def test_mpc_and_rpc_are_mean_and_ratio(samples):
    table = robustness_table(samples).set_index(["method", "factor"])
    value = dict(
        zip(
            samples.cells[["method", "severity"]].itertuples(index=False, name=None),
            samples.of("AP")[:, 0],
            strict=True,
        )
    )
    expected = np.mean([value["average", severity] for severity in (1, 3, 5)])
    row = table.loc[("average", "all")]
    assert row["P"] == value["average", 0]
    assert row["mPC"] == pytest.approx(expected)
    assert row["rPC"] == pytest.approx(expected / value["average", 0])
    assert row["severities"] == "1,3,5"
    assert row["mPC_low"] <= row["mPC"] <= row["mPC_high"]
    assert table.loc[("average", "noise"), "mPC"] == row["mPC"]


def test_fusion_gain_compares_with_the_better_source(samples):
    gains = fusion_gain(samples).set_index(["severity", "method"])
    value = dict(
        zip(
            samples.cells[["method", "severity"]].itertuples(index=False, name=None),
            samples.of("AP")[:, 0],
            strict=True,
        )
    )
    for severity in (0, 1, 3, 5):
        alone = max(value["ir", severity], value["vis", severity])
        assert gains.loc[(severity, "average"), "gain"] == pytest.approx(value["average", severity] - alone)
    assert set(gains.index.get_level_values("method")) == {"average", "gff"}


def test_crossover_of_a_method_that_loses_its_gain(samples):
    row = crossover_table(samples).set_index("method").loc["average"]
    assert 0 < row["crossover"] < 5
    assert row["low"] <= row["crossover"] <= row["high"]
    assert row["highest"] == 5


def test_rank_agreement_has_a_row_per_degraded_condition_and_no_source(samples):
    table = rank_agreement(samples)
    assert table[["factor", "severity", "methods"]].to_numpy().tolist() == [["noise", s, 2] for s in (1, 3, 5)]
    assert table["tau"].between(-1, 1).all()


@pytest.fixture(scope="module")
def partial(tables):
    """gff lacks two images of the hardest noise."""
    truth, detections, cells = tables
    lost = (cells["method"] == "gff") & (cells["severity"] == 5) & (cells["image"] < "00200")
    return sample_detection(truth, detections, cells[~lost], CLASSES, resamples=20)


def test_what_lacks_images_is_measured_but_compared_with_nothing(partial):
    row = robustness_table(partial).set_index(["method", "factor"]).loc[("gff", "all")]
    assert (row["P_n"], row["mPC_n"]) == (12, 34)
    assert np.isfinite(row[["P", "mPC", "rPC"]].astype(float)).all()
    assert np.isnan(row["gain"])
    assert set(fusion_gain(partial).query("method == 'gff'")["severity"]) == {0, 1, 3}
    assert set(crossover_table(partial)["method"]) == {"average"}
    degraded = paired_difference(partial, partial.cells["severity"] > 0)
    assert "gff" not in set(degraded["first"]) | set(degraded["second"])
    assert "gff" in set(paired_difference(partial, partial.cells["severity"] == 0)["second"])
    assert rank_agreement(partial).empty  # average alone has no order


def test_a_method_without_the_clean_condition_has_no_p_and_no_rpc(tables):
    truth, detections, cells = tables
    lost = (cells["method"] == "gff") & (cells["severity"] == 0)
    table = robustness_table(sample_detection(truth, detections, cells[~lost], CLASSES, resamples=5))
    row = table.set_index(["method", "factor"]).loc[("gff", "all")]
    assert np.isnan(row[["P", "rPC"]].astype(float)).all()
    assert np.isfinite(row["mPC"])
    assert row["P_n"] == 0


def test_differences_to_the_best_are_corrected_for_their_number(samples):
    table = difference_to(samples, "average").set_index(["part", "method"])
    assert set(table.index) == {(part, name) for part in ("clean", "degraded") for name in ("ir", "vis", "gff")}
    raw = []
    for selected in (samples.cells["severity"] == 0, samples.cells["severity"] > 0):
        pairs = paired_difference(samples, selected)
        raw += pairs[(pairs["first"] == "average") | (pairs["second"] == "average")]["p"].tolist()
    assert sorted(table["p"]) == pytest.approx(sorted(holm(raw)))
    clean = dict(zip(samples.cells["method"][:4], samples.of("AP")[:4, 0], strict=True))
    assert table.loc[("clean", "ir"), "difference"] == pytest.approx(clean["ir"] - clean["average"])
    assert table.loc[("clean", "ir"), "low"] <= table.loc[("clean", "ir"), "difference"]


def test_paired_differences_of_a_condition(samples):
    table = paired_difference(samples, samples.cells["severity"] == 0).set_index(["first", "second"])
    assert len(table) == 6
    row = table.loc[("ir", "average")]
    clean = dict(zip(samples.cells["method"][:4], samples.of("AP")[:4, 0], strict=True))
    assert row["difference"] == pytest.approx(clean["ir"] - clean["average"])
    assert row["high"] < 0
    assert row["p"] < 0.05


def test_paired_differences_of_the_mean_over_degraded_conditions(samples):
    degraded = samples.cells["severity"] > 0
    row = paired_difference(samples, degraded).set_index(["first", "second"]).loc[("ir", "gff")]
    mean = samples.of("AP")[degraded, 0].reshape(3, 4).mean(axis=0)
    assert row["difference"] == pytest.approx(mean[0] - mean[3])


def test_mean_gain_is_the_mean_of_the_gains_and_undefined_for_sources(samples):
    table = robustness_table(samples).set_index(["method", "factor"])
    gains = fusion_gain(samples)
    degraded = gains[(gains["method"] == "average") & (gains["severity"] > 0)]
    assert table.loc[("average", "all"), "gain"] == pytest.approx(degraded["gain"].mean())
    assert table.loc[("average", "all"), "gain_low"] <= table.loc[("average", "all"), "gain_high"]
    assert np.isnan(table.loc[("ir", "all"), "gain"])


def test_robustness_needs_the_clean_condition(tables):
    truth, detections, cells = tables
    degraded = sample_detection(truth, detections, cells[cells["severity"] > 0], CLASSES, resamples=5)
    with pytest.raises(ValueError, match="no clean condition for method 'ir'"):
        robustness_table(degraded)


@pytest.mark.parametrize("clusters", [1, 2, 9])
def test_below_ten_clusters_there_are_values_but_no_interval_and_no_p(tables, clusters):
    truth, detections, cells = tables
    few = cells[cells["image"].isin(sorted(SCENES)[:clusters])]
    samples = sample_detection(truth, detections, few, CLASSES, resamples=50, fewest_objects=1)
    assert samples.clusters == clusters
    row = robustness_table(samples).iloc[0]
    assert np.isfinite(row["P"])
    assert np.isnan([row["P_low"], row["P_high"]]).all()
    assert crossover_table(samples)["low"].isna().all()
    assert fusion_gain(samples)["low"].isna().all()
    assert rank_agreement(samples)["low"].isna().all()
    assert paired_difference(samples, samples.cells["severity"] == 0)["p"].isna().all()
    assert difference_to(samples, "gff")[["low", "p"]].isna().all(axis=None)
    assert detection_table(samples).filter(regex="_low|_high").isna().all(axis=None)
