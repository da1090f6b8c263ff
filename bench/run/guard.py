"""What of a run folder is still of the present: which cells count as done, and what is said of those that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from bench.run.record import DetectorFacts, MethodFacts, RunRecord
from bench.run.shards import UNKNOWN, CellKey
from tsdm_bench.words import counted

NAMES_SHOWN = 3


def outdated(stored: Mapping[CellKey, str], wanted: Mapping[CellKey, str]) -> set[CellKey]:
    """The cells of the plan that are stored, but of something else than is asked for now."""
    return {cell for cell, what in wanted.items() if cell in stored and stored[cell] != what}


def explain(
    cells: Collection[CellKey], stored: Mapping[CellKey, str], before: RunRecord | None, now: RunRecord
) -> Iterator[str]:
    """Lines that say which stored cells are computed again, and why; none where there are none."""
    if not cells:
        return
    per_method = Counter(cell.method for cell in cells)
    counts = _some([f"{name} {count}" for name, count in sorted(per_method.items())])
    old = sum(stored[cell] == UNKNOWN for cell in cells)
    reasons = list(differences(before, now)) if before else []
    if old:
        reasons.append(f"{old} were stored by an older version, which did not note what they are of")
    why = "; ".join(reasons) or "the files of ready results, or what an earlier command of this run used, changed"
    yield (
        f"{len(cells)} stored cells are of something else than is asked for now and are computed again ({counts}): "
        f"{why}. What was stored lies in replaced/; to keep it in its place, give another --out"
    )


def differences(before: RunRecord, now: RunRecord) -> Iterator[str]:
    """What the two records have in common by name but not by content, a phrase each."""
    shared = [image for image in now.pairs if image in before.pairs]
    changed = [image for image in shared if now.pairs[image].content != before.pairs[image].content]
    if changed:
        yield f"the image files of {_some(changed)} changed"
    moved = [image for image in shared if now.pairs[image].scene != before.pairs[image].scene]
    if moved:
        yield f"the scenes of {_some(moved)} changed"
    labels = [image for image in shared if now.pairs[image].labels != before.pairs[image].labels]
    if labels:
        yield f"the labels of {_some(labels)} changed"
    if now.classes != before.classes:
        yield f"the classes are {', '.join(now.classes) or 'none'} (were {', '.join(before.classes) or 'none'})"
    for name, facts in now.methods.items():
        if name in before.methods and (what := _of_method(before.methods[name], facts)):
            yield f"method {name} {what}"
    for name, factor in now.factors.items():
        if name in before.factors and factor != before.factors[name]:
            yield f"factor {name} has another version or ladder"
    for name, version in now.metrics.items():
        if before.metrics.get(name, version) != version:
            yield f"metric {name} is defined otherwise (version {version}, was {before.metrics[name]})"
    if before.detector and now.detector:
        yield from _of_detector(before.detector, now.detector)


def elsewhere(before: RunRecord, now: RunRecord) -> Iterator[str]:
    """What differs between the machines and versions of two runs; such things change no row by more than rounding."""
    if not before.parts:
        return
    old, new = before.parts[-1], now.parts[-1]
    if missing := [image for image in before.pairs if image not in now.pairs]:
        yield f"not there: {counted(len(missing), 'pair')} ({_some(missing)})"
    if added := [image for image in now.pairs if before.pairs and image not in before.pairs]:
        yield f"new: {counted(len(added), 'pair')} ({_some(added)})"
    versions = [
        f"{name} {new.versions[name] or 'absent'} (was {version or 'absent'})"
        for name, version in old.versions.items()
        if new.versions.get(name, version) != version
    ]
    if versions:
        yield f"versions: {', '.join(versions)}"
    for name in ("python", "commit", "processor", "device", "gpu"):
        if getattr(old, name) and getattr(old, name) != getattr(new, name):
            yield f"{name} {getattr(new, name) or 'unknown'} (was {getattr(old, name)})"


def _of_method(before: MethodFacts, now: MethodFacts) -> str:
    if now.spec != before.spec:
        return f"is {now.spec} (was {before.spec})"
    if now.version != before.version:
        return f"has version {now.version} (was {before.version})"
    if now.weights != before.weights:
        return "has other weights"
    return "has other code" if now.code != before.code else ""


def _of_detector(before: DetectorFacts, now: DetectorFacts) -> Iterator[str]:
    if now.protocol != before.protocol:
        yield f"the protocol of detection is {now.protocol} (was {before.protocol})"
    elif now.sha256 != before.sha256:
        what = "other weights" if now.protocol == "fixed" else "another recipe, start or training set"
        yield f"the detector has {what}"
    names = now.per_method.keys() & before.per_method.keys()
    other = [name for name in names if now.per_method[name]["sha256"] != before.per_method[name]["sha256"]]
    if other:
        yield f"the detectors trained for {_some(sorted(other))} changed"
    settings = ("image_size", "confidence", "iou", "max_detections", "class_map")
    for name in settings:
        if getattr(now, name) != getattr(before, name):
            yield f"{name} of detection is {getattr(now, name)} (was {getattr(before, name)})"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"
