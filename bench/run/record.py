"""The record of a run (``run.json``): what was asked, what it was resolved to, and what its rows are of.

A row depends on the pair, the condition, the method, the metrics and, where there are detections, the detector. The
record holds an identity of each; :class:`Identities` joins those that one cell depends on. The store keeps that with
the rows, so that a row counts as done only while nothing it depends on has changed (:mod:`bench.run.guard`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.plan import CLEAN, Condition
from bench.suite import PROTOCOLS, Suite
from tsdm_bench.errors import UsageError

VERSION: Final = 2
"""Of the form of the record. Records of version 1 (before identities) are read; nothing is added to their rows."""
DIGITS = 16
"""Hexadecimal digits of an identity."""


def digest(what: object) -> str:
    """The identity of anything that JSON can hold: the first :data:`DIGITS` hexadecimal digits of its SHA-256.

    >>> digest({"b": 1, "a": [1.5, None]}) == digest({"a": [1.5, None], "b": 1})
    True
    """
    text = json.dumps(what, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:DIGITS]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetFacts(_Facts):
    """What rows say of their dataset."""

    name: str
    title: str
    synthetic: bool
    version: str = "1"


class PairFacts(_Facts):
    """Identities of one pair."""

    content: str
    """Of the image files, or of the version of the dataset that draws the pair; empty where it was not noted."""
    labels: str | None
    """Of the boxes; None where the pair is not labelled."""
    scene: str


class MethodFacts(_Facts):
    """What decides the results of one method, and what tables say of it."""

    spec: str
    """What the user wrote: the card's name, or a specification of their own method."""
    title: str
    kind: str
    version: str
    weights: dict[str, str] = {}
    """Weight file → SHA-256."""
    code: dict[str, str] = {}
    """Files of a user's own method (scripts, modules, networks) → SHA-256."""
    trained_on: tuple[str, ...] = ()
    restores: str = ""
    """Name of the method itself where restorers stand in front of it."""
    ours: bool = False
    """Whether this project trained its weights."""
    warning: str = ""
    citation: str = ""

    @property
    def identity(self) -> str:
        """Of all that decides a result, but the files of ready results: those are compared pair by pair."""
        spec = self.spec.partition("folder:")[2].partition("?")[2] if "folder:" in self.spec else self.spec
        return digest([spec, self.version, self.weights, self.code])


class FactorFacts(_Facts):
    """What decides how one factor degrades."""

    version: str
    ladder: dict[str, tuple[dict[str, Any], ...]]
    """Modality → parameters of severities 1 to 5."""


class DetectorFacts(_Facts):
    """The detector of all methods, or what the detectors trained for each have in common."""

    name: str
    sha256: str
    class_map: dict[str, str]
    protocol: str = "fixed"
    explanation: str = PROTOCOLS["fixed"]
    image_size: int | None = None
    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None
    recipe: dict[str, Any] | None = None
    initial: dict[str, str] | None = None
    training: dict[str, Any] | None = None
    near_training: tuple[str, ...] = ()
    per_method: dict[str, dict[str, Any]] = {}

    def identity(self, method: str) -> str:
        """Of the detector that looks at the images of ``method``."""
        settings = [self.image_size, self.confidence, self.iou, self.max_detections]
        own = self.per_method.get(method, {}).get("sha256", "")
        return digest([self.sha256, own, self.class_map, self.protocol, settings])


class Part(_Facts):
    """One command that added to the run, and the machine it ran on."""

    command: tuple[str, ...]
    date: str
    commit: str
    python: str
    versions: dict[str, str]
    platform: str
    processor: str = ""
    cores: int
    device: str
    gpu: str = ""
    data_root: str = ""
    seconds: float = 0.0
    cells: int = 0
    """Cells that this part computed, failed ones included."""


