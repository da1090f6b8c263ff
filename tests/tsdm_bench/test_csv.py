from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from tsdm_bench.files import csv_text, write_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝"])
def test_no_text_of_a_csv_file_is_a_formula(start: str, tmp_path: Path) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    write_csv(tmp_path / "a.csv", pd.DataFrame({"method": [name, "gff"], name: [-1.5, 2.0]}))
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        head, first, second = csv.reader(file)
    assert head == ["method", f"'{name}"]
    assert first == [f"'{name}", "-1.5"]  # a number stays a number
    assert second == ["gff", "2.0"]


def test_a_csv_file_holds_what_was_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["a,b", 'c"d', "e f", "ö中"], "n": [1, 2, 3, 4], "x": [0.1, None, 1e-300, 3.0]})
    write_csv(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), table)


def test_a_line_break_in_a_name_breaks_no_line_of_a_csv_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"image": ["a\nb", "\rc"], "n": [1, 2]}))
    assert (tmp_path / "a.csv").read_bytes().splitlines() == [b"image,n", b"a\\nb,1", b"\\rc,2"]


def test_harmless_names_stay_as_they_are() -> None:
    assert csv_text("tsdm_student") == "tsdm_student"
    assert csv_text("") == ""
