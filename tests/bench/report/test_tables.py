from __future__ import annotations

import pandas as pd
import pytest

from bench.report.tables import Column, Table, as_html, latex, markdown

FRAME = pd.DataFrame(
    {"psnr": [20.0, 31.25, 31.25, 25.0], "mse": [9.0, 4.0, 2.0, 1.0], "qsf": [0.5, -0.1, 0.2, None]},
    index=["ir", "A_1", "B", "C"],
)
COLUMNS = (Column("psnr", "PSNR", "higher", 2), Column("mse", "MSE", "lower", 1), Column("qsf", "Qsf", "zero", 2))
TABLE = Table("Title", "Note 50 %.", FRAME, COLUMNS, frozenset({"ir"}))


def test_the_best_is_bold_the_second_underlined_ties_share_and_sources_take_no_part() -> None:
    rows = {name: [shown.mark for shown in cells] for name, cells in TABLE.cells()}
    assert rows == {
        "ir": ["", "", ""],
        "A_1": ["best", "", "best"],
        "B": ["best", "second", "second"],
        "C": ["second", "best", ""],
    }


def test_marks_follow_what_is_shown_not_hidden_digits() -> None:
    frame = pd.DataFrame({"q": [0.70004, 0.70001, 0.6]}, index=list("abc"))
    marks = [cells[0].mark for _, cells in Table("", "", frame, [Column("q", "Q", digits=3)]).cells()]
    assert marks == ["best", "best", "second"]


def test_markdown_has_arrows_and_marks() -> None:
    lines = markdown(TABLE).splitlines()
    assert lines[2] == "| method | PSNR ↑ | MSE ↓ | Qsf →0 |"
    assert lines[4] == "| ir | 20.00 | 9.0 | 0.50 |"
    assert lines[5] == "| A_1 | **31.25** | 4.0 | **-0.10** |"
    assert lines[7].endswith("| – |")


def test_latex_escapes_and_sets_sources_apart() -> None:
    text = latex(TABLE)
    assert r"Method & PSNR $\uparrow$ & MSE $\downarrow$ & Qsf $\to 0$ \\" in text
    assert "ir & 20.00 & 9.0 & 0.50 \\\\\n\\midrule\nA\\_1 & \\textbf{31.25}" in text
    assert r"\underline{25.00}" in text
    assert r"Note 50 \%." in text


def test_html_marks_source_rows() -> None:
    text = as_html(TABLE)
    assert '<tr class="source"><th>ir</th>' in text
    assert "<b>31.25</b>" in text


@pytest.mark.parametrize(
    ("largest", "shown"), [(4224.4, "4224"), (14.936, "14.94"), (0.67241, "0.6724"), (0.0, "0.000")]
)
def test_four_significant_digits_without_being_told(largest: float, shown: str) -> None:
    frame = pd.DataFrame({"q": [largest]}, index=["a"])
    assert Table("", "", frame, [Column("q", "Q")]).cells()[0][1][0].text == shown


def test_an_interval_stands_behind_its_number() -> None:
    frame = pd.DataFrame({"q": [0.5, 0.25], "low": [0.4, None], "high": [0.62, None]}, index=["a", "b"])
    table = Table("", "", frame, [Column("q", "Q", digits=2, interval=("low", "high"))])
    assert "| a | **0.50** [0.40, 0.62] |" in markdown(table)
    assert "| b | <u>0.25</u> |" in markdown(table)
    assert r"a & \textbf{0.50} {\scriptsize [0.40, 0.62]}" in latex(table)
    assert "<b>0.50</b> <small>[0.40, 0.62]</small>" in as_html(table)
