"""What runs must have in common for their numbers to stand in one table, read from their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.run.record import RunRecord
from tsdm_bench.errors import UsageError

SHOWN_IMAGES = 3
"""Names in a refusal."""


def refuse_mixed_definitions(metrics_of: Mapping[str, Mapping[str, str]], shared: bool = False) -> None:
    """Raise ``UsageError`` where runs (name → metric id → version) measure by different ids or versions.

    With ``shared`` an id that not every run has is no obstacle: it is left out.
    """
    every_id = sorted({name for metrics in metrics_of.values() for name in metrics})
    versions = {
        name: {run: metrics[name] for run, metrics in metrics_of.items() if name in metrics} for name in every_id
    }
    only = [f"{name} only in {', '.join(of)}" for name, of in versions.items() if len(of) < len(metrics_of)]
    changed = [
        f"{name} in " + ", ".join(f"version {version} ({run})" for run, version in of.items())
        for name, of in versions.items()
        if len(set(of.values())) > 1
    ]
    if problems := changed + ([] if shared else only):
        raise UsageError(
            f"these runs measure by different definitions and are not merged: {'; '.join(problems)}. Run them with the "
            f"same --metrics, or compare what they share by --shared"
        )


CHECKS: dict[str, Callable[[RunRecord], object]] = {
    "dataset": lambda record: f"{record.dataset.name}, version {record.dataset.version}",
    "seed": lambda record: record.suite.seed,
    "factors": lambda record: sorted(record.suite.factors),
    "severities": lambda record: sorted(set(record.suite.severities)),
    "modalities": lambda record: sorted(record.suite.modalities),
    "references": lambda record: sorted(record.suite.references),
    "detector": lambda record: record.detector and f"{record.detector.name} {record.detector.sha256[:8]}",
    "protocol": lambda record: record.detector and record.detector.protocol,
    "fewest objects of a class": lambda record: record.detector and record.suite.detection.fewest_objects,
    "class set": lambda record: record.detector and record.suite.detection.classes,
    "definition of average precision": lambda record: record.detector and record.suite.detection.ap,
}
"""What runs must have in common, each as a reader would be told of it."""
SETTINGS = {"input size": "image_size", "confidence": "confidence", "iou": "iou", "detections": "max_detections"}
"""Of a detector; records of older versions do not hold them, their suites do."""


def refuse_unlike(records: Mapping[str, RunRecord], images: Mapping[str, set[str]]) -> list[str]:
    """Raise ``UsageError`` where runs (by name) saw other pairs, conditions or detectors: their means would be unlike.

    ``images`` are the pairs of each run. Returns notes on what the records do not say.
    """
    problems, notes = [], []
    told = {what: {name: read(record) for name, record in records.items()} for what, read in CHECKS.items()}
    if all(record.detector and record.suite.detector for record in records.values()):
        for what, field in SETTINGS.items():
            told[f"{what} of the detector"] = {
                name: getattr(record.detector, field) or getattr(record.suite.detector, field)
                for name, record in records.items()
            }
        told["class map of the detector"] = {name: record.detector_facts.class_map for name, record in records.items()}
        told["recipe of the detectors"] = {name: record.detector_facts.recipe for name, record in records.items()}
        told["classes"] = {name: ", ".join(record.classes) for name, record in records.items()}
    for what, values in told.items():
        if len({str(value) for value in values.values()}) > 1:
            problems.append(f"{what} ({'; '.join(f'{_told(value)} in {name}' for name, value in values.items())})")
    problems += _other_pairs(images)
    if all(record.pairs for record in records.values()):
        problems += _other_content(records)
    else:
        unknown = ", ".join(name for name, record in records.items() if not record.pairs)
        notes.append(f"{unknown}: an older record, which does not say what was in the pairs")
    problems += _other_ladders(records)
    if problems:
        raise UsageError(f"these runs differ in {'; in '.join(problems)} and cannot stand in one table")
    return notes


def _told(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _other_pairs(images: Mapping[str, set[str]]) -> list[str]:
    first, *others = images
    for other in others:
        if lacking := sorted(images[first] ^ images[other]):
            counts = ", ".join(f"{len(of)} in {name}" for name, of in images.items())
            return [f"the pair list ({counts}; not in all: {_some(lacking)})"]
    return []


def _other_content(records: Mapping[str, RunRecord]) -> list[str]:
    """Pairs of one name whose images or labels are others."""
    first, *others = records.values()
    problems = []
    for what, field in (("images", "content"), ("labels", "labels")):
        changed = [
            image
            for image, facts in first.pairs.items()
            if any(getattr(other.pairs.get(image, facts), field) != getattr(facts, field) for other in others)
        ]
        if changed:
            problems.append(f"the {what} of {_some(sorted(changed))}")
    return problems


def _other_ladders(records: Mapping[str, RunRecord]) -> list[str]:
    first, *others = records.values()
    changed = [
        name
        for name, facts in first.factors.items()
        if any(other.factors.get(name, facts) != facts for other in others)
    ]
    return [f"the version or ladder of {', '.join(changed)}"] if changed else []


def other_methods(records: Mapping[str, RunRecord]) -> list[str]:
    """Notes on methods of one name that are not the same: what changed between runs is often what is compared."""
    every = dict.fromkeys(name for record in records.values() for name in record.methods)
    return [
        f"{method} is not the same method in all runs (version, weights, code or options)"
        for method in every
        if len({record.methods[method].identity for record in records.values() if method in record.methods}) > 1
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_IMAGES]) + (f" and {len(names) - SHOWN_IMAGES} more" * (len(names) > SHOWN_IMAGES))
