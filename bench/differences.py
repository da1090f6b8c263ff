"""What changed from one run to another: paired differences of the same methods, and of the best of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.metrics import METRICS
from bench.report.page.findings import Finding
from bench.report.precision import Precision
from bench.report.tables import Column, Direction, Table
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.differences import paired_differences, precision_differences
from tsdm_bench.words import counted

BEST = "best of each"
"""Row in which the best fusion method of either run by mAP50, without detections by VIF, is compared."""
GUIDES = ("vif", "qabf", "ssim_mean")
"""Metrics by which the best method is chosen where there are no detections: the first that the runs have."""


@dataclass(frozen=True)
class Run:
    """What one run adds to a difference."""

    name: str
    rows: pd.DataFrame
    """The long table of the shared pairs and conditions."""
    fused: Sequence[str]
    """Methods that are no sources."""
    titles: Mapping[str, str]
    precision: Precision | None


@dataclass(frozen=True)
class Differences:
    """Tables of second − first, one for clean and one for degraded pairs, and what they say in sentences."""

    tables: tuple[Table, ...]
    findings: tuple[Finding, ...]


def differences(first: Run, second: Run) -> Differences:
    """Every quantity of ``second`` minus that of ``first`` on the same pairs and conditions.

    Empty where the runs have no method in common and nothing to choose a best one by.
    """
    methods = {second.titles.get(name, name): (name, name) for name in second.fused if name in first.fused}
    best = (_best(first), _best(second))
    if best[0] and best[1] and best[0] != best[1]:
        methods[f"{BEST} ({first.titles[best[0]]} → {second.titles[best[1]]})"] = (best[0], best[1])
    if not methods:
        return Differences((), ())
    nearer = [name for name, card in METRICS.items() if card.direction == "zero"]
    found = paired_differences(first.rows, second.rows, methods, nearer)
    found["quantity"] = found["metric"] + ("-" + found["reference"]).where(found["reference"] != "none", "")
    found["direction"] = found["metric"].map(_direction)
    found["head"] = found["metric"].map(lambda name: METRICS[name].symbol)
    found["head"] += (" (" + found["reference"] + ")").where(found["reference"] != "none", "")
    parts = [*_of_detection(first, second, methods), found]
    table = pd.concat(parts, ignore_index=True)
    tables, sentences = [], []
    for condition, part in table.groupby("condition", sort=True):
        tables.append(_table(str(condition), part, first, second))
        sentences.append(_finding(str(condition), part, first, second))
    return Differences(tuple(tables), tuple(sentences))


def _direction(metric: str) -> Direction:
    """Of a difference: of distances from zero, smaller is better."""
    direction = METRICS[metric].direction
    return "lower" if direction == "zero" else direction


def _best(run: Run) -> str:
    """The fusion method that is best over the clean and degraded pairs; nothing where none can be named."""
    if run.precision is not None and run.precision.ranked:
        samples, measure, name = run.precision.samples, run.precision.measure, run.precision.name
        cells = samples.cells[samples.cells["method"].isin(list(run.fused))]
        means = pd.Series(samples.of(measure, name)[cells.index, 0]).groupby(cells["method"].to_numpy()).mean()
        return str(means.idxmax())
    rows = run.rows[run.rows["method"].isin(list(run.fused))]
    guide = next((name for name in GUIDES if name in set(rows["metric"])), None)
    if guide is None or METRICS[guide].direction != "higher":
        return ""
    return str(rows[rows["metric"] == guide].groupby("method")["value"].mean().idxmax())


def _of_detection(first: Run, second: Run, methods: Mapping[str, tuple[str, str]]) -> list[pd.DataFrame]:
    one, other = first.precision, second.precision
    if one is None or other is None or one.name != other.name or one.samples.images != other.samples.images:
        return []
    parts = []
    for head, measure in one.quantities.items():
        part = precision_differences(one.samples, other.samples, methods, measure, one.name)
        parts.append(part.assign(quantity=head, head=head, direction="higher"))
    return parts


def _table(condition: str, part: pd.DataFrame, first: Run, second: Run) -> Table:
    wide = part.pivot(index="label", columns="quantity", values=["mean", "low", "high"])
    wide.columns = [f"{quantity} {what}" for what, quantity in wide.columns]
    wide = wide.reindex(part["label"].unique())
    columns = []
    for row in part.drop_duplicates("quantity").itertuples():
        mean, low, high = (f"{row.quantity} {what}" for what in ("mean", "low", "high"))
        columns.append(Column(mean, row.head, row.direction, interval=(low, high), ranked=False))
    clusters = int(part["clusters"].min())
    note = f"{second.name} minus {first.name}, pair by pair, on the {condition} pairs that both runs have. "
    if clusters < FEWEST_CLUSTERS:
        note += f"No 95 % intervals: n too small ({counted(clusters, 'cluster')})."
    else:
        note += (
            f"95 % intervals over resampled scenes ({clusters} clusters), the same for both runs: where one does not "
            f"hold 0, the runs differ in that number alone; several are shown and none is corrected for that."
        )
    return Table(f"Differences on {condition} pairs", note, wide, columns)


def _finding(condition: str, part: pd.DataFrame, first: Run, second: Run) -> Finding:
    """In how many quantities the second run is better, worse or not told apart, method by method."""
    sign = part["direction"].map({"higher": 1.0, "lower": -1.0}).fillna(0.0)
    low, high = part["low"] * sign, part["high"] * sign
    better, worse = (low.where(sign > 0, high) > 0), (high.where(sign > 0, low) < 0)
    counts = part.assign(better=better, worse=worse).groupby("label", sort=False)[["better", "worse"]].sum()
    number = part["quantity"].nunique()
    question = f"{second.name} against {first.name}, {condition}"
    clusters = int(part["clusters"].min())
    if clusters < FEWEST_CLUSTERS:
        positive = (part["mean"] * sign > 0).groupby(part["label"], sort=False).sum()
        text = "; ".join(f"{label}: higher by its mean in {of} of {number}" for label, of in positive.items())
        sure = f"Not sure: {counted(clusters, 'scene cluster')} only, too few for an interval."
        return Finding(question, "Too few scenes to say", f"{text.replace('higher', 'better')}.", sure, "differences")
    text = "; ".join(
        f"{label}: better in {row.better}, worse in {row.worse} of {number}" for label, row in counts.iterrows()
    )
    answer = f"Better in {int(better.sum())}, worse in {int(worse.sum())} of {counted(len(part), 'comparison')}"
    sure = f"Paired 95 % intervals over {clusters} resampled scene clusters; a comparison counts where 0 lies outside."
    return Finding(question, answer, f"{text}.", sure, "differences")
