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


def test_objects_are_counted_by_size_and_by_the_sources_that_show_them(make_run):
    """Cars of 10×10 pixels, of which a method finds those on the left."""
    folder = make_run(found={"ir": 0.6, "vis": 0.6, "a": 1.0, "b": 0.8})
    truth = folder.truth()
    seen = {0: (2.0, 2.0), 20: (2.0, 0.0), 40: (0.0, 2.0)}
    boxes = truth.drop(columns="difficult").itertuples(index=False, name=None)
    folder.write_contrasts([("x", *box, *seen.get(box[2], (0.0, 0.0))) for box in boxes])
    write_report(folder)
    groups = pd.read_csv(folder.path / "tables" / "objects.csv")
    groups = groups[(groups["method"] == "b") & (groups["severity"] == 0)].set_index(["by", "group"])
    assert groups[["objects", "found"]].T.to_dict("list") == {
        ("size", "small"): [20, 0.8],  # there are too few buses to count
        ("seen", "both"): [4, 1.0],
        ("seen", "infrared"): [4, 1.0],
        ("seen", "visible"): [4, 1.0],
        ("seen", "neither"): [8, 0.5],
    }


def test_curves_and_confusions_are_those_of_the_detections(make_run):
    folder = make_run(found={"ir": 0.6, "vis": 0.6, "a": 1.0, "b": 0.8})
    write_report(folder)
    tables, detection = folder.path / "tables", pd.read_csv(folder.path / "tables" / "detection.csv")
    curves = pd.read_csv(tables / "precision_recall.csv")
    areas = curves.groupby(["method", "severity"])["precision"].mean()
    means = detection[detection["class"] == "counted"].set_index(["method", "severity"])["AP50"]
    pd.testing.assert_series_equal(areas.sort_index(), means.sort_index(), check_names=False, atol=1e-9)
    confusions = pd.read_csv(tables / "confusions.csv").set_index(["method", "severity", "object", "detection"])
    assert confusions.at[("b", 0, "Car", "Car"), "number"] == 16
    assert confusions.at[("b", 0, "Car", "background"), "number"] == 4
    for name in ("precision-recall", "confusions"):
        assert (folder.path / "curves" / f"{name}.png").is_file()


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
