"""Boxes of a run read by another definition of average precision, or over a class set: under names of their own."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from report_files import table, text

from bench.cli import main
from bench.datasets.pair import Box, Pair
from bench.report.layout import Section
from bench.report.parts import read_parts
from bench.report.tables import Table
from bench.run.record import DatasetFacts
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}
OF_M3FD = {
    "dataset": DatasetFacts(name="m3fd", title="M3FD", synthetic=False),
    "classes": ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck"),
}
pytestmark = pytest.mark.usefixtures("quick_curves")


@pytest.fixture
def run(make_run: Make) -> RunFolder:
    return make_run(images=10, found=FOUND, metrics=("psnr",), severities=(0, 5), record=OF_M3FD)


def sections(folder: RunFolder, **reading: str) -> dict[str, Section]:
    return {section.name: section for section in read_parts(folder, **reading).sections}


def heads(table: Table) -> list[str]:
    return [column.head for column in table.columns]


def test_another_definition_stands_under_its_own_names(run: RunFolder) -> None:
    assert main(["report", str(run.path), "--ap", "ultralytics"]) == 0
    before = sections(run)["detection"].tidy
    after = pd.read_csv(run.path / "tables/detection.csv")
    pd.testing.assert_frame_equal(after[before.columns], before, check_dtype=False)
    assert {"AP50_ultralytics", "AP50_ultralytics_low", "AP_ultralytics_high"} <= set(after) - set(before)
    told = text(run, "tables/detection.md")
    names = ("Car", "Bus", "mAP50", "mAP75", "mAP50:95", "mAP50_pooled", "mAP50_all")
    shown = [head.removesuffix(" ↑") for head in table(run, "detection", "Clean pairs")[""]]
    assert shown == [f"{name}_ultralytics" for name in names]
    assert "AP as yolo val of ultralytics states it, another number than COCO's." in told
    robust = pd.read_csv(run.path / "tables/robustness.csv")["metric"].unique()
    assert [name for name in robust if name.startswith("mAP")] == [
        f"{name}_ultralytics" for name in ("mAP50", "mAP50:95", "mAP50_pooled", "mAP50_all")
    ]
    assert (run.path / "curves/map50_ultralytics.png").exists()
    assert not (run.path / "curves/map50.png").exists()
    clean = after.query("factor == 'clean' and method == 'b'").set_index("class")
    assert clean.loc["Car", "AP50"] == pytest.approx(81 / 101)  # 40 of 50 found, nothing else
    assert clean.loc["Car", "AP50_ultralytics"] == pytest.approx((80 - 0.5) / 100)
    assert clean.loc["Car", "AP50_ultralytics_low"] == pytest.approx(0.795)
    assert run.record().suite.detection.ap == "coco"  # a report changes no record


def test_voc_has_one_measure(run: RunFolder) -> None:
    section = sections(run, ap="voc")["detection"]
    assert heads(section.tables[0])[2:] == ["mAP50_voc", "mAP50_pooled_voc", "mAP50_all_voc"]
    clean = section.tidy.query("factor == 'clean' and method == 'b'").set_index("class")
    assert clean.loc["Car", "AP50_voc"] == pytest.approx(0.8)


def test_a_class_set_has_its_own_mean_and_says_how_many_objects_of_each_class_there_are(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.precision.class_sets", lambda _: {"paper": ("Car",), "both": ("Car", "Bus")})
    found = sections(run, classes="paper")
    first = found["detection"].tables[0]
    assert heads(first)[2:] == ["mAP50_paper", "mAP75_paper", "mAP50:95_paper", "mAP50_pooled", "mAP50_all"]
    note = "The mean is over the class set paper (Car 50); not in it: Bus 1."
    for name in ("detection", "robustness", "agreement"):
        assert all(note in table.caption for table in found[name].tables if "mAP" in table.caption)
    assert "Classes: Car 50." in found["diagnosis"].tables[0].caption
    marks = {name: cells[2].mark for name, cells in first.cells()}
    assert marks["a"] == "best"
    values = found["detection"].tidy.query("factor == 'clean' and method == 'b'").set_index("class")["AP50"]
    assert values["paper"] == values["Car"]
    assert values["both"] == pytest.approx(values["all"])


def test_a_set_of_which_a_class_has_too_few_objects_is_not_ranked(run: RunFolder) -> None:
    found = sections(run, classes="paper")
    first = found["detection"].tables[0]
    assert "The mean is over the class set paper (People 0, Car 50, Lamp 0); not in it: Bus 1." in first.caption
    assert "Too few objects (below 20) of People, Lamp: nothing is ranked." in first.caption
    assert not any(cell.mark for _, cells in first.cells() for cell in cells)
    assert "mAP50_paper" in heads(first)
    assert "agreement" not in found


def test_an_unknown_set_or_definition_is_refused_in_a_line(run: RunFolder, make_run: Make, capsys) -> None:
    assert main(["report", str(run.path), "--classes", "papr"]) == 2
    told = capsys.readouterr().err
    assert "unknown class set 'papr': dataset m3fd has the class sets paper (People, Car, Lamp); m3fd6 (" in told
    assert told.count("\n") == 1
    own = make_run("own", found=FOUND)
    assert main(["report", str(own.path), "--classes", "paper"]) == 2
    assert "dataset folder has no class sets; or counted" in capsys.readouterr().err
    assert main(["--suite", "m3fd", "--classes", "papr", "--data-root", str(own.path)]) == 2
    assert "unknown class set 'papr'" in capsys.readouterr().err
    assert main(["report", str(run.path), "--ap", "yolo"]) == 2
    assert "invalid choice: 'yolo' (choose from 'coco', 'ultralytics', 'voc')" in capsys.readouterr().err


def test_ignored_objects_are_counted_in_sight(make_run: Make) -> None:
    folder = make_run(images=10, found=FOUND, severities=(0,), metrics=("psnr",))
    car, hard = Box("Car", 0.0, 0.0, 10.0, 10.0), Box("Car", 200.0, 0.0, 50.0, 50.0)
    boxes = (car, car._replace(x=20.0))
    images = sorted(folder.pairs()["image"])
    folder.write_pairs(Pair(image, image, lambda: None, boxes, difficult=(hard,)) for image in images)
    section = sections(folder)["detection"]
    assert "Marked difficult or crowd, and ignored: Car 10." in section.tables[0].caption
    ignored = section.tidy.query("method == 'a'").set_index("class")["ignored"].to_dict()
    assert ignored == {"Car": 10, "Bus": 0, "all": 10, "counted": 10, "pooled": 10}
