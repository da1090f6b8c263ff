"""Tables and figures of scored folders (`score --out`), as those of a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.metrics import METRICS
from bench.report.drawing import Drawing, draw_all
from bench.report.latex import LatexStyle, latex_file, preview
from bench.report.overview import draw_difference, draw_ranks
from bench.report.references import merged
from bench.report.tables import Column, Table, markdown
from bench.scoring import Scores, means, of_common_images
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.ranks import cluster_ranks, nemenyi, rank_table
from tsdm_bench.files import write_csv, write_text
from tsdm_bench.words import counted


def write_scores(scores: Scores, folder: Path, style: LatexStyle | None = None) -> None:
    """Write ``values.csv`` (every image and metric), ``tables/`` (means and ranks) and ``curves/`` (who ranks where).

    Ranks are there where several methods have images in common. ``references.bib`` holds the papers of the metrics.
    """
    style = style or LatexStyle()
    tables = folder / "tables"
    write_csv(folder / "values.csv", scores.values)
    parts = {"scores": (score_table(scores), means(scores.values))}
    rows = of_common_images(scores.values)
    rows = rows.assign(dataset="", scene=rows["image"])
    if rows["method"].nunique() > 1:
        tidy = rank_table(rows, _directions(scores), ("metric",))
        parts |= {"ranking": (ranking_table(scores, tidy), tidy)} if len(tidy) else {}
        draw_all([*_drawings(scores, rows, tidy, folder / "curves")])
    for name, (table, numbers) in parts.items():
        write_csv(tables / f"{name}.csv", numbers)
        write_text(tables / f"{name}.md", markdown(table))
        write_text(tables / f"{name}.tex", latex_file([table], style, name))
    write_text(tables / "references.bib", merged(METRICS[name].citation for name in scores.metrics))
    write_text(tables / "preview.tex", preview(list(parts), style))


def score_table(scores: Scores) -> Table:
    """Means over the images that all methods have; over each one's own, and not ranked, where there are none."""
    common = of_common_images(scores.values)
    alike = len(common) > 0
    table = means(common if alike else scores.values)
    wide = table.pivot(index="method", columns="metric", values="mean")
    for beside in ("low", "high", "n", "std"):
        wide = wide.join(table.pivot(index="method", columns="metric", values=beside).add_suffix(f" {beside}"))
    wide = wide.reindex(dict.fromkeys(scores.values["method"]))
    cards = [METRICS[name] for name in scores.metrics]
    count, every = int(table["n"].max()), scores.values["image"].nunique()
    columns = [
        Column(
            card.name,
            card.symbol,
            card.direction,
            interval=(f"{card.name} low", f"{card.name} high"),
            count=f"{card.name} n",
            full=count if alike else 0,
            std=f"{card.name} std",
        )
        for card in cards
    ]
    shared = f"the {counted(count, 'image')} of {every} that all methods have"
    over = shared if alike else "the images of each method, not ranked"
    interval = "95 % bootstrap intervals over images"
    if count < FEWEST_CLUSTERS:
        interval = f"n too small for intervals ({counted(count, 'image')}, fewer than {FEWEST_CLUSTERS})"
    definitions = ", ".join(f"{card.symbol} = {card.name}" for card in cards)
    warnings = dict.fromkeys(card.warning for card in cards)
    note = " ".join(filter(None, [f"Mean over {over}; {interval}. Definitions: {definitions}.", *warnings]))
    return Table("Scores", note, wide, columns, frozenset() if alike else frozenset(wide.index))


def ranking_table(scores: Scores, tidy: pd.DataFrame) -> Table:
    """Mean ranks of the methods by each metric and over all, on the images that all have (``tidy``: of rank_table)."""
    wide = tidy.pivot(index="method", columns="metric", values="mean_rank")
    wide = wide.reindex([name for name in dict.fromkeys(scores.values["method"]) if name in wide.index])
    names = [name for name in scores.metrics if name in wide]
    wide = wide.assign(over=wide[names].mean(axis=1))
    columns = [Column("over", "all", "lower", 2)]
    columns += [Column(name, METRICS[name].symbol, "lower", 2) for name in names]
    images = int(tidy["clusters"].min())
    note = f"Rank on each image (1 = best of {len(wide)}), mean over {counted(images, 'image')}; all: over the metrics."
    if images < FEWEST_CLUSTERS:
        note += f" No tests of significance: n too small ({counted(images, 'image')})."
    else:
        note += " Friedman's and Wilcoxon's tests per metric, p corrected by Holm, are in ranking.csv."
    return Table("Mean rank", note, wide, columns)


def _directions(scores: Scores) -> dict:
    return {name: METRICS[name].direction for name in scores.metrics}


def _drawings(scores: Scores, rows: pd.DataFrame, tidy: pd.DataFrame, folder: Path) -> list[Drawing]:
    """The ranks by metric, and which of the mean ranks can be told apart."""
    if tidy.empty:
        return []
    methods = tuple(dict.fromkeys(rows["method"]))
    shared = {"titles": {name: name for name in methods}, "order": methods}
    ranks = tidy.pivot(index="method", columns="metric", values="mean_rank")
    ranks = ranks[[name for name in scores.metrics if name in ranks]].rename(columns=lambda name: METRICS[name].symbol)
    images = counted(int(tidy["clusters"].min()), "image")
    arguments = {"ranks": {images: ranks}, "title": "Mean rank by metric, 1 is best"} | shared
    drawings = [Drawing(folder / "ranks", draw_ranks, arguments)]
    of_images = cluster_ranks(rows, _directions(scores), ("metric",))
    if not of_images.empty and (found := nemenyi(of_images)):
        title = "Mean rank over the metrics; bars join methods that do not differ (Nemenyi, 0.05)"
        arguments = {"parts": {"Scored images": found}, "title": title, "units": "images"} | shared
        drawings.append(Drawing(folder / "critical-difference", draw_difference, arguments))
    return drawings
