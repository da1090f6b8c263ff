"""Rows per condition and method, and what grew with severity."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.statistics.diagnosis import diagnosis_table, falls

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
    table, whole = diagnosis_table(TRUTH, pd.concat(found), pd.DataFrame(cells), ["Car", "People"])
    assert list(whole) == [(*condition, "gff") for condition in CONDITIONS]
    return table, falls(table)


def test_what_is_missed_more_and_more_is_named():
    table, found = run({0: HITS, 3: HITS.iloc[[0, 2]], 5: HITS.iloc[[0]]})
    assert table["AP50"].tolist() == pytest.approx([1, 0.75, 0.25], abs=0.01)
    assert table["missed_count"].tolist() == [0, 1, 2]
    assert [fall.severity for fall in found] == [5]
    assert next(iter(found[0].grown)) == "missed"
    assert found[0].clean == 1
    assert found[0].grown["missed"] == pytest.approx(table["missed"].iloc[2])


def test_wrong_names_are_told_from_misses():
    named = HITS.assign(**{"class": ["People", "Car", "People"]})
    _, (fall,) = run({0: HITS, 3: HITS, 5: named})
    assert next(iter(fall.grown)) == "classification"
    assert fall.grown["missed"] == 0


def test_without_clean_pairs_nothing_grew():
    table, _ = run({0: HITS, 3: HITS, 5: HITS})
    assert falls(table[table["severity"] > 0]) == []
