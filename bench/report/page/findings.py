"""What a run found, in sentences computed from its numbers: who wins, whether fusing helps, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.diagnosis import SHARES, fused
from bench.report.layout import TRAINED_HERE, Run, Section, detector_name
from bench.report.precision import Precision
from bench.report.robustness import ROBUSTNESS_METRICS
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.diagnosis import falls
from bench.statistics.robustness import SOURCES, crossover_table, fusion_gain, mean_gain
from detectors.evaluation import ALL
from detectors.evaluation.fates import SHOWN_FROM
from tsdm_bench.words import counted

CONDITION = ["factor", "severity", "modality"]


@dataclass(frozen=True)
class Finding:
    """One question, its answer in a few words, the numbers behind it, and how sure it is."""

    question: str
    answer: str
    text: str
    sure: str
    section: str
    """Of the page, where the numbers stand."""


def findings(sections: Sequence[Section], precision: Precision | None, run: Run) -> list[Finding]:
    """What the tables of a report say, the most important first; empty where nothing competes."""
    of = {section.name: section for section in sections}
    found: list[Finding | None] = []
    if "ranking" in of:
        found += _winners(of["ranking"].tidy, run)
    if precision is None:
        found.append(_survival(of["robustness"].tidy, run) if "robustness" in of else None)
        found.append(_no_detection(run))
    elif not precision.ranked:
        text = precision.note.removeprefix("Too few objects: ")
        text = f"{text[:1].upper()}{text[1:]}"
        found.append(Finding("Does fusing help the detector?", "Too few objects to say", text, "", "detection"))
    else:
        if "robustness" in of:
            found.append(_detector(of["robustness"].tidy, precision, run))
        found.append(_against("Does fusing help the detector?", SOURCES, "the better source", precision, run))
        gains = fusion_gain(precision.samples, precision.measure, precision.name)
        found.append(_until(gains[~gains["method"].isin(run.sources)], precision, run))
        both = "Or give the detector both images?"
        found += [_against(both, (name,), _title(name, run), precision, run) for name in run.unfused]
        if "diagnosis" in of:
            found.append(_why(of["diagnosis"].tidy, precision, run))
    return [finding for finding in found if finding is not None]


# --- fusion metrics ---


def _winners(ranks: pd.DataFrame, run: Run) -> Iterator[Finding | None]:
    ranks = ranks[ranks["reference"].isin(["none", run.suite.references[0]])]
    is_clean = ranks["factor"] == CLEAN.factor
    clean = _winner("Best fusion metrics, clean", ranks[is_clean], run)
    degraded = _winner("Best fusion metrics, degraded", ranks[~is_clean], run)
    yield clean
    yield degraded


def _winner(question: str, ranks: pd.DataFrame, run: Run) -> Finding | None:
    if ranks.empty:
        return None
    mean = ranks.groupby("method")["mean_rank"].mean().sort_values(kind="stable")
    first = mean[mean.round(2) == round(mean.iloc[0], 2)].index.tolist()
    metrics, conditions = ranks["metric"].nunique(), len(ranks[CONDITION].drop_duplicates())
    over = counted(metrics, "metric") + (f" and {counted(conditions, 'condition')}" if conditions > 1 else "")
    text = f"Mean rank {mean.iloc[0]:.2f} of {len(mean)} methods over {over}"
    if len(mean) > len(first):
        next_one = mean.index[len(first)]
        text += f"; next {run.titles[next_one]}, {mean.iloc[len(first)]:.2f}"
    return Finding(question, _names(first, run), f"{text}.", _sure_of_ranks(ranks, first[0], run), "ranking")


def _sure_of_ranks(ranks: pd.DataFrame, method: str, run: Run) -> str:
    clusters = int(ranks["clusters"].min())
    if clusters < FEWEST_CLUSTERS:
        return f"Not sure: {counted(clusters, 'scene cluster')} only, too few for a test; the order may be chance."
    groups = [group for _, group in ranks.groupby([*CONDITION, "metric", "reference"], sort=False)]
    among = sum(bool(group.loc[group["method"] == method, "tied"].any()) for group in groups)
    alone = sum(set(group.loc[group["tied"], "method"]) == {method} for group in groups)
    one = ranks[CONDITION].drop_duplicates().shape[0] == 1
    what = counted(len(groups), "metric" if one else "comparison") + ("" if one else " (metric × condition)")
    return (
        f"Of {what}, {_title(method, run)} is alone at the top in {alone} and not told apart from the "
        f"best in {among} (Friedman and Wilcoxon, p < 0.05, Holm; {clusters} scene clusters)."
    )


def _survival(robustness: pd.DataFrame, run: Run) -> Finding | None:
    """How much of a fusion metric is left under degradation, and who has most of it."""
    names = [name for name in ROBUSTNESS_METRICS if name in set(robustness["metric"])]
    table = robustness[(robustness["factor"] == ALL) & (robustness["reference"] == "clean")]
    table = table[table["metric"].isin(names[:1]) & table["method"].isin(run.basis.complete)]
    own = table[~table["method"].isin(run.sources)].set_index("method").dropna(subset=["P", "mPC"])
    if own.empty:
        return None
    symbol, kept = METRICS[names[0]].symbol, own["mPC"] / own["P"]
    best, most = own["mPC"].idxmax(), kept.idxmax()
    clean, degraded = own["P"].mean(), own["mPC"].mean()
    least = f"least of its own is lost by {_title(most, run)}, {own['mPC'][most]:.3f} (clean {own['P'][most]:.3f})"
    text = (
        f"{symbol} compared with the clean pair, mean over {counted(len(own), 'method')}: {clean:.3f} clean, "
        f"{degraded:.3f} degraded. Highest degraded: {_title(best, run)}, {own['mPC'][best]:.3f} (clean "
        f"{own['P'][best]:.3f}); {'it loses least of its own as well' if most == best else least}."
    )
    answer = f"{100 * degraded / clean:.0f} % of {symbol}"
    pairs = f"{counted(run.pairs, 'pair')}, {counted(run.degraded, 'degraded condition')}."
    return Finding("How much is left under degradation?", answer, text, pairs, "robustness")


# --- detection ---


def _no_detection(run: Run) -> Finding | None:
    if run.suite.detector is None:
        why = "No detector ran"
    else:
        why = "These pairs have no labelled objects, or what is stored of them cannot be read"
    text = f"{why}, so this run does not say whether fusing helps to detect."
    return Finding("Does fusing help the detector?", "Not measured", text, "", "run")


def _detector(robustness: pd.DataFrame, precision: Precision, run: Run) -> Finding | None:
    head = precision.head
    overall = robustness[(robustness["metric"] == head) & (robustness["factor"] == ALL)].set_index("method")
    overall = overall[[name in run.basis.complete and name not in run.sources for name in overall.index]]
    parts, winners = [], []
    for key, where in (("P", "clean"), ("mPC", "degraded")):
        values = overall[key].dropna() if key in overall else pd.Series(dtype=float)
        if values.empty:
            continue
        best = values.idxmax()
        row = overall.loc[best]
        interval = _interval(row[f"{key}_low"], row[f"{key}_high"]) if f"{key}_low" in overall else ""
        winners.append(best)
        parts.append(f"{where} {_title(best, run)}, {head} {values[best]:.3f}{interval}")
    if not parts:
        return None
    sure = f"Detector {detector_name(run)}; {_clusters(precision)}"
    names = _names(list(dict.fromkeys(winners)), run, " → ")
    return Finding("Most detected", names, f"{_capital('; '.join(parts))}.", sure, "detection")


def _against(question: str, rivals: Sequence[str], what: str, precision: Precision, run: Run) -> Finding | None:
    """Whether the methods beat the best of ``rivals``, called ``what``, on clean pairs and on average degraded."""
    gains = mean_gain(precision.samples, precision.measure, precision.name, rivals)
    gains = gains[~gains["method"].isin(run.sources)]
    sentences, answers = [], []
    for where, part in gains.groupby("part", sort=False):
        best = part.loc[part["gain"].idxmax()]
        better, worse = int((part["low"] > 0).sum()), int((part["high"] < 0).sum())
        sure = f" ({better} for sure{f', {worse} worse for sure' * (worse > 0)})" if part["low"].notna().any() else ""
        answers.append(f"{where} {int((part['gain'] > 0).sum())} of {counted(len(part), 'method')}{sure}")
        interval = _interval(best["low"], best["high"])
        sentences.append(f"{where}: at best {best['gain']:+.3f}{interval} by {_title(best['method'], run)}")
    if not answers:
        return None
    text = f"{precision.head} minus that of {what}, {'; '.join(sentences)}."
    if gains["low"].notna().any():
        text += " For sure: the interval leaves out 0."
    return Finding(question, f"Better than {what}: {', '.join(answers)}", text, _clusters(precision), "detection")


def _until(gains: pd.DataFrame, precision: Precision, run: Run) -> Finding | None:
    """Up to which severity the best method under degradation keeps its gain."""
    degraded = gains[gains["severity"] > 0]
    if degraded.empty or not (gains["severity"] == 0).any():
        return None
    best = degraded.groupby("method")["gain"].mean().idxmax()
    crossover = crossover_table(precision.samples, precision.measure, precision.name)
    own = crossover[crossover["method"] == best] if len(crossover) else crossover
    if own.empty:
        return None
    name, highest = _title(best, run), int(own["highest"].max())
    where = {factor: run.factors[factor] for factor in own["factor"]}
    question = "Up to which severity?"
    if (own["crossover"] == 0).all():
        text = f"{name}, the best under degradation, has no gain on clean pairs to begin with."
        return Finding(question, "No gain to lose", text, _clusters(precision), "robustness")
    lasting = own[own["crossover"].map(math.isinf)]
    lost = own[~own["crossover"].map(math.isinf)].sort_values("crossover")
    kinds = f"{len(lasting)} of {counted(len(own), 'kind')} of degradation"
    text = f"{name} keeps its gain up to severity {highest} under {kinds}"
    if len(lost):
        listed = [f"{where[row.factor]} ({row.crossover:.1f})" for row in lost.head(3).itertuples()]
        text += f"; it loses it first under {', '.join(listed)}"
    answer = f"Lost from severity {lost['crossover'].iloc[0]:.1f} on" if len(lost) else f"Kept to severity {highest}"
    return Finding(question, answer, f"{text}.", _clusters(precision), "robustness")


def _why(diagnosis: pd.DataFrame, precision: Precision, run: Run) -> Finding | None:
    """What becomes of the objects that are lost between clean pairs and the highest severity, mean over the factors."""
    changes = pd.DataFrame(
        {fate: after - before for fate, (before, after) in fall.fates.items()} for fall in falls(fused(diagnosis, run))
    )
    if changes.empty:
        return None
    mean = changes.mean()
    lost = mean.drop("found").sort_values(ascending=False)
    change = ", ".join(f"{SHARES[fate]} {100 * mean[fate]:+.1f}" for fate in SHARES)
    answer = f"More of them {SHARES[lost.index[0]]}" if mean["found"] < 0 < lost.iloc[0] else "No more objects are lost"
    text = (
        f"From clean pairs to the highest severity, mean over {counted(len(changes), 'kind')} of degradation and the "
        f"fusion methods, in percentage points of all objects: {change} (score ≥ {SHOWN_FROM:g})."
    )
    return Finding("What becomes of the objects?", answer, text, _clusters(precision), "diagnosis")


# --- words ---


def _clusters(precision: Precision) -> str:
    number = precision.samples.clusters
    if number < FEWEST_CLUSTERS:
        return f"Not sure: {counted(number, 'scene cluster')} only, too few for an interval."
    return f"95 % intervals over {number} resampled scene clusters."


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) or math.isnan(high) else f" [{low:z.3f}, {high:z.3f}]"


def _title(method: str, run: Run) -> str:
    return run.titles[method]


def _names(methods: Sequence[str], run: Run, between: str = ", ") -> str:
    titles: Mapping[str, str] = run.titles
    text = between.join(titles[name] for name in methods)
    return f"{text} ({TRAINED_HERE} trained on pairs of this dataset)" if TRAINED_HERE in text else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
