from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.report.curves import ONE_COLUMN, TWO_COLUMNS, draw_curves, draw_multiples
from tsdm_bench.errors import printable


@pytest.mark.parametrize("factors", [1, 2, 6])
@pytest.mark.parametrize("methods", [2, 39])
@pytest.mark.parametrize("width", [ONE_COLUMN, TWO_COLUMNS])
def test_title_legend_and_panels_lie_inside_the_figure(factors: int, methods: int, width: float) -> None:
    names = [f"Method of a long name {index}"[-19:] for index in range(methods)]
    rows = [
        (f"factor {factor}", severity, name, 0.5, 0.4, 0.6)
        for factor in range(factors)
        for severity in (0, 3)
        for name in names
    ]
    points = pd.DataFrame(rows, columns=["factor", "severity", "method", "mean", "low", "high"])
    title = "Visual information fidelity, sum of both sources: compared with the clean pair (recovery)"
    figure = draw_curves(points, title=title, label="VIF", direction="higher", titles={}, width=width)
    assert figure.get_figwidth() == width
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    inside = figure.bbox.padded(1)
    legend = figure.legends[0].get_window_extent()
    parts = [figure._suptitle.get_window_extent(), legend, *(axes.get_tightbbox() for axes in figure.axes)]
    for part in parts:
        assert inside.x0 <= part.x0 < part.x1 <= inside.x1
        assert inside.y0 <= part.y0 < part.y1 <= inside.y1
    assert all(not legend.overlaps(axes.get_tightbbox()) for axes in figure.axes if axes.get_visible())
    assert len(figure.legends[0].texts) == methods
    assert len(figure.axes[0].collections) == (methods if methods <= 4 else 0)


NAMES = ("ir", "_mine", "__", "$x$", "a$b", "a_b^c", r"\\frac{1}", "line\nbreak", "中文 ω", "\x1b[31m")


@pytest.mark.filterwarnings("ignore:Glyph")  # a machine without Chinese fonts
def test_every_name_stands_in_the_legend_as_it_is() -> None:
    rows = [("f_$1$", severity, name, 0.5, None, None) for severity in (0, 3) for name in NAMES]
    points = pd.DataFrame(rows, columns=["factor", "severity", "method", "mean", "low", "high"])
    titles = {"ir": "ir", "a_b^c": "$title$"}
    figure = draw_curves(points, title="$T_1$", label="$L$", direction="higher", titles=titles, panels={"f_$1$": "$f$"})
    FigureCanvasAgg(figure).draw()
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == [printable(titles.get(name, name)) for name in NAMES]
    texts = [*figure.legends[0].get_texts(), figure._suptitle, figure.axes[0].title, figure.axes[0].yaxis.label]
    assert not any(text.get_parse_math() for text in texts)
    assert [text.get_text() for text in texts[-3:]] == ["$T_1$", "$f$", "$L$ ↑"]
    assert len(figure.axes[0].collections) == 0  # no interval, no band


def test_a_method_has_the_same_look_in_a_figure_that_lacks_others() -> None:
    rows = [("jpeg", severity, name, 0.5, None, None) for severity in (0, 1) for name in ("a", "b", "c")]
    points = pd.DataFrame(rows, columns=["factor", "severity", "method", "mean", "low", "high"])
    options = {"title": "", "label": "", "direction": "", "titles": {}, "order": ("a", "b", "c")}
    whole = draw_curves(points, **options).axes[0].lines
    part = draw_curves(points[points["method"] != "a"], **options).axes[0].lines
    assert [line.get_color() for line in part] == [line.get_color() for line in whole[1:]]


def test_a_method_is_not_drawn_under_the_title_of_a_factor() -> None:
    points = pd.DataFrame(
        [("jpeg", severity, "jpeg", 0.5, 0.4, 0.6) for severity in (0, 1)],
        columns=["factor", "severity", "method", "mean", "low", "high"],
    )
    figure = draw_curves(points, title="", label="", direction="", titles={"jpeg": "own"}, panels={"jpeg": "JPEG"})
    assert figure.axes[0].get_title() == "JPEG"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["own"]


def test_intervals_of_many_methods_have_a_panel_each_with_the_others_in_grey() -> None:
    methods = [f"m{index}" for index in range(6)]
    rows = [(severity, name, 0.5, 0.4, 0.6) for name in methods for severity in (0, 3, 5)]
    points = pd.DataFrame(rows, columns=["severity", "method", "mean", "low", "high"])
    figure = draw_multiples(points, title="T", label="VIF", direction="higher", titles={"m0": "$m$"}, order=methods)
    FigureCanvasAgg(figure).draw()
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["$m$", *methods[1:]]
    looks = {axes.lines[-1].get_color() for axes in panels}
    assert len(looks) == 6
    for axes in panels:
        assert len(axes.collections) == 1
        assert {line.get_color() for line in axes.lines[:-1]} == {"#c8c8c8"}
