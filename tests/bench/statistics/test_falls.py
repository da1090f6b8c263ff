"""Rows per condition and method, and what grew with severity."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.statistics.diagnosis import diagnose_cells, falls

TRUTH = pd.DataFrame(
    [(image, "Car", 100.0, 100.0, 50.0, 50.0) for image in "12"] + [("1", "People", 300.0, 100.0, 20.0, 50.0)],
    columns=["image", "class", "x", "y", "w", "h"],
)
HITS = TRUTH.assign(score=0.9)
CONDITIONS = [("clean", 0, "both"), ("jpeg", 3, "both"), ("jpeg", 5, "both")]


def run(kept: dict[int, pd.DataFrame]) -> tuple[pd.DataFrame, list]:
    """A run of one method in which ``kept`` is found at each severity."""
    cells, found = [], []
    for factor, severity, modality in CONDITIONS:
        key = {"factor": factor, "severity": severity, "modality": modality, "method": "gff"}
        cells += [{"image": image} | key for image in "12"]
        found.append(kept[severity].assign(**key))
    table = diagnose_cells(TRUTH, pd.concat(found), pd.DataFrame(cells), ["Car", "People"]).errors
    assert list(table[["factor", "severity", "modality"]].itertuples(index=False, name=None)) == CONDITIONS
    return table, falls(table)


def test_what_is_missed_more_and_more_is_told():
    table, (fall,) = run({0: HITS, 3: HITS.iloc[[0, 2]], 5: HITS.iloc[[0]]})
    assert table["AP50"].tolist() == pytest.approx([1, 0.75, 0.25], abs=0.01)
    assert table["count_missed"].tolist() == [0, 1, 2]
    assert fall.severity == 5
    assert (fall.clean, fall.degraded) == pytest.approx((1, 0.25), abs=0.01)
    assert fall.fates["missed"] == pytest.approx((0, 2 / 3))
    assert fall.fates["found"] == pytest.approx((1, 1 / 3))


def test_wrong_names_are_told_from_misses_and_are_false_alarms():
    named = HITS.assign(**{"class": ["People", "Car", "People"]})
    _, (fall,) = run({0: HITS, 3: HITS, 5: named})
    assert fall.fates["mistaken"] == pytest.approx((0, 1 / 3))
    assert fall.fates["missed"] == (0, 0)
    assert fall.alarms == (0, 0.5)


def test_without_clean_pairs_there_is_nothing_to_compare():
    table, _ = run({0: HITS, 3: HITS, 5: HITS})
    assert falls(table[table["severity"] > 0]) == []
