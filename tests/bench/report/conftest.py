"""Run folders made of chosen numbers, without computing: what a report makes of them is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.cell.rows import CellResult, DetectionRow, Failure, Row
from bench.datasets.pair import Box, Pair
from bench.metrics import METRICS, resolve
from bench.plan import CLEAN, conditions
from bench.report.drawing import Drawing, Easel
from bench.run.record import (
    DatasetFacts,
    DetectorFacts,
    FactorFacts,
    MethodFacts,
    PairFacts,
    Part,
    RunRecord,
)
from bench.run.store import RunFolder
from bench.suite import Suite
from bench.unfused import UNFUSED
from tsdm_bench.images import write_png

PART = Part(
    command=("run_bench.py",), date="2026-01-01", commit="0" * 40, python="3.11", versions={}, platform="", cores=1,
    device="cpu",
)  # fmt: skip
FEW_IMAGES = 4


def record_of(suite: Suite, images: int, labelled: bool, **fields: object) -> RunRecord:
    """A record of the present form; ``fields`` replace single ones."""
    sources = {"ir": "Infrared", "vis": "Visible"}
    kinds = dict.fromkeys(sources, "source") | dict.fromkeys(UNFUSED, "unfused")
    methods = {
        name: MethodFacts(spec=name, title=sources.get(name, name), kind=kinds.get(name, "classical"), version="1")
        for name in suite.methods
    }
    detector = DetectorFacts(name="net", sha256="0" * 64, class_map={"car": "Car"}, image_size=64) if labelled else None
    pair = PairFacts(content="c", labels="l" if labelled else None, scene="s")
    whole = {
        "suite": suite,
        "dataset": DatasetFacts(name="folder", title="own pairs", synthetic=False),
        "classes": ("Car", "Bus") if labelled else (),
        "pairs": {image_name(index): pair for index in range(images)},
        "methods": methods,
        "factors": {name: FactorFacts(version="1", ladder={}) for name in suite.factors},
        "metrics": {name: METRICS[name].version for name in resolve(suite.metrics)},
        "detector": detector,
        "parts": (PART,),
    }
    return RunRecord(**whole | fields)


def image_name(index: int) -> str:
    return f"scene {'abcdefghijklmnopqrstuvwxyz'[index]}"


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Build a run folder.

    ``values`` gives the metric of each method, by default one below the other; noise of severity s costs s. A result
    for which ``lost(method, image, severity)`` holds is missing. With ``found`` (method → share of the objects) the
    pairs are labelled: five cars each, and one bus in the first.
    """

    def make(
        place: str = "run",
        /,
        images: int = FEW_IMAGES,
        methods: tuple[str, ...] = ("ir", "vis", "a", "b"),
        values: Mapping[str, float] | None = None,
        lost: Callable[[str, str, int], bool] = lambda *_: False,
        found: Mapping[str, float] | None = None,
        record: Mapping[str, object] | None = None,
        **fields: object,
    ) -> RunFolder:
        settings = {"name": "own", "dataset": "folder", "methods": methods, "factors": ("noise_gray",)}
        settings |= {"severities": (0, 1, 5), "metrics": ("psnr", "vif"), "references": ("clean",)}
        if found:
            settings["detector"] = {"weights": "net.onnx", "image_size": 64}
        suite = Suite(**settings | fields)
        folder = RunFolder(tmp_path / place)
        folder.path.mkdir()
        boxes = [[Box("Car", 20.0 * i, 0.0, 10.0, 10.0) for i in range(5)] for _ in range(images)]
        boxes[0].append(Box("Bus", 0.0, 50.0, 20.0, 20.0))
        names = [image_name(index) for index in range(images)]
        pairs = [
            Pair(image, image, lambda: None, tuple(own) if found else None)
            for image, own in zip(names, boxes, strict=True)
        ]
        folder.write_pairs(pairs)
        facts = record_of(suite, images, bool(found), **record or {})
        (folder.path / "run.json").write_text(facts.model_dump_json(), encoding="utf-8")
        values = values or {method: 20.0 + place for place, method in enumerate(methods)}
        result = CellResult()
        for (number, pair), condition, method in product(enumerate(pairs), conditions(suite), methods):
            severity = condition.severity
            if lost(method, pair.image, severity):
                result.failures.append(Failure(pair.image, *condition, method, "it failed"))
                continue
            value = values[method] - severity + 0.01 * number
            key = ("folder", pair.image, pair.image, *condition, suite.seed, method)
            if method in UNFUSED:
                result.detected.append((pair.image, *condition, method))
            else:
                result.rows += [Row(*key, metric, "clean", value, 0.1) for metric in resolve(suite.metrics)]
            if found:
                share = found[method] - 0.1 * severity
                kept = pair.boxes[: round(share * 5)] if number else (*pair.boxes[: round(share * 5)], pair.boxes[-1])
                result.detections += [
                    DetectionRow("folder", pair.image, *condition, method, "net", box.label, 0.9, *box[1:])
                    for box in kept
                ]
        folder.append([result])
        assert CLEAN.severity in suite.severities or not found
        return folder

    return make


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pairs of :func:`make_run` as files, where a published run looks for its boxes."""
    root = tmp_path / "dataset"
    for folder in ("ir", "vis", "Annotations"):
        (root / folder).mkdir(parents=True)
    for index in range(5):
        for folder in ("ir", "vis"):
            write_png(root / folder / f"{image_name(index)}.png", np.zeros((96, 96), np.uint8))
        objects = [("Car", 20 * i, 0, 10) for i in range(5)] + [("Bus", 0, 50, 20)] * (index == 0)
        text = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + side}</xmax>"
            f"<ymax>{y + side}</ymax></bndbox></object>"
            for name, x, y, side in objects
        )
        (root / "Annotations" / f"{image_name(index)}.xml").write_text(f"<annotation>{text}</annotation>")
    monkeypatch.setenv("TSDM_BENCH_DATA", str(root))
    return root


@pytest.fixture
def quick_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves as empty files: drawing them takes most of the time and has tests of its own."""

    def touch(drawing: Drawing) -> None:
        for path in drawing.files:
            path.parent.mkdir(exist_ok=True)
            path.touch()

    monkeypatch.setattr(Easel, "give", lambda easel, drawing: touch(drawing))
    monkeypatch.setattr("bench.report.drawing._draw", touch)
