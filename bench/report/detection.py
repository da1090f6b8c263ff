"""Detection: average precision by class, severity and scene, with intervals, and what fusing gains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from bench.plan import CLEAN
from bench.report.layout import Run, Section, add_curve, detector_name, interval_note, table
from bench.report.precision import Precision, pooled_precision
from bench.report.summary import in_order, with_bounds
from bench.report.tables import Column, Table
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.statistics.detection import detection_table
from bench.statistics.robustness import SOURCES, complete_methods, difference_to, fusion_gain, mean_gain
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
    gains = in_order(fusion_gain(precision.samples, precision.measure, precision.name), run.suite)
    if not gains.empty:
        note = (
            f"{precision.head} of the method minus that of the better single source under the same condition, mean "
            f"over factors. {precision.note}"
        )
        section.tables += _severity_table(
            gains, "gain", precision.titled("Fusion gain by severity"), note, precision, run
        )
    section.tables += _unfused_table(precision, run)
    return section


def _unfused_table(precision: Precision, run: Run) -> list[Table]:
    """What fusing gains over giving the detector both images, and over the better single source."""
    frames, columns = list[pd.DataFrame](), list[Column]()
    sources = tuple(name for name in SOURCES if name in run.suite.methods)
    rivals: dict[str, tuple[str, ...]] = {run.titles[name]: (name,) for name in run.unfused}
    rivals |= {"better source": sources} if run.unfused and len(sources) == len(SOURCES) else {}
    for rival, names in rivals.items():
        gains = mean_gain(precision.samples, precision.measure, precision.name, names)
        for part, of in gains.groupby("part", sort=False):
            key = f"{len(frames)} "
            frames.append(of.set_index("method")[["gain", "low", "high"]].add_prefix(key))
            columns.append(
                Column(f"{key}gain", f"{part}: to {rival}", "higher", 3, (f"{key}low", f"{key}high"),
                       ranked=precision.ranked)
            )  # fmt: skip
    if not frames:
        return []
    note = (
        f"{precision.head} of the method minus that of the same network given both images without fusing "
        f"({', '.join(run.titles[name] for name in run.unfused)}), and minus that of the better single source under "
        f"the same condition; degraded: mean over all degraded conditions. Above 0 fusing helps. "
        f"{interval_note(precision.samples.clusters, 'paired 95 % intervals')} {precision.note}"
    )
    wide, title = pd.concat(frames, axis=1), "Is fusing better than giving the detector both images?"
    return [table(precision.titled(title), note, wide, columns, run, run.sources)]


def scene_section(by_scene: pd.DataFrame, precision: Precision, run: Run) -> Section:
    """Average precision on the clean pairs of each scene (``detection_by_scene``)."""
    section = Section("scenes", "Detection by scene", by_scene)
    fewest, measure, suffix = precision.fewest_objects, precision.measure, precision.definition.suffix
    of_set = precision.samples.sets.get(precision.name)
    shown, columns, frames = [], [], list[pd.DataFrame]()
    for scene, part in by_scene.groupby("scene", sort=True):
        means = part[part["class"] == (precision.name if of_set else COUNTED)]
        head = str(scene)
        if of_set:
            numbers = part[part["class"].isin(of_set)].groupby("class", sort=False)["truths"].max()
            enough = bool((numbers >= fewest).all())
            head += f" (no {', '.join(numbers.index[numbers == 0])})" if (numbers == 0).any() else ""
        else:
            enough = bool(means[measure].notna().any())
            head += "" if enough else f" (mAP50_all{suffix})"
        own = (means if enough or of_set else part[part["class"] == ALL]).set_index("method")
        place = len(frames)
        wanted = [measure, f"{measure}_low", f"{measure}_high", "images"]
        keys = [f"{place} {name}" for name in wanted]
        frames.append(own[wanted].set_axis(keys, axis=1))
        pairs, clusters = int(own["images"].max()), int(own["clusters"].max())
        columns.append(
            Column(keys[0], head, digits=3, interval=(keys[1], keys[2]), count=keys[3], full=pairs, ranked=enough)
        )
        shown.append(f"{scene} {counted(pairs, 'pair')}, {_objects(part, run)}, {_clusters(clusters)}")
    head = precision.head if of_set else f"mAP50{suffix}"
    over = (
        f"the mean over the class set {precision.name} ({', '.join(of_set)}), unranked where a class of it has fewer "
        f"than {fewest} objects in the scene"
        if of_set
        else f"the mean over the classes with at least {fewest} objects in the scene; mAP50_all{suffix}, unranked, "
        f"where no class has as many: too few objects"
    )
    note = (
        f"{head} on clean pairs, {detector_name(run)}, {over}. 95 % intervals over resampled scenes, none where n is "
        f"too small. {'. '.join(shown)}."
    )
    section.tables.append(table(f"{head} by scene", note, pd.concat(frames, axis=1), columns, run, run.sources))
    return section


def _clusters(number: int) -> str:
    return counted(number, "cluster") if number >= FEWEST_CLUSTERS else f"n too small ({counted(number, 'cluster')})"


def _objects(part: pd.DataFrame, run: Run) -> str:
    classes = part[part["class"].isin(run.record.classes)].groupby("class", sort=False)["truths"].max()
    return ", ".join(f"{name} {number}" for name, number in classes.items() if number)


def _difference_table(precision: Precision, run: Run) -> list[Table]:
    """What every method lacks to the best fusion method on clean pairs; nothing where too few can be compared."""
    samples = precision.samples
    clean = samples.cells["severity"] == 0
    comparable = [name for name in complete_methods(samples, clean) if name not in run.sources]
    if not precision.ranked or len(complete_methods(samples, clean)) < 2 or not comparable:
        return []
    of_clean = samples.cells[clean & samples.cells["method"].isin(comparable)]
    values = samples.of(precision.measure, precision.name)[of_clean.index, 0]
    best = samples.cells.at[of_clean.index[values.argmax()], "method"]
    differences = difference_to(samples, best, precision.measure, precision.name)
    earned = samples.clusters >= FEWEST_CLUSTERS
    parts, columns = [], []
    for part, own in differences.groupby("part", sort=False):
        parts.append(own.set_index("method")[["difference", "low", "high", "p"]].add_prefix(f"{part} "))
        columns.append(Column(f"{part} difference", part, "", 3, (f"{part} low", f"{part} high")))
        if earned:
            columns.append(Column(f"{part} p", "p", "", 3))
    note = (
        f"{precision.head} of the method minus that of {run.titles[best]}, the best fusion method on clean pairs; "
        f"degraded: mean over all degraded conditions. {interval_note(samples.clusters, 'paired 95 % intervals')} "
    )
    if earned:
        note += f"p: bootstrap probability of no difference, corrected by Holm for the {len(differences)} comparisons. "
    note += precision.note
    return [table(precision.titled(f"Difference to {run.titles[best]}"), note, pd.concat(parts, axis=1), columns, run)]


def _class_table(clean: pd.DataFrame, precision: Precision, run: Run) -> Table:
    """Every class, then the means of every measure; names of another mean or definition stand in the heads."""
    samples, detector, measure = precision.samples, run.record.detector_facts, precision.measure
    suffix = precision.definition.suffix
    whole: dict[str, Any] = {"count": "images", "full": samples.images, "digits": 3}
    wide = clean.pivot(index="method", columns="class", values=measure).add_prefix("class ")
    wide = wide.join(clean[clean["class"] == precision.name].set_index("method")["images"])
    present = [name for name in run.record.classes if samples.objects.get(name)]
    columns = [
        Column(f"class {name}", f"{name}{suffix}", ranked=name in samples.counted and precision.ranked, **whole)
        for name in present
    ]
    for head, measured, name in (
        (precision.head, measure, precision.name),
        (precision.head_of("mAP75"), precision.column("AP75"), precision.name),
        (precision.head_of("mAP50:95"), precision.column("AP"), precision.name),
        (f"mAP50_pooled{suffix}", measure, POOLED),
    ):
        if measured in clean:
            own = clean[clean["class"] == name].set_index("method")
            bounds = f"{head} low", f"{head} high"
            wide[[head, *bounds]] = own[[measured, f"{measured}_low", f"{measured}_high"]]
            shown = None if measured.startswith("AP75") else bounds
            columns.append(Column(head, head, interval=shown, ranked=precision.ranked, **whole))
    rare = [name for name in present if name not in precision.members]
    everything = f"mAP50_all{suffix}"
    if precision.name != ALL and rare:
        columns.append(Column(f"class {ALL}", everything, ranked=False, **whole))
    mapped = ", ".join(f"{label} → {name}" for label, name in detector.class_map.items())
    absent = [name for name in run.record.classes if name not in present]
    note = (
        f"AP50 per class and mean average precision over {counted(samples.images, 'labelled pair')}. {precision.note} "
        f"mAP50_pooled{suffix}: the detections and objects of all classes together, each matched within its class."
    )
    if precision.name != ALL and rare:
        note += f" {everything}: the mean over every class, not ranked."
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
