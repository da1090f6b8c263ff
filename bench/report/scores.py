"""Tables of scored folders (`score --out`), as those of a run."""

from __future__ import annotations

from pathlib import Path

from bench.metrics import METRICS
from bench.report.tables import Column, Table, latex, markdown
from bench.scoring import Scores, means, of_common_images
from bench.statistics.clusters import FEWEST_CLUSTERS
from tsdm_bench.files import write_csv, write_text
from tsdm_bench.words import counted


def write_scores(scores: Scores, folder: Path) -> None:
    """Write ``values.csv`` (every image and metric), and ``tables/scores.{csv,md,tex}`` (means)."""
    table = score_table(scores)
    write_csv(folder / "values.csv", scores.values)
    write_csv(folder / "tables" / "scores.csv", means(scores.values))
    for ending, text in (("md", markdown(table)), ("tex", latex(table))):
        write_text(folder / "tables" / f"scores.{ending}", text)


def score_table(scores: Scores) -> Table:
    """Means over the images that all methods have; over each one's own, and not ranked, where there are none."""
    common = of_common_images(scores.values)
    alike = len(common) > 0
    table = means(common if alike else scores.values)
    wide = table.pivot(index="method", columns="metric", values="mean")
    for beside in ("low", "high", "n"):
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
        )
        for card in cards
    ]
    shared = f"the {counted(count, 'image')} of {every} that all methods have"
    over = shared if alike else "the images of each method, not ranked"
    interval = "95 % bootstrap intervals over images"
    if count < FEWEST_CLUSTERS:
        interval = f"n too small for intervals ({counted(count, 'image')}, fewer than {FEWEST_CLUSTERS})"
    definitions = ", ".join(f"{card.symbol} = {card.name}" for card in cards)
    note = f"Mean over {over}; {interval}. Definitions: {definitions}."
    return Table("Scores", note, wide, columns, frozenset() if alike else frozenset(wide.index))
