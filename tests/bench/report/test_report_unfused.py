"""What a report says of methods that give the detector both images: detections, and nothing of fusion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench import publishing
from bench.comparison import compare
from bench.exporting_coco import write_coco
from bench.report import write_report
from bench.report.parts import read_parts
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
METHODS = ("ir", "vis", "a", "b", "stack", "late")
FOUND = {"ir": 0.6, "vis": 0.5, "a": 0.8, "b": 0.5, "stack": 0.6, "late": 0.9}


@pytest.fixture
def folder(make_run: Make) -> RunFolder:
    return make_run(methods=METHODS, found=FOUND, images=12, detection={"fewest_objects": 10})


def section(folder: RunFolder, name: str):
    return next(of for of in read_parts(folder).sections if of.name == name)


def test_fusion_tables_say_not_applicable_and_never_a_number(folder: RunFolder) -> None:
    clean, *_ = section(folder, "fusion").tables
    numbers = {name: [shown.text for shown in cells] for name, cells in clean.cells()}
    assert set(numbers["stack"]) == set(numbers["late"]) == {"n/a"}
    assert "n/a" not in numbers["a"] + numbers["Infrared"]
    assert "n/a: stack, late make no fused image" in clean.note
    assert {"stack", "late"}.isdisjoint(section(folder, "fusion").tidy["method"])


def test_they_stand_above_the_methods_beside_the_sources_and_get_no_mark(folder: RunFolder) -> None:
    for table in section(folder, "detection").tables:
        marks = {name: {shown.mark for shown in cells} for name, cells in table.cells()}
        of_rivals = [marks[name] for name in marks if name in ("Infrared", "Visible", "stack", "late")]
        assert all(mark == {""} for mark in of_rivals)
    detection = section(folder, "detection").tables[0]
    assert [name for name, _ in detection.cells()] == ["Infrared", "Visible", "stack", "late", "a", "b"]


def test_they_compete_in_no_ranking(make_run: Make) -> None:
    found = {name: FOUND.get(name, 0.7) for name in ("c", "d", *METHODS)}
    folder = make_run(methods=tuple(found), found=found, images=12, detection={"fewest_objects": 10})
    parts = read_parts(folder)
    assert parts.problems == {}
    of = {section.name: section.tidy for section in parts.sections}
    assert set(of["ranking"]["method"]) == {"a", "b", "c", "d"}
    assert of["agreement"]["methods"].max() == of["prediction"]["methods"].max() == 4


def test_the_gain_over_both_and_over_the_better_source_is_the_difference_of_the_map(folder: RunFolder) -> None:
    parts = read_parts(folder)
    table = next(of for of in section(folder, "detection").tables if "both images" in of.title)
    samples, name = parts.precision.samples, parts.precision.name
    clean = samples.cells[samples.cells["severity"] == 0]
    value = {method: samples.of("AP50", name)[index, 0] for index, method in clean["method"].items()}
    heads = {column.head: column.key for column in table.columns}
    frame: pd.DataFrame = table.frame
    for method in ("a", "b"):
        assert frame.at[method, heads["clean: to stack"]] == pytest.approx(value[method] - value["stack"])
        assert frame.at[method, heads["clean: to late"]] == pytest.approx(value[method] - value["late"])
        better = max(value["ir"], value["vis"])
        assert frame.at[method, heads["clean: to better source"]] == pytest.approx(value[method] - better)
    assert set(heads) == {
        f"{part}: to {rival}" for part in ("clean", "degraded") for rival in ("stack", "late", "better source")
    }


def test_the_page_answers_whether_fusing_beats_both_images(folder: RunFolder, quick_curves: None) -> None:
    write_report(folder)
    page = (folder.path / "index.html").read_text()
    assert "Or give the detector both images?" in page
    assert "Better than late: clean 0 of 2 methods" in page
    assert "Better than stack: clean 1 of 2 methods" in page
    assert re.search(r"Better than the better source: clean 1 of 2 methods", page)
    assert "INCOMPLETE" not in page


def test_a_cell_that_is_missing_is_missed(make_run: Make) -> None:
    folder = make_run(methods=METHODS, found=FOUND, lost=lambda method, image, s: method == "late" and s == 5)
    assert read_parts(folder).run.incomplete == f"INCOMPLETE {4 * 3 * 6 - 4} of {4 * 3 * 6}"


def test_their_boxes_are_exported(folder: RunFolder, tmp_path: Path) -> None:
    write_coco(folder, tmp_path / "coco")
    assert len(list((tmp_path / "coco").rglob("late.json"))) == len(list((tmp_path / "coco").rglob("a.json"))) == 3


def test_a_published_run_keeps_their_cells(make_run: Make, tmp_path: Path) -> None:
    folder = make_run(methods=("ir", "a", "late"), found=FOUND, images=2)
    published = RunFolder(tmp_path / "published")
    published.path.mkdir()
    publishing._write_rows(folder, folder.record(), published, None)
    assert set(published.identities()) == set(folder.identities())
    assert len(published.detections()) == len(folder.detections())
    assert read_parts(published).run.incomplete == ""


def test_runs_with_them_can_be_compared(make_run: Make) -> None:
    one, two = (make_run(place, methods=METHODS, found=FOUND) for place in ("one", "two"))
    compared = compare([one.path, two.path])
    assert {"stack", "late"} <= set(compared.frame.loc[compared.frame["quantity"] == "mAP50", "method"])
    assert {"stack", "late"}.isdisjoint(compared.frame.loc[compared.frame["quantity"] == "vif", "method"])
