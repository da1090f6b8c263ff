"""The section on why detection falls, of runs whose detections are known."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.report import write_report
from bench.run.record import DatasetFacts


def test_shares_fall_as_the_detections_do(make_run):
    """Of five cars in each of four images a method finds its share, less a tenth by severity; the bus only once."""
    folder = make_run(found={"ir": 0.6, "vis": 0.6, "a": 1.0, "b": 0.8})
    sections = {section.name: section for section in write_report(folder)}
    table = pd.read_csv(folder.path / "tables" / "diagnosis.csv").set_index(["method", "severity"])
    assert table.at[("a", 0), "found"] == pytest.approx(21 / 21)
    assert table.at[("a", 5), "missed"] == pytest.approx(1 - table.at[("a", 5), "found"])
    assert table.at[("a", 5), "found"] < table.at[("a", 1), "found"] < 1
    notes = " ".join(each.note for each in sections["diagnosis"].tables)
    assert "at severity 5 mAP50 goes from" in notes
    assert "0 → 0 % wrong class" in notes
    assert (folder.path / "curves" / "errors.png").is_file()


def test_the_sentences_stand_under_synthetic_scenes_too(make_run):
    record = {"dataset": DatasetFacts(name="synthetic", title="scenes", synthetic=True)}
    folder = make_run(found={"ir": 0.6, "a": 1.0}, methods=("ir", "a"), record=record)
    sections = {section.name: section for section in write_report(folder)}
    told = [table.title for table in sections["diagnosis"].tables if "at severity 5 mAP50 goes from" in table.note]
    assert told == ["What becomes of the objects under degradation (synthetic scenes)"]


def test_without_degradation_there_is_no_fall_to_explain(make_run):
    folder = make_run(found={"ir": 0.6, "vis": 0.6, "a": 1.0, "b": 0.8}, severities=(0,), factors=())
    sections = {section.name: section for section in write_report(folder)}
    assert [each.title for each in sections["diagnosis"].tables] == [
        "What becomes of the objects on clean pairs",
        "What errors cost on clean pairs",
    ]
    assert not (folder.path / "curves" / "errors.png").exists()


def test_without_a_detector_there_is_no_section(make_run):
    assert "diagnosis" not in [section.name for section in write_report(make_run())]
