"""Runs as CSV and Excel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from bench.exporting import wide
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}


def test_long_and_wide_rows_hold_the_same_values(make_run: Make, tmp_path: Path, capsys) -> None:
    folder = make_run(found=FOUND)
    assert main(["export", str(folder.path), "--to", "csv", "--out", str(tmp_path / "out")]) == 0
    assert f"csv: {tmp_path / 'out' / 'rows_long.csv'}" in capsys.readouterr().out
    long, table = (pd.read_csv(tmp_path / "out" / f"rows_{form}.csv") for form in ("long", "wide"))
    assert len(long) == len(folder.rows()) == 2 * len(table)
    cell = (table["image"] == "scene b") & (table["severity"] == 5) & (table["method"] == "a")
    row = long[(long["image"] == "scene b") & (long["severity"] == 5) & (long["method"] == "a")]
    assert table.loc[cell, "vif-clean"].item() == row.loc[row["metric"] == "vif", "value"].item()
    assert {path.name for path in (tmp_path / "out").glob("*.csv")} >= {"detections.csv", "objects.csv", "pairs.csv"}
    robust = pd.read_csv(tmp_path / "out" / "table-fusion-1.csv")
    assert robust["method"].tolist() == ["Infrared", "Visible", "a", "b"]


def test_wide_rows_name_the_reference_where_a_metric_has_one() -> None:
    key = {"dataset": "d", "image": "1", "scene": "s", "factor": "clean", "severity": 0, "modality": "both", "seed": 0}
    rows = [key | {"method": "a", "seconds": 0.5, "metric": m, "reference": r, "value": v}
            for m, r, v in (("en", "none", 1.0), ("vif", "clean", 2.0), ("vif", "seen", 3.0))]  # fmt: skip
    table = wide(pd.DataFrame(rows))
    assert table.drop(columns=list(key)).to_dict("records") == [
        {"method": "a", "seconds": 0.5, "en": 1.0, "vif-clean": 2.0, "vif-seen": 3.0}
    ]


def test_a_workbook_has_a_sheet_per_table_with_numbers_as_numbers(make_run: Make) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    folder = make_run(found=FOUND | {"=1+1": 0.8}, images=10, methods=("ir", "vis", "a", "=1+1"))
    assert main(["export", str(folder.path), "--to", "excel"]) == 0
    book = openpyxl.load_workbook(folder.path / "export" / "own.xlsx")
    assert {"detection-1", "fusion-1", "fusion-2", "ranking"} <= set(book.sheetnames)
    sheet = book["fusion-1"]
    assert sheet["A1"].value == "Clean pairs"
    assert [cell.value for cell in sheet[4]][:3] == ["method", "PSNR", "PSNR n"]
    names = [sheet.cell(row, 1) for row in range(5, 9)]
    assert [cell.value for cell in names] == ["Infrared", "Visible", "a", "=1+1"]
    assert {cell.data_type for cell in names} == {"s"}  # no formula
    best = sheet["B8"]
    assert best.value == pytest.approx(23.045)
    assert (best.number_format, best.font.b) == ("0.00", True)


def test_what_cannot_be_exported_is_refused_in_a_line(make_run: Make, tmp_path: Path, capsys) -> None:
    folder = make_run(lost=lambda *_: True)
    for form in ("csv", "excel"):
        assert main(["export", str(folder.path), "--to", form]) == 2
        assert "yet; repeat the command of the run to complete it" in capsys.readouterr().err
    assert main(["export", str(tmp_path), "--to", "csv"]) == 2
    assert "is not a run folder" in capsys.readouterr().err
