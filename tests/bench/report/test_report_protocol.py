"""Tables say which metrics rise with noise, and how far each orders the methods as mAP does."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from bench.metrics import METRICS
from bench.report import write_report
from bench.report.protocol import MARK, Response
from bench.run.store import RunFolder

pytestmark = pytest.mark.usefixtures("quick_curves")


def response(**rho: float) -> Response:
    rows = [
        {"metric": metric, "factor": "noise_gray", "modality": "both", "method": "ir", "rho": value, "images": 4}
        for metric, value in rho.items()
    ]
    return Response(pd.DataFrame(rows).assign(severities="0, 1, 5"))


def test_a_metric_is_marked_where_noise_makes_it_better() -> None:
    assert set(response(en=0.9, sd=0.2, brisque=-0.8, niqe=0.8).risers()) == {"en", "brisque"}
    note = response(en=0.9, sd=0.2).note(["en", "sd", "ag", "vif"])
    assert f"{MARK} rises with noise" in note
    assert "EN +0.90 under Noise, grey (infrared)" in note
    assert f"Whether {METRICS['ag'].symbol} rise with noise was not measured" in note
    assert "VIF" not in note
    assert response(sd=0.2).note(["sd"]) == ""


def test_what_is_no_noise_marks_nothing() -> None:
    foggy = response(en=0.9)
    assert Response(foggy.table.assign(factor="vis:fog+ir:stripe_noise")).risers() == {}
    assert set(Response(foggy.table.assign(factor="vis:noise_gray+ir:stripe_noise")).risers()) == {"en"}


def test_marked_metrics_are_shown_and_not_ranked_under_degradation(make_run: Callable[..., RunFolder]) -> None:
    folder = make_run(metrics=("en", "vif"), images=3)
    rows = folder.rows()
    noisy = rows["value"].where(rows["metric"] != "en", rows["value"] + 2 * rows["severity"])
    rows = rows.assign(value=noisy, reference=rows["reference"].where(rows["metric"] != "en", "none"))
    folder.rows = lambda: rows  # type: ignore[method-assign]  # what noise does to entropy
    tables = {section.name: section.tables for section in write_report(folder)}
    clean, degraded = tables["fusion"]
    assert [column.head for column in clean.columns] == ["EN", "VIF"]
    assert [(column.head, column.ranked) for column in degraded.columns] == [(f"EN {MARK}", False), ("VIF", True)]
    assert "rises with noise" in degraded.note
    (table,) = tables["response"]
    assert table.frame.loc[f"EN {MARK}"].tolist() == [1, 1]  # on either source
    assert (folder.path / "tables/response.csv").is_file()


def test_no_ranking_rests_on_metrics_without_a_reference_alone(make_run: Callable[..., RunFolder]) -> None:
    folder = make_run(metrics=("en", "sd"), images=3)
    assert "ranking" not in {section.name for section in write_report(folder)}


def test_agreement_with_map_is_a_table_sorted_by_it(make_run: Callable[..., RunFolder]) -> None:
    methods = ("ir", "vis", "a", "b", "c", "d")
    found = dict(zip(methods, (0.9, 0.9, 0.5, 0.6, 0.8, 1.0), strict=True))
    folder = make_run(images=12, methods=methods, found=found, metrics=("mse", "vif"))
    (table,) = next(section.tables for section in write_report(folder) if section.name == "prediction")
    assert table.frame.index.tolist() == ["VIF", "MSE"]  # less error is better, so this one is reversed
    assert table.frame["clean tau"].tolist() == [1, -1]
    degraded = table.frame["degraded tau"]
    assert degraded["VIF"] == -degraded["MSE"] > 0.7  # two methods find equally much under noise, so not 1
    assert table.frame.loc["VIF", ["clean low", "clean high"]].tolist() == [1, 1]
    assert "4 fusion methods" in table.note
    assert {column.head for column in table.columns} == {"clean", "degraded", "severity 1", "severity 5"}
