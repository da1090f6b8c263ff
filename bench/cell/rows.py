"""The schema of what a run stores: one value of one metric, one detection, one failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from bench.suite import Modality


class Row(NamedTuple):
    """One value of one metric; the truth that every table is derived from."""

    dataset: str
    image: str
    scene: str
    factor: str
    severity: int
    modality: Modality
    seed: int
    method: str
    metric: str
    reference: str
    """``clean``, ``seen``, or ``none`` for metrics that look at the fused image alone."""
    value: float
    seconds: float
    """Time that fusing took."""


# ``class`` is a Python keyword, so this tuple is made by call.
class DetectionRow(NamedTuple):
    """One detection of one detector on what one method gave; x, y, w, h in pixels, score in [0, 1]."""

    dataset: str
    image: str
    factor: str
    severity: int
    modality: Modality
    method: str
    detector: str
    label: str
    score: float
    x: float
    y: float
    w: float
    h: float


DETECTION_COLUMNS = tuple("class" if name == "label" else name for name in DetectionRow._fields)


class Failure(NamedTuple):
    """What went wrong where; ``method`` is empty where the pair itself could not be read or degraded."""

    image: str
    factor: str
    severity: int
    modality: Modality
    method: str
    error: str


class Picture(NamedTuple):
    """An image that the report shows: what was scored and detected on, or an input (``ir``, ``vis``), as PNG."""

    image: str
    factor: str
    severity: int
    modality: Modality
    name: str
    """Of the method, or ``ir`` and ``vis``."""
    png: bytes


@dataclass
class CellResult:
    """What one cell adds to the run."""

    rows: list[Row] = field(default_factory=list)
    detections: list[DetectionRow] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    detected: list[tuple[str, str, int, Modality, str]] = field(default_factory=list)
    """Cells (:data:`CELL_KEY`) of methods that give detections alone: done, though no row says so."""


ROW_KEY = ["image", "factor", "severity", "modality", "method", "metric", "reference"]

CELL_KEY = ["image", "factor", "severity", "modality", "method"]

TEXT, WHOLE, REAL = pa.string(), pa.int64(), pa.float64()

TYPES = dict.fromkeys(("severity", "seed", "object"), WHOLE) | dict.fromkeys(
    ("value", "seconds", "score", "x", "y", "w", "h", "infrared", "visible"), REAL
)


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, TYPES.get(name, TEXT)) for name in columns])


ROW_SCHEMA, DETECTION_SCHEMA = _schema(Row._fields), _schema(DETECTION_COLUMNS)

PAIR_SCHEMA = pa.schema(
    [("image", TEXT), ("scene", TEXT), ("split", TEXT), ("labelled", pa.bool_()), ("file", TEXT), ("width", WHOLE),
     ("height", WHOLE)]
)  # fmt: skip

CONTRAST_SCHEMA = _schema(("of", "image", "class", "x", "y", "w", "h", "infrared", "visible"))
"""A labelled object and its signal-to-clutter ratios; ``of`` is the identity of pixels and labels."""

PLACELESS_CONTRAST_SCHEMA = _schema(("of", "image", "class", "object", "infrared", "visible"))
"""The same without the box, in whose place stands the number of the object (:mod:`bench.run.objects`)."""

TRUTH_SCHEMA = _schema(("image", "class", "x", "y", "w", "h")).append(pa.field("difficult", pa.bool_()))
