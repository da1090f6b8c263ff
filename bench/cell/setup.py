"""What a worker needs to know of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.methods import find_method
from bench.plan import Condition
from bench.suite import Suite
from detectors.detector import Detector, open_detector


@dataclass(frozen=True)
class Setup:
    """What a worker needs to open a :class:`Bench`; small and picklable."""

    suite: Suite
    specs: dict[str, str]
    """Method name → what :func:`find_method` understands: the card's name, or a user's own specification."""
    dataset: str
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    weights_dir: Path | None
    device: str
    threads: int
    batch: int | None = None
    """Cells that go through together; None: as many as a GPU has room for, one on the CPU."""
    detectors: dict[str, Path] = field(default_factory=dict)
    """Method name → the detector that was trained for it; empty where one detector serves all."""
    shown: tuple[str, ...] = ()
    """Images of the pairs that the report shows."""
    inputs_shown: frozenset[tuple[str, Condition]] = frozenset()
    """(image, condition) whose degraded inputs the report shows."""
    results_shown: frozenset[tuple[str, Condition]] = frozenset()
    """(image, condition) whose fused images the report shows."""

    @property
    def runs_foreign_code(self) -> bool:
        """Whether a method is the user's own code: it may end its process, so it must not be that of the run."""
        methods = map(find_method, self.specs.values())
        return any(method.kind == "external" and method.result_file is None for method in methods)

    def open_detector(self, own: Path | None = None) -> Detector:
        """The detector that was trained for a method, else the one of the suite (the caller has left only one)."""
        if (settings := self.suite.detector) is None:
            raise AssertionError("a suite without detection opens no detector")
        detector = open_detector(
            own or settings.weights[0],
            classes=self.classes,
            weights_dir=self.weights_dir,
            device=self.device,
            **settings.model_dump(exclude={"weights"}),
        )
        return replace(detector, name=f"{self.suite.detection.protocol}-{detector.name}") if own else detector
