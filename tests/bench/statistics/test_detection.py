from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from bench.statistics.detection import detection_by_scene, detection_table, sample_detection
from bench.statistics.robustness import (
    crossover,
    crossover_table,
    fusion_gain,
    kendall_tau,
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
    some = table[table["class"] != "Bus"]
    assert ((some["AP_low"] <= some["AP"]) & (some["AP"] <= some["AP_high"])).all()
    assert table.loc[table["class"] == "Bus", ["AP", "AP_low", "AP_high"]].isna().all(axis=None)


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
    assert samples.cells.loc[row, "images"] == len(day)
    assert samples.of("AP")[row, 0] == pytest.approx(expected, abs=1e-12)


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


def test_crossover_is_interpolated():
    severity = np.array([0, 1, 3, 5])
    gain = np.array([[0.2, 0.1, -0.1, -0.3], [0.2, 0.1, 0.1, 0.1], [-0.1, 0.5, 0.5, 0.5], [0.3, 0.0, 0.2, -1.0]]).T
    np.testing.assert_allclose(crossover(severity, gain), [2.0, np.inf, 0.0, 1.0])


def test_crossover_of_a_method_that_loses_its_gain(samples):
    row = crossover_table(samples).set_index("method").loc["average"]
    assert 0 < row["crossover"] < 5
    assert row["low"] <= row["crossover"] <= row["high"]
    assert row["highest"] == 5


def test_kendall_equals_scipy_with_ties():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 5, (2, 9, 40))
    expected = [kendalltau(first[:, s], second[:, s]).statistic for s in range(40)]
    np.testing.assert_allclose(kendall_tau(first, second), expected)


def test_rank_agreement_has_a_row_per_degraded_condition(samples):
    table = rank_agreement(samples)
    assert table[["factor", "severity", "methods"]].to_numpy().tolist() == [["noise", s, 4] for s in (1, 3, 5)]
    assert table["tau"].between(-1, 1).all()


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


def test_one_cluster_alone_has_values_but_no_interval(tables):
    truth, detections, cells = tables
    one = cells["image"].min()
    samples = sample_detection(truth, detections, cells[cells["image"] == one], CLASSES, resamples=50)
    row = robustness_table(samples).iloc[0]
    assert np.isfinite(row["P"])
    assert np.isnan([row["P_low"], row["P_high"]]).all()
    assert crossover_table(samples)["low"].isna().all()
    assert (paired_difference(samples, samples.cells["severity"] == 0)["p"] == 1).all()
