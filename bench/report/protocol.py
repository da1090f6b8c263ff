"""What may be read from metrics under degradation: which rise with noise, and which predict detection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.metrics import METRICS
from bench.report.layout import Run, Section, detector_name, factor_title, interval_note, labelled
from bench.report.precision import Precision
from bench.report.tables import Column, Table
from bench.statistics.prediction import ALL_DEGRADED, metric_agreement
from bench.statistics.severity import severity_correlation
from degradation.factor import STAGES
from degradation.mixed_condition import find_factor
from tsdm_bench.words import counted

NOISY = STAGES.index("sensor")
"""The stage of the factors that are noise."""
RISES = 0.5
"""The mean ρ from which a metric is said to get better with noise."""
MARK = "‡"
SOURCE = {"ir": "infrared", "vis": "visible"}


@dataclass(frozen=True)
class Response:
    """How the metrics without a reference answer to degradation alone, measured on the source images."""

    table: pd.DataFrame
    """Of :func:`bench.statistics.severity.severity_correlation`; empty where the run cannot tell."""

    def _noisy(self) -> pd.Series:
        """Which rows are of a factor that is noise."""
        return self.table["factor"].map(_is_noise).astype(bool)

    def risers(self) -> Mapping[str, str]:
        """The metrics that noise makes better, each with its strongest case in words."""
        found = {}
        for metric, of in self.table[self._noisy()].groupby("metric", sort=False):
            sign = -1 if METRICS[str(metric)].direction == "lower" else 1
            strongest = of.loc[(sign * of["rho"]).fillna(-2).idxmax()]
            if sign * strongest["rho"] >= RISES:
                name = find_factor(strongest["factor"]).title
                found[str(metric)] = f"{strongest['rho']:+.2f} under {name} ({SOURCE[strongest['method']]})"
        return found

    def note(self, metrics: Iterable[str]) -> str:
        """What a table of degraded pairs says of those of its ``metrics`` that have no reference."""
        alone = [name for name in metrics if not METRICS[name].reference]
        measured = set(self.table.loc[self._noisy(), "metric"])
        told = {METRICS[name].symbol: text for name, text in self.risers().items() if name in alone}
        note = ""
        if told:
            strongest = "; ".join(f"{symbol} {text}" for symbol, text in told.items())
            note += (
                f" {MARK} rises with noise and so rewards what a method leaves of it (falls, where less is better): "
                f"Spearman's ρ between severity and value on the source images is {strongest}. Not ranked here."
            )
        if unknown := [METRICS[name].symbol for name in alone if name not in measured]:
            note += (
                f" Whether {', '.join(unknown)} rise with noise was not measured: run ir and vis under a noise factor."
            )
        return note


def measure_response(rows: pd.DataFrame) -> Response:
    """The response of the metrics in the rows of a run."""
    return Response(severity_correlation(rows))


def response_section(response: Response, run: Run) -> Section | None:
    """A table of ρ: metrics × factors, on the image that is hit; None where the run cannot tell."""
    of = response.table
    if of.empty:
        return None
    section = Section("response", "What degradation does to metrics without a reference", of)
    keys = list(zip(of["factor"], of["modality"], of["method"], strict=True))
    heads = {key: f"{factor_title(key[:2], run)}, {SOURCE[key[2]]}" for key in dict.fromkeys(keys)}
    wide = of.assign(place=[heads[key] for key in keys]).pivot(index="metric", columns="place", values="rho")
    wide = wide.reindex(list(dict.fromkeys(of["metric"]))).rename(index=_marked(response))
    columns = [Column(head, head, "", 2) for head in heads.values()]
    note = (
        f"Spearman's ρ between severity ({'; '.join(sorted(set(of['severities'])))}) and value on the images of each "
        f"source, degraded and not fused; mean over {counted(int(of['images'].max()), 'pair')}. +1: the value rises "
        f"with every severity, −1: it falls. {MARK} rises with noise (falls, where less is better)."
    )
    section.tables.append(Table(labelled("Response to degradation", run), note, wide, columns, rows="metric"))
    return section


def prediction_section(rows: pd.DataFrame, precision: Precision, response: Response, run: Run) -> Section | None:
    """Kendall's τ between the order of the methods by each metric and by mAP50; None where there is no such order.

    ``rows`` are those of the labelled pairs.
    """
    if not precision.ranked:
        return None
    directions = {name: METRICS[name].direction for name in rows["metric"].unique()}
    of_run = precision.measure, precision.name, tuple(run.sources)
    tidy = metric_agreement(rows, precision.samples, directions, *of_run)
    if tidy.empty:
        return None
    section = Section("prediction", "Which metric predicts detection?", tidy)
    marked = _marked(response)
    several = tidy[tidy["reference"] != "none"]["reference"].nunique() > 1
    names = [
        marked[metric] + (f" ({reference})" if several and reference != "none" else "")
        for metric, reference in zip(tidy["metric"], tidy["reference"], strict=True)
    ]
    tidy = tidy.assign(name=names)
    parts = {"clean": tidy[tidy["severity"] == 0], "degraded": tidy[tidy["factor"] == ALL_DEGRADED]}
    frames = [of.set_index("name")[["tau", "low", "high"]].add_prefix(f"{head} ") for head, of in parts.items()]
    frames += [
        of.groupby("name")["tau"].mean().rename(f"severity {severity}")
        for severity, of in tidy[tidy["severity"] > 0].groupby("severity")
    ]
    wide = pd.concat(frames, axis=1)
    by = next(f"{head} tau" for head in ("degraded", "clean") if len(parts[head]))
    wide = wide.sort_values(by, ascending=False, kind="stable")
    columns = [
        Column(f"{head} tau", head, "", 2, (f"{head} low", f"{head} high")) for head, of in parts.items() if len(of)
    ]
    columns += [Column(head, head, "", 2) for head in wide if str(head).startswith("severity ")]
    note = (
        f"Kendall's τ-b between the order of {int(tidy['methods'].max())} fusion methods by the metric and by "
        f"{precision.head} on the same {counted(precision.samples.images, 'labelled pair')}: 1 the same order, 0 "
        f"unrelated, −1 reversed. Degraded, and each severity: the mean of τ over the conditions. "
        f"{interval_note(precision.samples.clusters)} Detector {detector_name(run)}. {precision.note}"
        f"{response.note(directions)}"
    )
    section.tables.append(
        Table(labelled(f"Agreement of each metric with {precision.head}", run), note, wide, columns, rows="metric")
    )
    return section


def _is_noise(factor: str) -> bool:
    """Whether it is noise of the sensor and nothing else, so that what rises with it rises with noise."""
    found = find_factor(factor)
    steps = [step for modality in found.modalities for step in found.steps(modality)]
    return all(STAGES.index(step.stage) == NOISY for step in steps)


def _marked(response: Response) -> dict[str, str]:
    """The symbol of every metric, marked where it rises with noise."""
    risers = response.risers()
    return {name: card.symbol + (f" {MARK}" if name in risers else "") for name, card in METRICS.items()}