class RunRecord(_Facts):
    """What was asked, what it was resolved to, and what the rows are of; frozen, unknown fields refused."""

    version: Literal[1, 2] = VERSION
    suite: Suite
    dataset: DatasetFacts
    classes: tuple[str, ...]
    pairs: dict[str, PairFacts]
    methods: dict[str, MethodFacts]
    factors: dict[str, FactorFacts] = {}
    metrics: dict[str, str]
    """Metric id → version of its definition."""
    detector: DetectorFacts | None = None
    left_out: dict[str, str] = {}
    """Methods that were asked for and could not be run, with the reason."""
    shown: tuple[str, ...] = ()
    """Images of the pairs that the report shows; theirs lie in ``fused/``."""
    parts: tuple[Part, ...] = ()

    @property
    def seconds(self) -> float:
        """Computing time of all parts."""
        return sum(part.seconds for part in self.parts)

    @property
    def detector_facts(self) -> DetectorFacts:
        """The detector of a run that has detections."""
        if self.detector is None:
            raise AssertionError("a run without detection has no detector")
        return self.detector

    @property
    def content(self) -> str:
        """Of the list of pairs and what is in them: two runs with equal values saw the same pairs."""
        return digest([(image, facts.content, facts.labels) for image, facts in sorted(self.pairs.items())])

    def asked(self) -> Suite:
        """The suite with each method as it was specified: what repeats the run."""
        specs = tuple(self.methods[name].spec for name in self.suite.methods)
        return self.suite.model_copy(update={"methods": specs})


class Identities:
    """The identity of every cell of a run; made once, since each part of it serves many cells."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.shared = digest([record.dataset.name, record.metrics, record.suite.references])
        self.methods = {name: facts.identity for name, facts in record.methods.items()}
        self.conditions: dict[Condition, str] = {}
        detector = record.detector
        self.detectors = (
            {name: digest([detector.identity(name), record.classes]) for name in record.methods} if detector else {}
        )

    def of(self, image: str, condition: Condition, method: str, result: str = "") -> str:
        """``result`` is the identity of the file where the result is only read, as that of a folder of results."""
        pair = self.record.pairs[image]
        if condition not in self.conditions:
            self.conditions[condition] = self._condition(condition)
        detector = self.detectors.get(method, "") if pair.labels is not None else ""
        made_from = (pair.content, pair.scene, self.conditions[condition], self.methods[method], result)
        parts = (self.shared, *made_from, detector)
        return hashlib.sha256("|".join(parts).encode(errors="surrogatepass")).hexdigest()[:DIGITS]

    def _condition(self, condition: Condition) -> str:
        if condition == CLEAN:
            return digest(condition)
        facts = self.record.factors[condition.factor]
        hit = facts.ladder if condition.modality == "both" else (condition.modality,)
        rungs = {modality: facts.ladder[modality][condition.severity - 1] for modality in hit}
        return digest([condition, self.record.suite.seed, facts.version, rungs])


def read_record(path: Path) -> RunRecord:
    """The record in a file; one of version 1 is brought to the present form as far as it goes.

    Raises ``UsageError`` with one line where the file is no record, or one of a newer version.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as the record of a run ({error}); restore it from a copy") from None
    try:
        version = fields.get("version", 1)
        if version not in (1, VERSION):
            raise UsageError(
                f"{path} was written by a newer version of TSDM-Bench (record version {version}, this one reads up to "
                f"{VERSION}); update TSDM-Bench"
            )
        return RunRecord.model_validate(fields if version == VERSION else _migrated(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not the record of a run: {where}: {first['msg'].lower()}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not the record of a run: {type(error).__name__} {error}") from None


def _migrated(old: Mapping[str, Any]) -> dict[str, Any]:
    """A record of version 1: without identities of pairs and factors, and with one provenance for all its parts."""
    detector = old.get("detector")
    machine = old.get("machine", {})
    part = {
        "command": old.get("command", ()),
        "date": old.get("date", ""),
        "commit": old.get("commit", ""),
        "python": old.get("python", ""),
        "versions": old.get("versions", {}),
        "platform": machine.get("platform", ""),
        "cores": machine.get("cores", 0),
        "device": old.get("device", ""),
        "gpu": machine.get("gpu", ""),
        "data_root": old.get("data_root", ""),
        "seconds": old.get("seconds", 0.0),
    }
    return {
        "version": 1,
        "suite": old["suite"],
        "dataset": old["dataset"],
        "classes": old["classes"],
        "pairs": {},
        "methods": old["methods"],
        "metrics": old["metrics"],
        "detector": None if detector is None else {"explanation": PROTOCOLS[detector["protocol"]]} | detector,
        "left_out": old.get("left_out", {}),
        "parts": [part],
    }
