"""Detection: average precision by class, severity and scene, with intervals, and what fusing gains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from bench.plan import CLEAN
from bench.report.layout import Run, Section, add_curve, detector_name, interval_note, table
from bench.report.summary import Precision, in_order, pooled_precision, with_bounds
from bench.report.tables import Column, Table
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.detection import detection_table
from bench.statistics.robustness import complete_methods, difference_to, fusion_gain
from detectors.evaluation import ALL, COUNTED, POOLED
from tsdm_bench.words import counted


def detection_section(precision: Precision, run: Run) -> Section:
    """Average precision per class and on average: tables on clean pairs, curves against severity."""
    detection = in_order(detection_table(precision.samples), run.suite)
    detector = run.record.detector_facts
    section = Section("detection", "Detection", detection.assign(detector=detector.name, protocol=detector.protocol))
    overall, clean = detection[detection["class"] == precision.name], detection[detection["factor"] == CLEAN.factor]
    if not clean.empty:
        section.tables.append(_class_table(clean, precision, run))
        section.tables += _difference_table(precision, run)
    for head, measure in precision.quantities.items():
        note = f"Mean over the factors {', '.join(run.factors.values())}. {precision.note}"
        section.tables += _severity_table(overall, measure, f"{head} by severity", note, precision, run)
        title, name = f"{head} of {detector_name(run)}", head.replace(":", "-").lower()
        title += "" if precision.ranked else ", too few objects to rank by"
        points, samples = with_bounds(overall, measure), precision.samples
        pooled = pooled_precision(precision, measure)
        add_curve(points, run, name, title, head, "higher", section, samples.images, samples.clusters, pooled)
    gains = in_order(fusion_gain(precision.samples, "AP50", precision.name), run.suite)
    if not gains.empty:
        head = next(iter(precision.quantities))
        note = (
            f"{head} of the method minus that of the better single source under the same condition, mean over factors. "
            f"{precision.note}"
        )
        section.tables += _severity_table(gains, "gain", "Fusion gain by severity", note, precision, run)
    return section


def scene_section(by_scene: pd.DataFrame, run: Run) -> Section:
    """Average precision on the clean pairs of each scene (``detection_by_scene``)."""
    section = Section("scenes", "Detection by scene", by_scene)
    fewest = run.suite.detection.fewest_objects
    shown, columns, frames = [], [], list[pd.DataFrame]()
    for scene, part in by_scene.groupby("scene", sort=True):
        means = part[part["class"] == COUNTED]
        enough = bool(means["AP50"].notna().any())
        own = (means if enough else part[part["class"] == ALL]).set_index("method")
        place = len(frames)
        keys = [f"{place} {name}" for name in ("AP50", "AP50_low", "AP50_high", "images")]
        frames.append(own[["AP50", "AP50_low", "AP50_high", "images"]].set_axis(keys, axis=1))
        pairs, clusters = int(own["images"].max()), int(own["clusters"].max())
        head = str(scene) if enough else f"{scene} (mAP50_all)"
        columns.append(
            Column(keys[0], head, digits=3, interval=(keys[1], keys[2]), count=keys[3], full=pairs, ranked=enough)
        )
        shown.append(f"{scene} {counted(pairs, 'pair')}, {_objects(part)}, {_clusters(clusters)}")
    note = (
        f"mAP50 on clean pairs, {detector_name(run)}, the mean over the classes with at least {fewest} objects in the "
        f"scene; mAP50_all, unranked, where no class has as many: too few objects. 95 % intervals over resampled "
        f"scenes, none where n is too small. {'. '.join(shown)}."
    )
    section.tables.append(table("mAP50 by scene", note, pd.concat(frames, axis=1), columns, run, run.sources))
    return section


def _clusters(number: int) -> str:
    return counted(number, "cluster") if number >= FEWEST_CLUSTERS else f"n too small ({counted(number, 'cluster')})"


def _objects(part: pd.DataFrame) -> str:
    classes = part[~part["class"].isin([ALL, COUNTED, POOLED])].groupby("class", sort=False)["truths"].max()
    return ", ".join(f"{name} {number}" for name, number in classes.items() if number)


def _difference_table(precision: Precision, run: Run) -> list[Table]:
    """What every method lacks to the best fusion method on clean pairs; nothing where too few can be compared."""
    samples = precision.samples
    clean = samples.cells["severity"] == 0
    comparable = [name for name in complete_methods(samples, clean) if name not in run.sources]
    if not precision.ranked or len(complete_methods(samples, clean)) < 2 or not comparable:
        return []
    of_clean = samples.cells[clean & samples.cells["method"].isin(comparable)]
    best = samples.cells.at[of_clean.index[samples.of("AP50")[of_clean.index, 0].argmax()], "method"]
    differences = difference_to(samples, best, "AP50")
    earned = samples.clusters >= FEWEST_CLUSTERS
    parts, columns = [], []
    for part, own in differences.groupby("part", sort=False):
        parts.append(own.set_index("method")[["difference", "low", "high", "p"]].add_prefix(f"{part} "))
        columns.append(Column(f"{part} difference", part, "", 3, (f"{part} low", f"{part} high")))
        if earned:
            columns.append(Column(f"{part} p", "p", "", 3))
    note = (
        f"mAP50 of the method minus that of {run.titles[best]}, the best fusion method on clean pairs; degraded: mean "
        f"over all degraded conditions. {interval_note(samples.clusters, 'paired 95 % intervals')} "
    )
    if earned:
        note += f"p: bootstrap probability of no difference, corrected by Holm for the {len(differences)} comparisons. "
    note += precision.note
    return [table(f"Difference to {run.titles[best]}", note, pd.concat(parts, axis=1), columns, run)]


def _class_table(clean: pd.DataFrame, precision: Precision, run: Run) -> Table:
    samples, detector = precision.samples, run.record.detector_facts
    overall = clean[clean["class"] == precision.name].set_index("method")
    bounds = ["AP50_low", "AP50_high", "AP", "AP_low", "AP_high", "AP75", "images"]
    wide = clean.pivot(index="method", columns="class", values="AP50").add_prefix("class ").join(overall[bounds])
    pooled = clean[clean["class"] == POOLED].set_index("method")
    wide = wide.join(pooled[["AP50_low", "AP50_high"]].add_prefix("pooled "))
    whole: dict[str, Any] = {"count": "images", "full": samples.images, "digits": 3}
    present = [name for name in run.record.classes if samples.objects.get(name)]
    columns = [Column(f"class {name}", name, ranked=name in samples.counted, **whole) for name in present]
    suffix = "" if precision.ranked else "_all"
    ranked: dict[str, Any] = {} if precision.ranked else {"ranked": False}
    columns += [
        Column(f"class {precision.name}", f"mAP50{suffix}", interval=("AP50_low", "AP50_high"), **whole, **ranked),
        Column("AP75", f"mAP75{suffix}", **whole, **ranked),
        Column("AP", f"mAP50:95{suffix}", interval=("AP_low", "AP_high"), **whole, **ranked),
        Column(f"class {POOLED}", "mAP50_pooled", interval=("pooled AP50_low", "pooled AP50_high"), **whole, **ranked),
    ]
    rare = [name for name in present if name not in samples.counted]
    if precision.ranked and rare:
        columns.append(Column(f"class {ALL}", "mAP50_all", ranked=False, **whole))
    mapped = ", ".join(f"{label} → {name}" for label, name in detector.class_map.items())
    absent = [name for name in run.record.classes if name not in present]
    note = (
        f"AP50 per class and mean average precision over {counted(samples.images, 'labelled pair')}. {precision.note} "
        f"mAP50_pooled: the detections and objects of all classes together, each matched within its class."
    )
    if precision.ranked and rare:
        note += " mAP50_all: the mean over every class, not ranked."
    note += f" {interval_note(samples.clusters)} Detector {detector_name(run)}: {detector.explanation} ({mapped})."
    blind = [name for name in present if name not in detector.class_map.values()]
    if blind:
        note += f" The detector knows no {', '.join(blind)}: AP 0 for every method, and part of any mean it counts in."
    if absent:
        note += f" These pairs show no {', '.join(absent)}: not part of the mean."
    return replace(table("Clean pairs", note, wide, columns, run, run.sources), of="detection")


def _severity_table(
    scores: pd.DataFrame, key: str, title: str, note: str, precision: Precision, run: Run
) -> list[Table]:
    """Methods × severities, the mean over factors; nothing where only one severity was run."""
    by = ["method", "severity"]
    means = scores.groupby(by, sort=False)[key].mean().unstack().sort_index(axis=1)
    if means.shape[1] < 2:
        return []
    counts = scores.groupby(by, sort=False)["images"].sum().unstack()
    columns = []
    for severity in means:
        conditions = sum(of == severity for _, of, _ in run.basis.conditions)
        columns.append(
            Column(severity, "clean" if severity == 0 else f"severity {severity}", digits=3, count=f"{severity} n",
                   full=precision.samples.images * conditions, ranked=precision.ranked)
        )  # fmt: skip
    return [table(title, note, means.join(counts.add_suffix(" n")), columns, run, run.sources)]
