from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.escape import _LATEX, html_text, latex_text, markdown_text
from bench.report.latex import latex
from bench.report.tables import Column, Table, as_html, markdown

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


def test_rows_of_one_name_stand_beside_each_other() -> None:
    table = Table("", "", pd.DataFrame({"q": [1.0, 2.0, 3.0]}, index=["GFF", "GFF", "b"]), [Column("q", "Q", digits=0)])
    assert [(name, cells[0].text, cells[0].mark) for name, cells in table.cells()] == [
        ("GFF", "1", ""), ("GFF", "2", "second"), ("b", "3", "best"),
    ]  # fmt: skip


def test_where_nothing_differs_nothing_is_marked() -> None:
    frame = pd.DataFrame({"same": [1.0, 1.0], "alone": [1.0, None], "shown": [0.50001, 0.50004]}, index=["a", "b"])
    columns = [Column(name, name, digits=3) for name in frame]
    assert not any(shown.mark for _, cells in Table("", "", frame, columns).cells() for shown in cells)


def test_a_mean_over_fewer_values_is_marked_and_not_ranked() -> None:
    frame = pd.DataFrame({"q": [0.9, 0.5, 0.4, None], "n": [2, 4, 4, 0]}, index=list("abcd"))
    table = Table("", "Note.", frame, [Column("q", "Q", digits=1, count="n", full=4)])
    shown = {name: (cell.text, cell.mark, cell.part) for name, (cell,) in table.cells()}
    assert shown == {
        "a": ("0.9", "", "(2 of 4)"), "b": ("0.5", "best", ""), "c": ("0.4", "second", ""), "d": ("–", "", ""),
    }  # fmt: skip
    assert table.caption.startswith("Note. (k of n): the mean of only k of the n values")
    whole = Table("", "Note.", frame.iloc[1:3], table.columns)
    assert whole.caption == "Note."


@pytest.mark.parametrize(
    ("ranges", "marks"),
    [
        ([(0.9, 1.1), (1.9, 2.1), (2.9, 3.1)], ["best", "second", ""]),
        ([(0.9, 2.0), (1.9, 2.1), (2.9, 3.1)], ["", "", ""]),
        ([(0.9, 1.1), (1.9, 3.0), (2.9, 3.1)], ["best", "", ""]),
        ([(0.9, 3.5), (1.9, 2.1), (2.9, 3.1)], ["", "", ""]),
    ],
)
def test_no_mark_on_a_difference_within_the_spread(ranges: list[tuple[float, float]], marks: list[str]) -> None:
    frame = pd.DataFrame(ranges, columns=["low", "high"], index=list("abc")).assign(q=[1.0, 2.0, 3.0])
    column = Column("q", "Q", "lower", interval=("low", "high"), repeated=True)
    assert [cells[0].mark for _, cells in Table("", "", frame, [column]).cells()] == marks


def test_a_column_that_is_not_ranked_keeps_its_arrow() -> None:
    table = Table("", "", pd.DataFrame({"q": [1.0, 2.0]}, index=["a", "b"]), [Column("q", "Q", ranked=False)])
    assert "| method | Q ↑ |" in markdown(table)
    assert "**" not in markdown(table)


NAMES = ["a|b", "<b>", "`x`", "*y*", "_z_", "[l](u)", "a\nb", "$e$", r"\\", "\x1b[31m", "&amp;", "~~s~~", "p_q"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_breaks_a_markdown_table(name: str) -> None:
    frame = pd.DataFrame({"q": [1.0]}, index=[name])
    lines = markdown(Table(name, name, frame, [Column("q", name, "")], rows=name)).split("\n")
    assert len(lines) == 8
    for line in lines[2:5:2]:
        cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(cells) == 4
    assert "<b>" not in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_markdown_shows_names_as_they_stand() -> None:
    told = {"a|b": r"a\|b", "<i>": "&lt;i&gt;", "_z_": r"\_z\_", "a_b": "a_b", "*": r"\*", "R&D": "R&amp;D"}
    assert {name: markdown_text(name) for name in told} == told


LATEX = {
    r"\input{/etc/passwd}": r"\textbackslash{}input\{/etc/passwd\}",
    "$a_1^2$": r"\$a\_1\textasciicircum{}2\$",
    "R&D #1 50%": r"R\&D \#1 50\%",
    "~<>|": r"\textasciitilde{}\textless{}\textgreater{}\textbar{}",
    "a\nb": r"a\textbackslash{}nb",
    "^^4c": r"\textasciicircum{}\textasciicircum{}4c",
    "Åström µ α": r"Åström $\mu$ $\alpha$",
    "[x]": "{}[x]",
    "*": "{}*",
    "a--b": "a-{}-b",
    "10–20": r"10\textendash{}20",
}


@pytest.mark.parametrize("name", LATEX)
def test_latex_prints_names_as_they_stand(name: str) -> None:
    assert latex_text(name) == LATEX[name]


def test_letters_that_pdflatex_does_not_know_are_named_in_a_comment() -> None:
    frame = pd.DataFrame({"q": [1.0]}, index=["中文"])
    assert latex(Table("T", "", frame, [Column("q", "Q")])).startswith(
        "% Compile with XeLaTeX or LuaLaTeX and a font that has 中文\n\\begin{table}"
    )
    assert latex(TABLE).startswith(r"\begin{table}")


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


def test_html_marks_source_rows() -> None:
    text = as_html(TABLE)
    assert '<tr class="source"><th scope=row>ir</th>' in text
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
    assert r"a & \benchbest{0.50} & \scriptsize [0.40, 0.62]" in latex(table)
    assert "<b>0.50</b> <small>[0.40, 0.62]</small>" in as_html(table)


def test_a_zero_has_no_minus() -> None:
    frame = pd.DataFrame({"q": [-1e-9, -0.25], "low": [-2e-9, -0.5], "high": [0.0, -0.0]}, index=["a", "b"])
    table = Table("", "", frame, [Column("q", "Q", digits=2, interval=("low", "high"), ranked=False)])
    assert [row[0][:1] + row[0][2:3] for _, row in table.cells()] == [
        ("0.00", "[0.00, 0.00]"),
        ("-0.25", "[-0.50, 0.00]"),
    ]


ANY_TEXT = st.text(st.characters(codec=None), max_size=40)


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_no_text_runs_a_command_or_breaks_a_line_of_latex(text: str) -> None:
    source = latex_text(text)
    known = {re.search(r"\\[a-zA-Z]+|\\.", value)[0] for value in _LATEX.values() if "\\" in value}
    assert set(re.findall(r"\\[a-zA-Z]+|\\.", source)) <= known
    plain = re.sub(r"\\.", "", source)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert not set(plain) & set("&%#~\n\r")
    source.encode()


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_no_text_leaves_its_cell_of_markdown_or_its_element_of_html(text: str) -> None:
    cell = markdown_text(text)
    assert "\n" not in cell
    assert "<" not in cell
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", cell)
    assert not set(html_text(text)) & set("<>\"'\n")
    cell.encode()
