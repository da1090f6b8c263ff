"""Figures are drawn once, and again only where something that they show has changed."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report import drawing
from bench.report.drawing import Drawing, draw_all


def draw_points(points: pd.DataFrame, titles: dict[str, str]) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot(points["x"])
    figure.text(0, 0, " ".join(titles.values()))
    return figure


def two(folder: Path, x: float = 1.0, title: str = "GFF") -> list[Drawing]:
    points = pd.DataFrame({"x": [0.0, x]})
    arguments = {"points": points, "titles": {"gff": title}}
    return [Drawing(folder / "a", draw_points, arguments), Drawing(folder / "b", draw_points, arguments, (".pdf",))]


def test_what_need_not_be_redrawn_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [of.path.name for of in draw_all(two(tmp_path))] == ["a", "b"]
    assert sorted(path.name for path in tmp_path.glob("[ab]*")) == ["a.pdf", "a.png", "b.pdf"]
    assert draw_all(two(tmp_path)) == []
    assert len(draw_all(two(tmp_path, x=2.0))) == 2
    assert len(draw_all(two(tmp_path, x=2.0, title="other"))) == 2
    (tmp_path / "a.pdf").unlink()
    assert [of.path.name for of in draw_all(two(tmp_path, x=2.0, title="other"))] == ["a"]
    (tmp_path / drawing.NOTES).write_text("[")
    assert len(draw_all(two(tmp_path, x=2.0, title="other"))) == 2
    monkeypatch.setattr(drawing, "_code", lambda: b"another version")
    assert len(draw_all(two(tmp_path, x=2.0, title="other"))) == 2


def test_letters_that_no_font_has_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.lettering.text_style", lambda: {"font.family": ["DejaVu Sans"]})
    with caplog.at_level(logging.WARNING):
        draw_all(two(tmp_path, title="中 ω"))
    assert [record.getMessage() for record in caplog.records] == [
        "no font here has 中: figures show boxes instead; install one, such as Noto Sans CJK"
    ]
