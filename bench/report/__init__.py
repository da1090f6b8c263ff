"""From a run folder to what people read: tables, curves and one self-contained page."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.registry import FACTORS
from bench.report.curves import draw_curves, save
from bench.report.page import Section, write_page
from bench.report.summary import (
    CONDITION,
    DETECTION_QUANTITIES,
    curve_points,
    detection_samples,
    fusion_scores,
    in_order,
    robustness_scores,
    selected,
    with_bounds,
)
from bench.report.tables import Column, Table, latex, markdown
from bench.statistics.detection import ALL, DetectionSamples, detection_table
from bench.statistics.ranks import rank_table
from bench.statistics.robustness import crossover_table, fusion_gain, robustness_table
from bench.store import RunFolder, write_atomically
from bench.suite import Suite

log = logging.getLogger(__name__)

REFERENCES = {
    "none": "the fused image alone",
    "clean": "compared with the clean pair (recovery)",
    "seen": "compared with the inputs as the method saw them",
}
ROBUSTNESS_METRICS = ("vif", "qabf", "ssim_mean")
"""What stands in the robustness tables of a run without detection."""


@dataclass(frozen=True)
class Run:
    """What the parts of a report need to know of their run."""

    info: dict
    suite: Suite
    titles: dict[str, str]
    """Names for the reader, of methods and factors."""
    sources: frozenset[str]
    """Methods that only show one source."""
    curves: Path


def write_report(folder: RunFolder) -> list[Section]:
    """Derive everything that is shown from the shards of ``folder`` and write it there.

    ``tables/*.{csv,md,tex}``, ``curves/*.{png,pdf}`` and ``index.html``. Nothing is written where there are no rows.
    """
    info = folder.read_info()
    run = _describe(info, folder.path / "curves")
    rows = selected(folder.rows(), run.suite, folder.pairs()["image"])
    if rows.empty:
        log.warning("%s has no rows yet; nothing to report", folder.path)
        return []
    run.curves.mkdir(parents=True, exist_ok=True)
    scores = fusion_scores(rows)
    samples = detection_samples(folder, run.suite, info["classes"], rows)
    sections = [_detection(samples, run)] if samples else []
    sections += [_fusion(scores, run), _robustness(scores, samples, run), _ranking(rows, run)]
    for section in sections:
        _write_tables(folder.path / "tables", section)
    pictures = [*sorted((folder.path / "panels").glob("*.png")), *folder.path.glob("degradations.png")]
    page = write_page(info, sections, folder.failures(), pictures)
    write_atomically(folder.path / "index.html", lambda path: path.write_text(page))
    return sections


def _describe(info: dict, curves: Path) -> Run:
    suite, methods = Suite(**info["suite"]), info["methods"]
    titles = {name: FACTORS[name].title for name in suite.factors}
    titles |= {name: described["title"] for name, described in methods.items()}
    sources = frozenset(name for name, described in methods.items() if described["kind"] == "source")
    return Run(info, suite, titles, sources, curves)


def _fusion(scores: pd.DataFrame, run: Run) -> Section:
    section = Section("fusion", "Fusion metrics", scores)
    clean = scores["factor"] == CLEAN.factor
    count = int(scores["n"].max())
    if clean.any():
        # On a clean pair both references are the same images.
        kept = scores["reference"].isin(["none", run.suite.references[0]])
        section.tables.append(_metric_table(scores[clean & kept], run, "Clean pairs", f"Mean over {count} pairs."))
    for reference in run.suite.references if (~clean).any() else ():
        kept = scores["reference"].isin(["none", reference])
        note = f"Mean over {count} pairs and all degraded conditions; full-reference metrics {REFERENCES[reference]}."
        title = f"Degraded pairs, reference: {reference}"
        section.tables.append(_metric_table(scores[~clean & kept], run, title, note))
    for (metric, reference), group in scores.groupby(["metric", "reference"], sort=False):
        card = METRICS[metric]
        path = run.curves / (metric if reference == "none" else f"{metric}-{reference}")
        label = card.symbol if reference == "none" else f"{card.symbol} ({reference})"
        _curve(group, run, path, f"{card.title}: {REFERENCES[reference]}", label, card.direction, section)
    return section


def _metric_table(scores: pd.DataFrame, run: Run, title: str, note: str) -> Table:
    wide = scores.pivot_table(index="method", columns="metric", values="mean", sort=False)
    names = [name for name in scores["metric"].unique() if name in wide]
    columns = [Column(name, METRICS[name].symbol, METRICS[name].direction) for name in names]
    ids = ", ".join(f"{METRICS[name].symbol} = {name}" for name in names)
    note = f"{note} Source images alone are shown for orientation and not ranked. Definitions: {ids}."
    return _table(title, note, wide, columns, run, run.sources)


def _table(
    title: str,
    note: str,
    wide: pd.DataFrame,
    columns: list[Column],
    run: Run,
    unranked: Iterable[str] = (),
) -> Table:
    wide = wide.reindex([name for name in run.suite.methods if name in wide.index]).rename(index=run.titles)
    return Table(_labelled(title, run), note, wide, columns, frozenset(run.titles[name] for name in unranked))


def _labelled(title: str, run: Run) -> str:
    """Rendered scenes are called so wherever their numbers stand: a table or curve may leave its page."""
    return f"{title} (synthetic scenes)" if run.info["dataset"]["synthetic"] else title


def _curve(
    scores: pd.DataFrame,
    run: Run,
    path: Path,
    title: str,
    label: str,
    direction: str,
    section: Section,
) -> None:
    points = curve_points(scores, run.suite)
    if points["severity"].nunique() < 2:
        return
    several = len(run.suite.modalities) > 1
    for modality, group in points.groupby("modality", sort=False) if several else [("", points)]:
        to = path.with_name(f"{path.name}-{modality}") if several else path
        shown = f"{title} ({modality} degraded)" if several else title
        save(draw_curves(group, title=_labelled(shown, run), label=label, direction=direction, titles=run.titles), to)
        section.figures.append(to.with_suffix(".png"))


def _detection(samples: DetectionSamples, run: Run) -> Section:
    detection = in_order(detection_table(samples), run.suite)
    section = Section("detection", "Detection", detection)
    described = run.info["detector"]
    overall, clean = detection[detection["class"] == ALL], detection[detection["factor"] == CLEAN.factor]
    if not clean.empty:
        section.tables.append(_class_table(clean, run))
    for key, head in DETECTION_QUANTITIES.items():
        note = f"Mean over the factors {', '.join(run.titles[name] for name in run.suite.factors)}."
        section.tables += _severity_table(overall, key, f"{head} by severity", note, run)
        title, to = f"{head} of {described['name']}", run.curves / head.replace(":", "-").lower()
        _curve(with_bounds(overall, key), run, to, title, head, "higher", section)
    gains = in_order(fusion_gain(samples, "AP50"), run.suite)
    if not gains.empty:
        note = "mAP50 of the method minus that of the better single source under the same condition, mean over factors."
        section.tables += _severity_table(gains, "gain", "Fusion gain by severity", note, run)
    return section


def _class_table(clean: pd.DataFrame, run: Run) -> Table:
    overall = clean[clean["class"] == ALL].set_index("method")
    wide = clean.pivot(index="method", columns="class", values="AP50").join(overall[["AP75", "AP"]])
    present = [name for name in run.info["classes"] if not wide[name].isna().all()]
    columns = [Column(name, name, digits=3) for name in present]
    columns += [Column(ALL, "mAP50", digits=3), Column("AP75", "mAP75", digits=3), Column("AP", "mAP50:95", digits=3)]
    detector = run.info["detector"]
    mapped = ", ".join(f"{label} → {name}" for label, name in detector["class_map"].items())
    absent = [name for name in run.info["classes"] if name not in present]
    note = (
        f"AP50 per class and mean average precision over {int(overall['images'].max())} labelled pairs. Detector "
        f"{detector['name']}, protocol {detector['protocol']}: one detector for all methods ({mapped})."
    )
    if absent:
        note += f" These pairs show no {', '.join(absent)}: not part of the mean."
    return _table("Clean pairs", note, wide, columns, run)


def _severity_table(scores: pd.DataFrame, key: str, title: str, note: str, run: Run) -> list[Table]:
    """Methods × severities, the mean over factors; nothing where only one severity was run."""
    wide = scores.groupby(["method", "severity"], sort=False)[key].mean().unstack().sort_index(axis=1)
    if wide.shape[1] < 2:
        return []
    columns = [Column(severity, "clean" if severity == 0 else f"severity {severity}", digits=3) for severity in wide]
    return [_table(title, note, wide, columns, run)]


def _robustness(scores: pd.DataFrame, samples: DetectionSamples | None, run: Run) -> Section:
    fusion = robustness_scores(scores)
    parts = [fusion]
    if samples and CLEAN.severity in run.suite.severities:
        for key, head in DETECTION_QUANTITIES.items():
            parts.append(robustness_table(samples, key).assign(metric=head, reference="none"))
    tidy = in_order(pd.concat(parts[::-1], ignore_index=True), run.suite)
    section = Section("robustness", "Robustness", tidy)
    fidelity = [name for name in ROBUSTNESS_METRICS if name in set(fusion["metric"])]
    for metric in list(DETECTION_QUANTITIES.values()) if len(parts) > 1 else fidelity:
        part = tidy[(tidy["metric"] == metric) & tidy["reference"].isin(["none", "clean"])]
        if not part.empty:
            section.tables.append(_robustness_table(part, metric, run))
    if len(parts) > 1:
        section.tables += _crossover_table(samples, run)
    return section


def _robustness_table(part: pd.DataFrame, metric: str, run: Run) -> Table:
    of_detector = metric in DETECTION_QUANTITIES.values()
    head, direction = (metric, "higher") if of_detector else (METRICS[metric].symbol, METRICS[metric].direction)
    overall = part[part["factor"] == ALL].set_index("method")[["P", "mPC", "rPC"]]
    per_factor = _per_factor(part[part["factor"] != ALL], "mPC")
    columns = [Column("P", "P (clean)", direction, 3), Column("mPC", "mPC", direction, 3)]
    columns += [Column("rPC", "rPC", direction, 3)]
    columns += [Column(key, _factor_title(key, run), direction, 3) for key in per_factor]
    note = (
        f"{head} on clean pairs (P), its mean over factors and over the severities from 1 that were run (mPC), "
        f"rPC = mPC / P, and mPC per factor."
    )
    if not of_detector:
        note += " Compared with the clean pair. Source images alone are not ranked."
    unranked = () if of_detector else run.sources
    wide = pd.concat([overall, per_factor], axis=1)
    return _table(f"Robustness of {head}", note, wide, columns, run, unranked)


def _crossover_table(samples: DetectionSamples, run: Run) -> list[Table]:
    crossover = crossover_table(samples, "AP50")
    if crossover.empty:
        return []
    wide = _per_factor(in_order(crossover, run.suite), "crossover")
    highest = int(crossover["highest"].max())
    columns = [Column(key, _factor_title(key, run), "higher", 2) for key in wide]
    note = (
        f"The severity at which mAP50 falls to that of the better single source, interpolated; 0: no gain to begin "
        f"with, ∞: the gain lasts to severity {highest}, the highest run."
    )
    return [_table("Severity at which the fusion gain is lost", note, wide, columns, run)]


def _per_factor(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Methods × (factor, modality), in the order of the rows."""
    keys = list(zip(frame["factor"], frame["modality"], strict=True))
    places = {of: place for place, of in enumerate(dict.fromkeys(keys))}
    wide = frame.assign(place=[places[of] for of in keys]).pivot(index="method", columns="place", values=key)
    return wide.set_axis(pd.Index(list(places), tupleize_cols=False), axis=1)


def _factor_title(key: tuple[str, str], run: Run) -> str:
    factor, modality = key
    return run.titles[factor] + (f" ({modality})" if len(run.suite.modalities) > 1 else "")


def _ranking(rows: pd.DataFrame, run: Run) -> Section:
    """Mean ranks with tests of significance (CSV), and their mean over the metrics (tables)."""
    directions = {name: METRICS[name].direction for name in rows["metric"].unique()}
    fused = rows[~rows["method"].isin(run.sources)]
    tidy = rank_table(fused, directions, (*CONDITION, "metric", "reference"))
    section = Section("ranking", "Ranking", tidy)
    if tidy.empty:
        return section
    tidy = tidy[tidy["reference"].isin(["none", run.suite.references[0]])]
    clean = tidy["factor"] == CLEAN.factor
    parts = {"clean": tidy[clean], "degraded": tidy[~clean]}
    parts |= {name: tidy[tidy["factor"] == name] for name in run.suite.factors}
    wide = pd.DataFrame({name: of.groupby("method")["mean_rank"].mean() for name, of in parts.items() if len(of)})
    columns = [Column(name, run.titles.get(name, name), "lower", 2) for name in wide]
    metrics = ", ".join(METRICS[name].symbol for name in directions)
    note = (
        f"Rank on each scene (1 = best of {len(wide)}), mean over {int(tidy['clusters'].max())} scenes and over "
        f"{metrics} (reference: {run.suite.references[0]}); source images alone take no part. Friedman's and "
        f"Wilcoxon's tests per metric are in ranking.csv."
    )
    section.tables.append(_table("Mean rank over the fusion metrics", note, wide, columns, run))
    return section


def _write_tables(folder: Path, section: Section) -> None:
    text = {
        "csv": section.tidy.to_csv(index=False),
        "md": f"## {section.heading}\n\n" + "\n".join(markdown(table) for table in section.tables),
        "tex": "\n".join(latex(table) for table in section.tables),
    }
    for ending, content in text.items():
        write_atomically(folder / f"{section.name}.{ending}", lambda path, content=content: path.write_text(content))
