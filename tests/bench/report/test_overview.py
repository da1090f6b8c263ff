"""Ranks, speed against quality and critical differences: the numbers and names that the figures show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.report import write_report
from bench.report.lettering import text_style
from bench.report.overview import draw_difference, draw_ranks, draw_speed
from bench.run.store import RunFolder
from bench.statistics.ranks import nemenyi

METHODS = ("ir", "a_b$c", "R&D", "ω", "a method of a rather long name")
TITLES = {name: name for name in METHODS}


def shown(figure: Figure) -> list[str]:
    """All texts of a figure; those that are no ticks lie inside it."""
    with matplotlib.rc_context(text_style()):
        FigureCanvasAgg(figure).draw()
    inside = figure.bbox.padded(2)
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    ticks = {text for axes in figure.axes for text in (*axes.get_xticklabels(which="both"), *axes.get_yticklabels())}
    for text in texts:
        assert not text.get_parse_math(), text
        place = text.get_window_extent()
        assert text in ticks or inside.x0 <= place.x0 < place.x1 <= inside.x1, text
    return [text.get_text() for text in texts]


def test_ranks_are_shown_with_the_best_method_first() -> None:
    ranks = pd.DataFrame({"EN": [3.0, 1.5, 2.0, 3.5], "VIF": [4.0, 1.0, 2.0, 3.0]}, index=METHODS[1:])
    figure = draw_ranks({"Clean pairs": ranks, "Degraded pairs": ranks}, title="T", titles=TITLES, order=METHODS)
    texts = shown(figure)
    names = [text for text in texts if text in METHODS]
    assert names == ["R&D", "ω", "a method of a rather long name", "a_b$c"]
    assert texts.count("1.5") == 2


def test_speed_is_shown_in_plain_numbers_and_a_lower_rank_is_higher_up() -> None:
    points = pd.DataFrame({"method": METHODS[1:], "seconds": [0.01, 0.1, 1.0, 20.0], "quality": [3.0, 1.0, 2.0, 4.0]})
    settings = {"title": "Speed", "titles": TITLES, "order": METHODS}
    figure = draw_speed(points, label="mean rank", direction="lower", **settings)
    texts = shown(figure)
    assert {"0.1", "1", "10"} <= set(texts)
    assert set(METHODS[1:]) <= set(texts)
    assert figure.axes[0].yaxis_inverted()
    assert not draw_speed(points, label="mAP50", direction="higher", **settings).axes[0].yaxis_inverted()


def test_methods_that_do_not_differ_are_joined() -> None:
    generator = np.random.default_rng(0)
    scores = pd.DataFrame(generator.normal(size=(30, 4)) * 0.1 + [0.0, 0.0, 5.0, 9.0], columns=list(METHODS[1:]))
    found = nemenyi(scores)
    figure = draw_difference({"Clean pairs": found}, title="T", titles=TITLES, order=METHODS)
    texts = shown(figure)
    assert any(text.strip() == "ω 3.00" for text in texts)
    assert any(text.startswith("Clean pairs: 30 scene clusters, Friedman p < 0.001") for text in texts)
    bars = [line for line in figure.axes[0].lines if line.get_color() == "#333333"]
    joined = sorted(found.mean_rank)[:2]
    assert sorted(bars[0].get_xdata())[:2] == pytest.approx(joined)


def test_a_run_has_its_overviews(make_run: Callable[..., RunFolder], quick_curves: None) -> None:
    folder = make_run(images=12, methods=("vis", "a", "b", "c"))
    write_report(folder)
    names = {path.name for path in (folder.path / "curves").glob("*.p*")}
    assert {"ranks.png", "ranks.pdf", "critical-difference.png", "critical-difference.pdf"} <= names
    few = make_run("few", images=4, methods=("vis", "a", "b", "c"))
    write_report(few)
    assert not (few.path / "curves/critical-difference.png").exists()
    assert (few.path / "curves/ranks.png").exists()


DRAWN = """
import hashlib, io
import numpy as np, pandas as pd
from bench.report.overview import draw_difference
from bench.statistics.ranks import nemenyi

scores = pd.DataFrame(np.random.default_rng(0).normal(np.arange(8) / 2, 1, (20, 8)), columns=list("abcdefgh"))
file = io.BytesIO()
draw_difference({"All": nemenyi(scores)}, title="T", titles={}, order=list("abcdefgh")).savefig(file, format="png")
print(hashlib.sha256(file.getvalue()).hexdigest())
"""


def test_critical_differences_look_the_same_in_every_process() -> None:
    """The order of the bars comes from sets, and that of texts in a set is another in each process."""
    looks = set()
    for seed in "12":
        command = [sys.executable, "-c", DRAWN]
        run = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-500:]
        looks.add(run.stdout)
    assert len(looks) == 1
