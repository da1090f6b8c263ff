from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.report.curves import draw_curves


@pytest.mark.parametrize("factors", [1, 2, 6])
@pytest.mark.parametrize("methods", [2, 39])
def test_title_legend_and_panels_lie_inside_the_figure(factors: int, methods: int) -> None:
    names = [f"Method of a long name {index}"[-19:] for index in range(methods)]
    rows = [
        (f"factor {factor}", severity, name, 0.5, 0.4, 0.6)
        for factor in range(factors)
        for severity in (0, 3)
        for name in names
    ]
    points = pd.DataFrame(rows, columns=["factor", "severity", "method", "mean", "low", "high"])
    title = "Visual information fidelity, sum of both sources: compared with the clean pair (recovery)"
    figure = draw_curves(points, title=title, label="VIF", direction="higher", titles={})
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
    assert len(figure.axes[0].collections) == (methods if methods <= 16 else 0)
