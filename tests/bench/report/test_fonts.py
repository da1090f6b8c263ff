"""The small font of the figures: the same look, and letters it lacks come from others."""

from __future__ import annotations

import io
import time
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font

from bench.report import fonts, lettering
from bench.report.lettering import lacking, text_style

TEXT = "mAP50 ↑ of “GFF” – Väsby_$x & Ω ≤ 3"


def drawn(style: dict, ending: str, text: str = TEXT) -> bytes:
    with matplotlib.rc_context(style):
        figure = Figure((4, 1))
        figure.text(0.1, 0.6, text)
        figure.text(0.1, 0.2, text, fontweight="bold")
        file = io.BytesIO()
        figure.savefig(file, format=ending)
    return file.getvalue()


def test_figures_look_as_they_do_with_the_whole_font() -> None:
    small = text_style()
    assert small["font.family"][:2] == [fonts.SMALL, fonts.WHOLE]
    assert drawn(small, "png") == drawn(small | {"font.family": [fonts.WHOLE]}, "png")


def test_a_letter_that_it_lacks_comes_from_the_whole_font() -> None:
    chess = "♞ᚠ"
    small = get_font(fonts.add_small_font() and lettering.findfont(fonts.SMALL))
    assert not {ord(letter) for letter in chess} & set(small.get_charmap())
    assert lacking([chess[0]]) == ""
    assert drawn(text_style(), "png", chess[0]) == drawn(text_style() | {"font.family": [fonts.WHOLE]}, "png", chess[0])


def test_a_pdf_takes_half_the_time() -> None:
    def seconds(style: dict) -> float:
        started = time.process_time()
        drawn(style, "pdf")
        return time.process_time() - started

    small, whole = text_style(), text_style() | {"font.family": [fonts.WHOLE]}
    seconds(small), seconds(whole)
    pairs = [(seconds(small), seconds(whole)) for _ in range(5)]
    assert np.median([ours / theirs for ours, theirs in pairs]) < 0.6


def test_without_a_cache_folder_the_whole_font_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(blocked))
    assert fonts.add_small_font() is None
    assert lettering.text_style.__wrapped__()["font.family"][0] == fonts.WHOLE


def test_a_damaged_font_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path))
    assert fonts.add_small_font() == fonts.SMALL
    path = next((tmp_path / "fonts").rglob("normal.ttf"))
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert fonts.add_small_font() == fonts.SMALL
    assert path.read_bytes() == whole
