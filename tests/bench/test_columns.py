"""Tables of text: what gives way where a line is too long for the terminal."""

from __future__ import annotations

import pytest

from bench.columns import as_text_table

ROW = {
    "name": "tno",
    "what": "the classic grey pairs, a selection of 42 of them",
    "layout": "TNO/{ir,vi}/very/long/*.png",
}


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_place_to_copy_is_not_split_while_sentences_can_be_wrapped() -> None:
    lines = as_text_table([ROW], tuple(ROW)).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(ROW["layout"] in line for line in lines)
    assert len(lines) > 3


def test_a_word_that_no_line_has_room_for_is_split() -> None:
    row = {"name": "x" * 70, "layout": "y" * 90}
    lines = as_text_table([row], tuple(row)).splitlines()
    assert max(map(len, lines)) <= 80
    text = "".join(lines[2:]).replace(" ", "")
    assert (text.count("x"), text.count("y")) == (70, 90)
