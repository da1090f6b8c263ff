"""Results by pull request: what one method scored in one setting, as a small file that is checked and shown.

A file is an :class:`Entry`: the part of a run's record that concerns one method, its scores, and checksums of the rows
that they are the means of. Entries stand in one table only where their :class:`Setting` is the same: pairs and what is
in them, conditions, definitions, detector.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.metrics import METRICS
from bench.plan import Condition, conditions
from bench.publishing import refuse_unfinished, without_places
from bench.report.layout import Section
from bench.report.summary import selected
from bench.run.record import DatasetFacts, DetectorFacts, MethodFacts, Part, RunRecord, digest
from bench.run.shards import checksum
from bench.run.store import RunFolder
from bench.suite import Reference
from detectors.evaluation import ALL
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_text
from tsdm_bench.names import Name

VERSION: Final = 1
"""Of the form of an entry."""
DIGITS = 8
"""Of the identity of a setting in the name of a file."""
SHA256 = r"^[0-9a-f]{64}$"
MADE_BY = "make it by `report RUN --leaderboard`"
COMMIT = re.compile(r"[0-9a-f]{40}")


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Setting(_Facts):
    """What two entries must have in common to stand in one table."""

    dataset: DatasetFacts
    pairs: int = Field(ge=1)
    content: str
    """Identity of the list of pairs, their images and labels."""
    conditions: tuple[Condition, ...]
    seed: int
    factors: dict[str, str]
    """Factor → identity of its version and ladder."""
    metrics: dict[str, str]
    """Metric id → version of its definition."""
    references: tuple[Reference, ...]
    classes: tuple[str, ...]
    fewest_objects: int
    """A class with fewer objects does not count in mAP."""
    detector: DetectorFacts | None
    """Without what differs from method to method."""

    @property
    def identity(self) -> str:
        """The first digits of the hash of all that."""
        return digest(self.model_dump(mode="json"))[:DIGITS]


class Score(_Facts):
    """One quantity of the method: its mean on clean pairs and over all degraded conditions."""

    quantity: str
    """A metric id, or a mean average precision such as ``mAP50``."""
    reference: Literal["none", "clean", "seen"]
    clean: float | None
    degraded: float | None
    interval: tuple[float, float] | None = None
    """95 %, of ``degraded``, where there are enough scene clusters."""


class Entry(_Facts):
    """What one method scored in one setting."""

    version: Literal[1] = VERSION
    suite: Name
    title: str
    """Of the suite."""
    setting: Setting
    name: Name
    """Of the method in the run."""
    method: MethodFacts
    scores: tuple[Score, ...] = Field(min_length=1)
    parts: tuple[Part, ...] = Field(min_length=1)
    """Commands, dates, commits and machines of the run."""
    record: str = Field(pattern=SHA256)
    """SHA-256 of the ``run.json`` of the run."""
    rows: str = Field(pattern=SHA256)
    """:func:`bench.run.shards.checksum` of the rows of the method."""
    detections: str = Field(pattern=SHA256)
    """:func:`bench.run.shards.checksum` of its detections."""

    @property
    def file(self) -> str:
        """The name of its file: of suite, setting and method."""
        return f"{self.suite}-{self.setting.identity}-{self.name}.json"

    def score(self, quantity: str, reference: str = "none") -> Score | None:
        """Its score of one quantity; None where it has none."""
        found = (score for score in self.scores if (score.quantity, score.reference) == (quantity, reference))
        return next(found, None)


def record_of(folder: RunFolder) -> RunRecord:
    """The record of a run that can be entered, without places of this machine.

    Raises ``UsageError`` where the run is not complete, is of synthetic scenes, lacks clean or degraded pairs, names a
    place of this machine, or was computed outside of version control, and where its boxes are not here to score with.
    """
    record = without_places(folder.record())
    refuse_unfinished(folder, record)
    if record.detector is not None:
        folder.truth()
    if record.dataset.synthetic:
        raise UsageError(f"{folder.path} is of synthetic scenes, which say nothing of a method; run real pairs")
    if not all(COMMIT.fullmatch(part.commit) for part in record.parts):
        raise UsageError(f"{folder.path} was not computed by a commit of the project; run from a checkout of it")
    if not is_whole(conditions(record.suite)):
        raise UsageError(f"{folder.path} lacks clean or degraded pairs; a leaderboard shows both: run more severities")
    return record


def entries(folder: RunFolder, record: RunRecord, sections: Sequence[Section]) -> list[Entry]:
    """An entry for every method of a run: ``record`` is that of :func:`record_of`, ``sections`` are of its report."""
    robustness = next(section.tidy for section in sections if section.name == "robustness")
    overall = robustness[robustness["factor"] == ALL]
    suite, images = record.suite, folder.pairs()["image"]
    rows, found = (selected(frame, suite, images) for frame in (folder.rows(), folder.detections()))
    setting = setting_of(record)
    file = hashlib.sha256((folder.path / "run.json").read_bytes()).hexdigest()
    return [
        Entry(
            suite=suite.name,
            title=suite.title,
            setting=setting,
            name=name,
            method=record.methods[name],
            scores=tuple(_scores(overall[overall["method"] == name])),
            parts=record.parts,
            record=file,
            rows=checksum(rows[rows["method"] == name].drop(columns="seconds")),
            detections=checksum(found[found["method"] == name]),
        )
        for name in suite.methods
    ]


def is_whole(of: Iterable[Condition]) -> bool:
    """Whether conditions are the clean one and degraded ones."""
    severities = {condition.severity for condition in of}
    return 0 in severities and len(severities) > 1


def setting_of(record: RunRecord) -> Setting:
    """The setting of a run."""
    detector = record.detector
    return Setting(
        dataset=record.dataset,
        pairs=len(record.pairs),
        content=record.content,
        conditions=tuple(conditions(record.suite)),
        seed=record.suite.seed,
        factors={name: digest(facts.model_dump(mode="json")) for name, facts in sorted(record.factors.items())},
        metrics=dict(sorted(record.metrics.items())),
        references=record.suite.references,
        classes=record.classes,
        fewest_objects=record.suite.detection.fewest_objects,
        detector=detector and detector.model_copy(update={"per_method": {}, "near_training": ()}),
    )


def _scores(overall: pd.DataFrame) -> Iterator[Score]:
    """The scores of one method from its rows of the robustness table."""
    for row in overall.to_dict("records"):
        bounds = [_number(row.get(name)) for name in ("mPC_low", "mPC_high")]
        yield Score(
            quantity=row["metric"],
            reference=row["reference"],
            clean=_number(row["P"]),
            degraded=_number(row["mPC"]),
            interval=None if None in bounds else (bounds[0], bounds[1]),
        )


def _number(value: object) -> float | None:
    """A finite number; None for any other, which JSON does not know."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def write_entries(found: Sequence[Entry], place: Path) -> list[Path]:
    """Write a file per entry into ``place``; those of the same method and setting are replaced."""
    for entry in found:
        write_text(place / entry.file, entry.model_dump_json(indent=1) + "\n")
    return [place / entry.file for entry in found]


