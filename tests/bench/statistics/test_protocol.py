"""Which metrics rise with noise, and which order methods as average precision does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr

from bench.statistics.detection import sample_detection
from bench.statistics.prediction import metric_agreement
from bench.statistics.severity import severity_correlation

IMAGES = [f"scene {letter}" for letter in "abcdefghijkl"]


def long_table(
    value, methods=("ir", "vis", "a"), severities=(0, 1, 3, 5), modality="both", metric="en"
) -> pd.DataFrame:
    reference = "none" if metric == "en" else "clean"
    return pd.DataFrame(
        [
            {"dataset": "d", "image": image, "scene": image, "factor": "noise" if s else "clean", "severity": s,
             "modality": modality if s else "both", "method": m, "metric": metric, "reference": reference,
             "value": value(number, s, m)}
            for number, image in enumerate(IMAGES) for s in severities for m in methods
        ]
    )  # fmt: skip


def test_correlation_is_that_of_scipy_averaged_over_images() -> None:
    random = np.random.default_rng(0)
    rows = long_table(lambda image, severity, method: severity + random.normal(0, 2))
    table = severity_correlation(rows).set_index("method")
    assert set(table.index) == {"ir", "vis"}
    for method in ("ir", "vis"):
        own = rows[rows["method"] == method].sort_values("severity").groupby("image")
        expected = [spearmanr(group["severity"], group["value"]).statistic for _, group in own]
        assert table.loc[method, "rho"] == pytest.approx(np.mean(expected))
        assert table.loc[method, "images"] == 12
        assert table.loc[method, "severities"] == "0, 1, 3, 5"


def test_only_the_source_that_is_hit_counts() -> None:
    table = severity_correlation(long_table(lambda image, severity, method: -severity, modality="vis"))
    assert table[["method", "rho"]].to_numpy().tolist() == [["vis", -1.0]]


def test_images_that_lack_a_severity_or_never_change_are_left_out() -> None:
    rows = long_table(lambda image, severity, method: 4.0 if image == 0 else float(severity))
    rows = rows.drop(rows[(rows["image"] == IMAGES[1]) & (rows["severity"] == 3)].index)
    assert set(severity_correlation(rows)["images"]) == {10}
    assert severity_correlation(rows[rows["severity"] == 3]).empty
    assert severity_correlation(rows[rows["method"] == "a"]).empty


METHODS = ("ir", "vis", "a", "b", "c", "d", "e")
QUALITY = dict(zip(METHODS, (0.0, 0.1, 0.2, 0.4, 0.5, 0.7, 0.9), strict=True))


def samples_of(rows: pd.DataFrame):
    """Ten objects an image, of which a method finds its share; ``e`` loses all of it under degradation."""
    truth, boxes = [], []
    for image in IMAGES:
        truth += [{"image": image, "class": "Car", "x": 20.0 * i, "y": 0.0, "w": 10.0, "h": 10.0} for i in range(10)]
    for key, _ in rows.groupby(["image", "factor", "severity", "modality", "method"]):
        image, factor, severity, modality, method = key
        share = 0 if method == "e" and severity else QUALITY[method]
        boxes += [
            {"image": image, "factor": factor, "severity": severity, "modality": modality, "method": method,
             "class": "Car", "score": 0.9, "x": 20.0 * i, "y": 0.0, "w": 10.0, "h": 10.0}
            for i in range(round(10 * share))
        ]  # fmt: skip
    return sample_detection(pd.DataFrame(truth), pd.DataFrame(boxes), rows, ["Car"], resamples=200)


@pytest.mark.parametrize(("direction", "sign"), [("higher", 1), ("lower", -1), ("zero", -1)])
def test_agreement_is_kendalls_tau_of_the_two_orders(direction: str, sign: int) -> None:
    rows = long_table(lambda image, severity, method: QUALITY[method] + 0.001 * image, METHODS, (0, 3), metric="vif")
    table = metric_agreement(rows, samples_of(rows), {"vif": direction}).set_index("factor")
    fused = METHODS[2:]
    degraded = kendalltau([QUALITY[m] for m in fused], [0 if m == "e" else QUALITY[m] for m in fused]).statistic
    assert table.loc["clean", "tau"] == pytest.approx(sign)
    assert table.loc["noise", "tau"] == pytest.approx(sign * degraded)
    assert table.loc["degraded", "tau"] == pytest.approx(sign * degraded)
    assert table.loc["clean", ["low", "high"]].tolist() == [sign, sign]  # every image agrees, so every resample does
    assert set(table["methods"]) == {5}
    assert set(table["images"]) == {12}


def test_the_interval_is_wide_where_images_disagree_and_is_paired() -> None:
    random = np.random.default_rng(1)
    rows = long_table(
        lambda image, severity, method: QUALITY[method] + random.normal(0, 1), METHODS, (0, 3), metric="vif"
    )
    clean = metric_agreement(rows, samples_of(rows), {"vif": "higher"}).iloc[0]
    assert -1 <= clean["low"] < clean["tau"] + 0.2
    assert clean["high"] - clean["low"] > 0.3


def test_an_order_of_few_methods_is_none_and_infinite_values_take_no_part() -> None:
    rows = long_table(lambda image, severity, method: QUALITY[method], METHODS[:5], (0, 3), metric="psnr")
    assert metric_agreement(rows, samples_of(rows), {"psnr": "higher"}).empty
    rows = long_table(
        lambda image, severity, method: float("inf") if image < 3 and method == "c" else QUALITY[method],
        METHODS, (0, 3), metric="psnr",
    )  # fmt: skip
    clean = metric_agreement(rows, samples_of(rows), {"psnr": "higher"}).iloc[0]
    assert clean["tau"] == pytest.approx(1)
    assert clean["images"] == 9
