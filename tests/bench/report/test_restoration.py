"""What a report says of methods that stand beside themselves behind restorers."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from report_files import table, text

from bench.report import write_report
from bench.report.restoration import HARM
from bench.run.record import MethodFacts
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
METHODS = ("vis", "gff", "sci+gff")
pytestmark = pytest.mark.usefixtures("quick_curves")


def facts(name: str) -> MethodFacts:
    kind = "source" if name == "vis" else "classical"
    return MethodFacts(
        spec=name, title=name, kind=kind, version="1", restores=name.rpartition("sci+")[2] * ("+" in name)
    )


def run_of(make_run: Make, methods=METHODS, **fields) -> RunFolder:
    return make_run(methods=methods, record={"methods": {name: facts(name) for name in methods}}, **fields)


def test_harm_on_clean_inputs_is_a_row_of_its_own(make_run: Make) -> None:
    """What restoring costs: 2 on every pair, whatever the condition."""
    folder = run_of(make_run, values={"vis": 18.0, "gff": 21.0, "sci+gff": 19.0})
    write_report(folder)
    changed = table(folder, "restoration", "VIF")
    assert changed == {"": ["sci+gff"], HARM: ["-2.000"], "Noise, grey": ["-2.000"]}
    assert "VIF with restored inputs minus VIF of the same method without" in text(folder, "tables/restoration.md")
    tidy = pd.read_csv(folder.path / "tables/restoration.csv")
    assert set(zip(tidy["method"], tidy["base"], strict=True)) == {("sci+gff", "gff")}


def test_detection_is_compared_over_the_same_images(make_run: Make) -> None:
    folder = run_of(make_run, images=12, found={"vis": 0.6, "gff": 0.6, "sci+gff": 1.0})
    write_report(folder)
    tidy = pd.read_csv(folder.path / "tables/restoration.csv").set_index(["metric", "factor"])
    of_detector = tidy[tidy["low"].notna()]
    assert set(of_detector.index.get_level_values("factor")) == {"clean", "noise_gray"}
    assert (of_detector["low"] > 0.1).all()
    assert (of_detector["low"] <= of_detector["difference"]).all()
    assert (of_detector["difference"] <= of_detector["high"]).all()


def test_without_the_method_itself_there_is_nothing_to_compare(make_run: Make) -> None:
    folder = run_of(make_run, methods=("vis", "sci+gff"))
    write_report(folder)
    assert not (folder.path / "tables/restoration.md").exists()