def read_entries(place: Path) -> list[Entry]:
    """Every entry of a folder, checked; ``UsageError`` names the first file that is none, and why."""
    return [read_entry(path) for path in sorted(place.glob("*.json"))]


def read_entry(path: Path) -> Entry:
    """The entry in a file; ``UsageError`` in one line where it is none, or says what cannot be."""
    try:
        entry = Entry.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is no entry of a leaderboard: {where}: {first['msg'].lower()}; {MADE_BY}") from None
    for problem in _problems(entry, path.name):
        raise UsageError(f"{path}: {problem}; {MADE_BY}")
    return entry


def _problems(entry: Entry, file: str) -> Iterator[str]:
    """What of an entry cannot be."""
    if file != entry.file:
        yield f"its content belongs into {entry.file}"
    if entry.setting.dataset.synthetic:
        yield "it is of synthetic scenes"
    if not is_whole(entry.setting.conditions):
        yield "its conditions are not clean and degraded ones"
    if not all(COMMIT.fullmatch(part.commit) for part in entry.parts):
        yield "a part of it was not computed by a commit"
    seen = [(score.quantity, score.reference) for score in entry.scores]
    if len(set(seen)) < len(seen):
        yield "a quantity is there twice"
    for score in entry.scores:
        yield from _problems_of(score, entry)


def _problems_of(score: Score, entry: Entry) -> Iterator[str]:
    what = f"{score.quantity} ({score.reference})"
    if score.quantity.startswith("mAP"):  # of whatever classes and definition
        low, high = 0.0, 1.0
        if entry.setting.detector is None:
            yield f"{what} without a detector"
    elif score.quantity in METRICS and score.quantity in entry.setting.metrics:
        low, high = METRICS[score.quantity].range
    else:
        yield f"{what} is no metric of its setting"
        return
    for value in (score.clean, score.degraded, *(score.interval or ())):
        if value is not None and not low <= value <= high:
            yield f"{what} is {value:g}, outside of {low:g} to {high:g}"
    if score.interval and score.degraded is not None and not score.interval[0] <= score.interval[1]:
        yield f"{what} has an interval of which the bounds are the wrong way round"
