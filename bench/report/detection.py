"""Detection: average precision by class, severity and scene, with intervals, and what fusing gains."""

from __future__ import annotations

import pandas as pd

from bench.plan import CLEAN
from bench.report.layout import Run, curve, detector_name, table
from bench.report.page import Section
from bench.report.summary import DETECTION_QUANTITIES, in_order, with_bounds
from bench.report.tables import Column, Table
from bench.statistics.detection import ALL, DetectionSamples, detection_table
from bench.statistics.robustness import fusion_gain, paired_difference


def detection_section(samples: DetectionSamples, run: Run) -> Section:
    detection = in_order(detection_table(samples), run.suite)
    named = {"detector": run.info["detector"]["name"], "protocol": run.info["detector"]["protocol"]}
    section = Section("detection", "Detection", detection.assign(**named))
    overall, clean = detection[detection["class"] == ALL], detection[detection["factor"] == CLEAN.factor]
    if not clean.empty:
        section.tables.append(_class_table(clean, run))
        section.tables += _difference_table(samples, overall[overall["severity"] == 0], run)
    for key, head in DETECTION_QUANTITIES.items():
        note = f"Mean over the factors {', '.join(run.titles[name] for name in run.suite.factors)}."
        section.tables += _severity_table(overall, key, f"{head} by severity", note, run)
        title, to = f"{head} of {detector_name(run)}", run.curves / head.replace(":", "-").lower()
        curve(with_bounds(overall, key), run, to, title, head, "higher", section)
    gains = in_order(fusion_gain(samples, "AP50"), run.suite)
    if not gains.empty:
        note = "mAP50 of the method minus that of the better single source under the same condition, mean over factors."
        section.tables += _severity_table(gains, "gain", "Fusion gain by severity", note, run)
    return section


def scene_section(by_scene: pd.DataFrame, run: Run) -> Section:
    """Average precision on the clean pairs of each scene (``detection_by_scene``)."""
    section = Section("scenes", "Detection by scene", by_scene)
    overall = by_scene[by_scene["class"] == ALL]
    bounds = ["AP50", "AP50_low", "AP50_high"]
    wide = overall.pivot(index="method", columns="scene", values=bounds)
    wide.columns = [f"{scene} {name}" for name, scene in wide.columns]
    counts = overall.groupby("scene")[["images", "truths"]].max()
    columns = [
        Column(f"{scene} AP50", scene, digits=3, interval=(f"{scene} AP50_low", f"{scene} AP50_high"))
        for scene in counts.index
    ]
    shown = ", ".join(f"{scene} {row.images} pairs, {row.truths} objects" for scene, row in counts.iterrows())
    note = f"mAP50 on clean pairs with 95 % intervals, {detector_name(run)}: {shown}."
    section.tables.append(table("mAP50 by scene", note, wide, columns, run))
    return section


def _difference_table(samples: DetectionSamples, clean: pd.DataFrame, run: Run) -> list[Table]:
    """What every method lacks to the best of the clean pairs; nothing where there is one method only."""
    if len(clean) < 2:
        return []
    best = clean.loc[clean["AP50"].idxmax(), "method"]
    parts, columns = [], []
    severity = samples.cells["severity"]
    for key, selected in (("clean", severity == 0), ("degraded", severity > 0)):
        pairs = paired_difference(samples, selected, "AP50")
        swapped = pairs.assign(first=pairs["second"], second=pairs["first"], difference=-pairs["difference"])
        swapped[["low", "high"]] = -pairs[["high", "low"]].to_numpy()
        own = pd.concat([pairs, swapped]).query("second == @best").set_index("first")
        if own.empty:
            continue
        parts.append(own[["difference", "low", "high", "p"]].add_prefix(f"{key} "))
        columns.append(Column(f"{key} difference", key, "", 3, (f"{key} low", f"{key} high")))
        columns.append(Column(f"{key} p", "p", "", 3))
    note = (
        f"mAP50 of the method minus that of {run.titles[best]}, the best on clean pairs, with paired 95 % intervals "
        f"over the same resampled scenes and the bootstrap probability p of no difference (not corrected for their "
        f"number); degraded: mean over all degraded conditions."
    )
    return [table(f"Difference to {run.titles[best]}", note, pd.concat(parts, axis=1), columns, run)]


def _class_table(clean: pd.DataFrame, run: Run) -> Table:
    overall = clean[clean["class"] == ALL].set_index("method")
    bounds = ["AP50_low", "AP50_high", "AP", "AP_low", "AP_high", "AP75"]
    wide = clean.pivot(index="method", columns="class", values="AP50").join(overall[bounds])
    present = [name for name in run.info["classes"] if not wide[name].isna().all()]
    columns = [Column(name, name, digits=3) for name in present]
    columns += [
        Column(ALL, "mAP50", digits=3, interval=("AP50_low", "AP50_high")),
        Column("AP75", "mAP75", digits=3),
        Column("AP", "mAP50:95", digits=3, interval=("AP_low", "AP_high")),
    ]
    detector = run.info["detector"]
    mapped = ", ".join(f"{label} → {name}" for label, name in detector["class_map"].items())
    absent = [name for name in run.info["classes"] if name not in present]
    note = (
        f"AP50 per class and mean average precision over {int(overall['images'].max())} labelled pairs, with 95 % "
        f"intervals over resampled scenes. Detector {detector_name(run)}: {detector['explanation']} ({mapped})."
    )
    blind = [name for name in present if name not in detector["class_map"].values()]
    if blind:
        note += f" The detector knows no {', '.join(blind)}: AP 0 for every method, and part of the mean."
    if absent:
        note += f" These pairs show no {', '.join(absent)}: not part of the mean."
    return table("Clean pairs", note, wide, columns, run)


def _severity_table(scores: pd.DataFrame, key: str, title: str, note: str, run: Run) -> list[Table]:
    """Methods × severities, the mean over factors; nothing where only one severity was run."""
    wide = scores.groupby(["method", "severity"], sort=False)[key].mean().unstack().sort_index(axis=1)
    if wide.shape[1] < 2:
        return []
    columns = [Column(severity, "clean" if severity == 0 else f"severity {severity}", digits=3) for severity in wide]
    return [table(title, note, wide, columns, run)]
