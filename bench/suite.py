"""What a run contains: the typed suite, read from YAML and adjusted by the command line."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bench.lists import comma_list
from detectors.evaluation import COUNTED, DEFINITION_NAMES, FEWEST_OBJECTS
from detectors.training.recipe import RECIPES, Recipe
from tsdm_bench.errors import UsageError
from tsdm_bench.files import checked, read_yaml
from tsdm_bench.names import Name
from tsdm_bench.places import place_of

Severity = Annotated[int, Field(ge=0, le=5)]
Reference = Literal["clean", "seen"]
Modality = Literal["ir", "vis", "both"]
Protocol = Literal["fixed", "retrain", "retrain-augmented"]
PROTOCOLS = {
    "fixed": "one detector for all methods",
    "retrain": "one detector per method, trained on its fused images of the clean training pairs",
    "retrain-augmented": "one detector per method, trained on its fused images of the clean and the degraded "
    "training pairs",
}
SUITES = files("bench") / "suites"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _list_of_one_text(cls, value: object, info: ValidationInfo) -> object:
        """``a,b`` where a list is expected means what it means on the command line."""
        listed = get_origin(cls.model_fields[str(info.field_name)].annotation) is tuple
        return comma_list(value) if listed and isinstance(value, str) else value


class DetectorSettings(_Model):
    """The detector of the protocol ``fixed``, and how boxes are read under every protocol."""

    weights: tuple[str, ...] = Field(min_length=1)
    """Paths, names of detector cards, of files in the weights folder or of ultralytics models: the first available one
    is used."""
    image_size: int = Field(640, ge=32, multiple_of=32)
    confidence: float = Field(0.001, ge=0, lt=1)
    """Lowest score that is stored; low, so that the whole precision–recall curve can be drawn."""
    iou: float = Field(0.7, gt=0, le=1)
    """Overlap above which non-maximum suppression drops the weaker box."""
    max_detections: int = Field(300, ge=1)
    class_map: dict[str, str] | None = None
    """Detector label → dataset class; without it classes are mapped by name."""


class DetectionSettings(_Model):
    """The protocol of mAP: which detector looks at the images of a method, and how it was trained."""

    protocol: Protocol = "fixed"
    recipe: Recipe = RECIPES["full"]
    """``small``, ``full``, or the fields of a recipe. Its seed is the suite's."""
    initial: tuple[str, ...] = ()
    """Weights that start every detector, the first available one: files of plain tensors or ultralytics checkpoints,
    by path or by name in the weights folder. Without any, training starts from scratch."""
    split: Literal["official", "scenes"] | None = None
    """Training pairs are the split ``train`` of the dataset (``official``), or two thirds of its clusters of
    neighbouring frames (``scenes``). All other pairs are held out, and only those are tested. Without it: ``official``
    where no pair that it holds out neighbours a training pair, else, and where a dataset has no splits, ``scenes``."""
    limit: int | None = Field(None, ge=1)
    """At most so many training pairs, taken evenly."""
    severities: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field((1, 2, 3), min_length=1)
    """Of the degraded training images; their factors and modalities are the suite's."""
    degraded: int = Field(1, ge=1)
    """Degraded images per training pair, beside the clean one (``retrain-augmented``)."""
    fewest_objects: int = Field(FEWEST_OBJECTS, ge=1)
    """A class of which the tested pairs show fewer objects is shown and counts in no mean. Decides no row of a run."""
    classes: str = COUNTED
    """The mean that is shown and ranked by: over the classes with enough objects, or over a class set of the dataset.
    Decides no row of a run."""
    ap: str = next(iter(DEFINITION_NAMES))
    """The definition of average precision that is shown and ranked by. Decides no row of a run."""

    @field_validator("recipe", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        if isinstance(value, str) and value not in RECIPES:
            raise ValueError(f"expected {' or '.join(RECIPES)}, or the fields of a recipe")
        return RECIPES[value] if isinstance(value, str) else value

    @field_validator("initial", mode="before")
    @classmethod
    def _perhaps_none(cls, value: object) -> object:
        return value or ()

    @field_validator("ap")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in DEFINITION_NAMES:
            raise ValueError(f"expected {' or '.join(DEFINITION_NAMES)}")
        return value


READING = ("fewest_objects", "classes", "ap")
"""Fields of ``detection`` that decide only what is made of the rows of a run."""


class Suite(_Model):
    """A benchmark, complete: the same suite and seed give the same rows.

    A list may be one text with commas, ``methods="ir,vis"``, as on the command line.
    """

    name: Name
    title: str = ""
    dataset: str
    split: str | None = None
    """Only pairs of this split of the dataset (``train``, ``val``, ``test``); all pairs without it."""
    subset: str | None = None
    """Only the pairs of a named subset of the dataset (``list subsets``)."""
    methods: tuple[str, ...] = Field(min_length=1)
    factors: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = Field((0, 1, 2, 3, 4, 5), min_length=1)
    modalities: tuple[Modality, ...] = Field(("both",), min_length=1)
    metrics: tuple[str, ...] = Field(("core",), min_length=1)
    references: tuple[Reference, ...] = Field(("clean", "seen"), min_length=1)
    detector: DetectorSettings | None = None
    detectors: tuple[DetectorSettings, ...] = ()
    """Several detectors, one after the other: a run folder each, and whether they agree on the order of the methods."""
    detection: DetectionSettings = DetectionSettings()
    seed: int = Field(0, ge=0)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Several seeds, one after the other: a run folder each, and mean and spread over them."""
    limit: int | None = Field(None, ge=1)

    @field_validator("detectors", mode="before")
    @classmethod
    def _by_file(cls, value: object) -> object:
        several = comma_list(value) if isinstance(value, str) else value
        if not isinstance(several, (list, tuple)):
            return several
        return [{"weights": one} if isinstance(one, str) else one for one in several]

    @model_validator(mode="after")
    def _several_differ(self) -> Suite:
        named = [detector.model_dump_json() for detector in self.detectors]
        if len(set(self.seeds)) < len(self.seeds) or len(set(named)) < len(named):
            raise ValueError("seeds and detectors each have to be different ones; leave out those that are there twice")
        if self.detectors and self.retrains:
            raise ValueError(
                f"detectors are for protocol fixed; protocol {self.detection.protocol} trains the network of "
                f"detection.recipe: leave out one of both"
            )
        return self

    @property
    def each(self) -> list[Suite]:
        """The suite once per detector and seed that it names; itself where it names none."""
        detectors = self.detectors or (self.detector,)
        return [
            self.model_copy(update={"detector": detector, "seed": seed})
            for detector in detectors
            for seed in self.seeds or (self.seed,)
        ]

    @model_validator(mode="after")
    def _boxes_can_be_read(self) -> Suite:
        if self.retrains and self.detector is None:
            raise ValueError(
                f"protocol {self.detection.protocol} needs detection: give the suite a `detector` section and do not "
                f"switch it off, or use --protocol fixed"
            )
        if self.detection.protocol == "retrain-augmented" and not self.factors:
            raise ValueError("protocol retrain-augmented needs factors to degrade its training pairs with")
        return self

    @property
    def retrains(self) -> bool:
        """Whether every method gets a detector of its own."""
        return self.detection.protocol != "fixed"

    def identity(self, data_root: Path | None) -> str:
        """Eight hex digits of everything that decides what a row of this run says.

        Methods, factors, severities, modalities, split, subset and limit only select cells, so a run can be extended
        by them;
        ``READING`` only decides what is made of the rows;
        under ``retrain-augmented`` factors and modalities also decide what the detectors have seen.
        """
        exclude = {"title", "methods", "factors", "severities", "modalities", "split", "subset", "limit"}
        exclude |= {"seeds", "detectors"}  # each run is of one
        if not self.retrains:
            exclude |= {"detection"}
        elif self.detection.protocol == "retrain-augmented":
            exclude -= {"factors", "modalities"}
        what = self.model_dump(mode="json", exclude=exclude) | {"data_root": str(data_root or "")}
        for field in READING:
            what.get("detection", {}).pop(field, None)
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]


def suite_names() -> list[str]:
    """The suites that come with the harness."""
    return sorted(path.name.removesuffix(".yaml") for path in SUITES.iterdir() if path.name.endswith(".yaml"))


def load_suite(name_or_path: str | Suite, overrides: dict[str, Any] | None = None) -> Suite:
    """A suite shipped with the harness by name, or any YAML file by path; ``overrides`` replace single fields.

    A suite itself is taken as it is, but for the overrides. Raises ``UsageError`` naming the field and its value where
    the YAML or an override does not fit.
    """
    if isinstance(name_or_path, Suite):
        return checked(name_or_path.model_dump(), Suite, overrides, f"suite {name_or_path.name}")
    if name_or_path.endswith((".yaml", ".yml")):
        path = place_of(name_or_path)
        if not os.path.isfile(path):  # also where the text is too long for a path
            raise UsageError(f"no suite file {path}; give an existing YAML file or one of: {', '.join(suite_names())}")
    elif name_or_path in suite_names():
        path = Path(str(SUITES / f"{name_or_path}.yaml"))
    else:
        raise UsageError(f"unknown suite {name_or_path!r}; give a YAML file or one of: {', '.join(suite_names())}")
    return read_yaml(path, Suite, overrides, name=f"suite {name_or_path}")
