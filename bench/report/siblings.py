"""Runs of one suite that differ by seed or by detector alone: spread over seeds, and whether detectors agree.

Each lies in a run folder of its own, so that numbers of two detectors never meet in a mean; here they stand side by
side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from bench.metrics import METRICS
from bench.report.layout import Run, Section, detector_name, interval_note, labelled, table
from bench.report.precision import Precision, detection_precision
from bench.report.summary import computed, labelled_part, selected
from bench.report.tables import Column, Table
from bench.run.record import DetectorFacts, RunRecord
from bench.run.store import RunFolder
from bench.statistics.intervals import interval
from bench.statistics.robustness import complete_methods, kendall_tau
from tsdm_bench.errors import UsageError

PARTS = ("clean", "degraded")
Key = tuple[str, str]
"""Part and method."""


@dataclass(frozen=True)
class Sibling:
    """One of the runs: what is read of it on the basis of the run that is reported."""

    record: RunRecord
    rows: pd.DataFrame
    precision: Precision | None

    @property
    def detector(self) -> DetectorFacts:
        """The detector of a run that has detections."""
        return self.record.detector_facts

    def maps(self) -> dict[Key, np.ndarray]:
        """Mean average precision as measured and in every resample, of the methods that lack nothing."""
        if self.precision is None:
            return {}
        samples = self.precision.samples
        value = samples.of(self.precision.measure, self.precision.name)
        cells = samples.cells[samples.cells["method"].isin(complete_methods(samples))]
        parts = cells["severity"].map(lambda severity: PARTS[severity > 0])
        means = {key: value[own.index].mean(axis=0) for key, own in cells.groupby([parts, "method"], sort=False)}
        return {(str(part), str(method)): of for (part, method), of in means.items()}


def siblings(folder: RunFolder, run: Run, by: Literal["seed", "detector"]) -> list[Sibling]:
    """The runs beside ``folder`` (itself included) of the seeds or detectors that its suite names; those with rows."""
    found = []
    for path in sorted(folder.path.parent.glob("seed*/run.json")):
        other = RunFolder(path.parent, folder.objects.data_root)
        try:
            record = other.record()
        except UsageError:  # one that is damaged is named where it is reported
            continue
        places = [of.parts[-1].data_root if of.parts else "" for of in (record, run.record)]
        if _signature(record, by) == _signature(run.record, by) and places[0] == places[1] and _named(record, run, by):
            pairs = other.pairs()
            rows = selected(other.rows(), run.suite, pairs["image"])
            cells = run.basis.of(computed(other, rows, run.record, pairs))
            part = None if cells.empty else labelled_part(other, run.suite, cells)
            precision = detection_precision(part, run.record) if part else None
            found += [] if cells.empty else [Sibling(record, run.basis.of(rows), precision)]
    return found


def _signature(record: RunRecord, by: str) -> str:
    """What the suite says of a run but for its seed or detector."""
    suite, detection = record.suite, record.suite.detection
    if by == "detector":
        return f"{suite.seed} {suite.model_copy(update={'detector': None}).identity(None)}"
    recipe = replace(detection.recipe, seed=0)
    return suite.model_copy(update={"seed": 0, "detection": detection.model_copy(update={"recipe": recipe})}).identity(
        None
    )


def _named(record: RunRecord, run: Run, by: str) -> bool:
    """Whether the suite of ``run`` names the seed or detector of the other run."""
    if by == "seed":
        return record.suite.seed in run.suite.seeds
    one = record.suite.detector
    return one is not None and any(
        one.weights[0] in asked.weights and one.image_size == asked.image_size for asked in run.suite.detectors
    )


# --- seeds ---


def seeds_section(folder: RunFolder, run: Run) -> Section | None:
    """Mean and spread over the seeds of the suite; None where fewer than two of them were run."""
    found = siblings(folder, run, "seed")
    if len(found) < 2:
        return None
    seeds = sorted(of.record.suite.seed for of in found)
    tidy = pd.DataFrame([*_precision_over(found), *_metrics_over(found)])
    section = Section("seeds", "Spread over seeds", tidy)
    missing = [str(seed) for seed in run.suite.seeds if seed not in seeds]
    told = f"seeds {', '.join(map(str, seeds))}" + (f"; still missing: {', '.join(missing)}" if missing else "")
    note = (
        f"Mean over {len(seeds)} runs ({told}), each of which draws its degradations"
        f"{' and trains its detectors' if run.suite.retrains else ''} anew, then the standard deviation over these "
        f"runs with the least and the greatest value."
    )
    of_detection = tidy["quantity"].str.startswith("mAP")
    if of_detection.any():
        precision = next(of.precision for of in found if of.precision)
        rests_on = f"{interval_note(precision.samples.clusters, '95 % intervals of the mean')} Detector"
        last = f"{note} {rests_on} {detector_name(run)}. {precision.note}"
        section.tables.append(_seed_table(tidy[of_detection], f"Detection, over {len(seeds)} seeds", last, run))
    if not of_detection.all():
        last = f"{note} Not ranked: noise alone makes some of these metrics better."
        title = f"Fusion metrics, degraded, over {len(seeds)} seeds"
        section.tables.append(_seed_table(tidy[~of_detection], title, last, run))
    return section


def _precision_over(found: list[Sibling]) -> Iterator[dict]:
    """Of mAP on clean pairs and on the mean of the degraded ones; intervals are of the mean over the seeds."""
    maps = [of.maps() for of in found]
    head = next((of.precision.head for of in found if of.precision), "mAP50")
    for key in maps[0]:
        if all(key in of for of in maps):
            each = np.stack([of[key] for of in maps])
            low, high = interval(each.mean(axis=0)[1:])
            yield _told(head, *key, each[:, 0]) | {"low": low, "high": high}


def _metrics_over(found: list[Sibling]) -> Iterator[dict]:
    """Of every fusion metric under degradation: a clean pair is the same whatever the seed."""
    means = []
    for of in found:
        degraded = of.rows[of.rows["severity"] > 0]
        means.append(degraded.groupby(["metric", "reference", "method"], sort=False)["value"].mean())
    for (metric, reference, method), _ in means[0].items():
        key = (metric, reference, method)
        if all(key in of.index for of in means):
            name = metric if reference == "none" else f"{metric}-{reference}"
            yield _told(name, "degraded", method, np.array([of[key] for of in means]))


def _told(quantity: str, part: str, method: str, values: np.ndarray) -> dict:
    spread = {"std": values.std(ddof=1), "least": values.min(), "greatest": values.max()}
    head = {"quantity": quantity, "part": part, "method": method, "seeds": len(values)}
    return head | {"mean": values.mean()} | spread | {"low": np.nan, "high": np.nan}


def _seed_table(part: pd.DataFrame, title: str, note: str, run: Run) -> Table:
    frames, columns = list[pd.DataFrame](), list[Column]()
    for (quantity, where), of in part.groupby(["quantity", "part"], sort=False):
        key = f"{len(frames)} "
        card = METRICS[str(quantity).partition("-")[0]] if not str(quantity).startswith("mAP") else None
        head = (
            f"{quantity} {where}"
            if card is None
            else f"{card.symbol}{str(quantity)[len(card.name) :].replace('-', ' ')}"
        )
        digits = 3 if card is None else None
        frames.append(of.set_index("method")[["mean", "std", "least", "greatest", "low", "high"]].add_prefix(key))
        columns.append(
            Column(
                f"{key}mean",
                head,
                card.direction if card else "higher",
                digits,
                (f"{key}low", f"{key}high"),
                ranked=card is None,
            )
        )
        columns.append(Column(f"{key}std", "± seeds", "", digits, (f"{key}least", f"{key}greatest"), ranked=False))
    wide = pd.concat(frames, axis=1)
    return table(title, note, wide, columns, run, run.sources)


# --- detectors ---


def detectors_section(folder: RunFolder, run: Run) -> Section | None:
    """Each method by each detector of the suite, and whether they agree on the order; None of fewer than two."""
    found = [of for of in siblings(folder, run, "detector") if of.precision]
    if len(found) < 2:
        return None
    names = [of.detector.name for of in found]
    if len(set(names)) < len(names):
        names = [f"{of.detector.name} at {of.detector.image_size} px" for of in found]
    maps = [of.maps() for of in found]
    frames, columns, rows = list[pd.Series](), list[Column](), list[dict]()
    for part in PARTS:
        for name, of in zip(names, maps, strict=True):
            own = {method: value for (where, method), value in of.items() if where == part}
            if own:
                key = len(frames)
                bounds = pd.DataFrame(
                    {method: interval(value[1:]) for method, value in own.items()}, index=["l", "h"]
                ).T
                frames += [pd.Series({method: value[0] for method, value in own.items()}), bounds["l"], bounds["h"]]
                columns.append(Column(key, f"{part}: {name}", "higher", 3, (key + 1, key + 2)))  # type: ignore[arg-type]  # any key of the frame
                rows += [{"detector": name, "part": part, "method": m, "mAP50": v[0]} for m, v in own.items()]
    precision = found[0].precision
    if precision is None or not frames:
        return None
    agreement = _agreement(names, maps, run)
    section = Section("detectors", "Does the winner depend on the detector?", pd.DataFrame(rows))
    note = (
        f"{precision.head} by each detector, best marked within a column: numbers of two detectors are not compared. "
        f"{_winners(names, maps, run)}{interval_note(precision.samples.clusters)} {precision.note}"
    )
    wide = pd.concat(frames, axis=1, keys=range(len(frames)))
    section.tables.append(table(f"{precision.head} by detector", note, wide, columns, run, run.sources))
    if len(agreement):
        note = (
            f"Kendall's τ-b between the orders of the fusion methods by {precision.head}: 1 the same order, 0 "
            f"unrelated, −1 reversed. {interval_note(precision.samples.clusters)}"
        )
        shown = [
            Column(f"{part} tau", part, "", 2, (f"{part} low", f"{part} high"))
            for part in PARTS
            if f"{part} tau" in agreement
        ]
        section.tables.append(
            Table(labelled("Agreement of the detectors", run), note, agreement, shown, rows="detectors")
        )
    return section


def _fused(of: dict[Key, np.ndarray], part: str, run: Run) -> list[str]:
    return [method for where, method in of if where == part and method not in run.sources]


def _agreement(names: list[str], maps: list[dict[Key, np.ndarray]], run: Run) -> pd.DataFrame:
    """τ between the orders of every two detectors, with paired intervals."""
    rows = {}
    for (first, one), (second, other) in combinations(list(zip(names, maps, strict=True)), 2):
        row: dict[str, float] = {}
        for part in PARTS:
            methods = [method for method in _fused(one, part, run) if (part, method) in other]
            if len(methods) > 1:
                tau = kendall_tau(*(np.stack([of[part, method] for method in methods]) for of in (one, other)))
                low, high = interval(tau[1:])
                row |= {f"{part} tau": float(tau[0]), f"{part} low": float(low), f"{part} high": float(high)}
        if row:
            rows[f"{first} – {second}"] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _winners(names: list[str], maps: list[dict[Key, np.ndarray]], run: Run) -> str:
    """The best fusion method by each detector, in words."""
    told = []
    for part in PARTS:
        best = {}
        for name, of in zip(names, maps, strict=True):
            if methods := _fused(of, part, run):
                best[name] = run.titles[max(methods, key=lambda method: of[part, method][0])]
        if len(set(best.values())) == 1:
            told.append(f"Best on {part} pairs by all of them: {next(iter(best.values()))}. ")
        elif best:
            told.append(f"Best on {part} pairs: {', '.join(f'{of} by {name}' for name, of in best.items())}. ")
    return "".join(told)
