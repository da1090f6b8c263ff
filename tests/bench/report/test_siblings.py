"""Runs that differ by seed or detector alone, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.report.parts import read_parts
from bench.run.record import DetectorFacts
from bench.run.store import RunFolder
from bench.suite import DetectorSettings, Suite, load_suite
from tsdm_bench.errors import UsageError

Make = Callable[..., RunFolder]
METHODS = ("ir", "vis", "a", "b", "c")
FOUND = {"ir": 0.4, "vis": 0.4, "a": 0.6, "b": 0.8, "c": 1.0}
BETTER = FOUND | {"a": 1.0, "b": 0.6, "c": 0.8}


def seeded(
    make_run: Make, seed: int, found: Mapping[str, float], asked: tuple[int, ...] = (0, 1), **fields
) -> RunFolder:
    return make_run(f"seed{seed}-x", methods=METHODS, found=found, images=3, seed=seed, seeds=asked,
                    detection={"fewest_objects": 10}, values=dict.fromkeys(METHODS, 20.0 + seed), **fields)  # fmt: skip


def section(folder: RunFolder, name: str):
    return next((of for of in read_parts(folder).sections if of.name == name), None)


def test_mean_and_spread_over_seeds_are_those_of_the_runs(make_run: Make) -> None:
    folders = [seeded(make_run, seed, found) for seed, found in ((0, FOUND), (1, BETTER))]
    seeded(make_run, 7, FOUND)  # of a seed that the suite does not name
    found = section(folders[0], "seeds")
    tidy = found.tidy.set_index(["quantity", "part", "method"])
    each = [read_parts(folder).precision for folder in folders]
    samples = [of.samples for of in each]
    clean = [(of.cells["method"] == "a") & (of.cells["severity"] == 0) for of in samples]
    values = [
        of.of(p.measure, p.name)[where.to_numpy(), 0][0] for of, p, where in zip(samples, each, clean, strict=True)
    ]
    row = tidy.loc[("mAP50", "clean", "a")]
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["std"] == pytest.approx(np.std(values, ddof=1))
    assert (row["least"], row["greatest"]) == pytest.approx((min(values), max(values)))
    assert values[0] != values[1]
    metric = tidy.loc[("psnr-clean", "degraded", "a")]
    assert (metric["least"], metric["greatest"]) == pytest.approx((17.01, 18.01))
    assert row["seeds"] == 2
    assert "2 runs (seeds 0, 1)" in found.tables[0].note


def test_a_seed_that_was_not_run_yet_is_named_and_one_alone_has_no_spread(make_run: Make) -> None:
    folder = seeded(make_run, 0, FOUND, (0, 1, 2))
    assert section(folder, "seeds") is None
    seeded(make_run, 1, FOUND, (0, 1, 2))
    assert "still missing: 2" in section(folder, "seeds").tables[0].note


def test_a_run_of_another_protocol_is_no_sibling(make_run: Make) -> None:
    folder = seeded(make_run, 0, FOUND)
    seeded(make_run, 1, FOUND, severities=(0, 1, 5), metrics=("psnr",))
    assert section(folder, "seeds") is None


def test_detectors_stand_side_by_side_with_their_agreement(make_run: Make) -> None:
    asked = [{"weights": name, "image_size": 64} for name in ("one.onnx", "two.onnx")]
    folders = []
    for name, found in (("one", FOUND), ("two", {**FOUND, "a": 1.0, "c": 0.6})):
        facts = DetectorFacts(name=name, sha256=name * 20, class_map={"car": "Car"}, image_size=64)
        fields = {"detectors": asked, "detector": {"weights": f"{name}.onnx", "image_size": 64}}
        fields |= {"detection": {"fewest_objects": 10}, "record": {"detector": facts}}
        folders.append(make_run(f"seed0-{name}", methods=METHODS, found=found, images=3, **fields))
    found = section(folders[1], "detectors")
    by_method, agreement = found.tables
    heads = [column.head for column in by_method.columns]
    assert heads == [f"{part}: {name}" for part in ("clean", "degraded") for name in ("one", "two")]
    best = [next(name for name, cells in by_method.cells() if cells[place].mark == "best") for place in range(2)]
    assert best == ["c", "a"]
    assert agreement.frame.loc["one – two", "clean tau"] == pytest.approx(-1)  # a < b < c, reversed
    assert "Best on clean pairs: c by one, a by two." in by_method.note


def test_a_suite_is_run_once_per_detector_and_seed() -> None:
    suite = load_suite("tno", {"detectors": ["a.onnx", "b.onnx"], "seeds": [3, 4]})
    assert [(of.detector.weights, of.seed) for of in suite.each] == [
        (("a.onnx",), 3), (("a.onnx",), 4), (("b.onnx",), 3), (("b.onnx",), 4),
    ]  # fmt: skip
    alone = suite.model_copy(update={"seeds": (), "detectors": (), "seed": 4, "detector": suite.detectors[1]})
    assert alone.each == [alone]
    assert suite.each[3].identity(None) == alone.identity(None)  # the same folder as by itself


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seeds": [0, 0]}, "there twice"),
        ({"detectors": ["a.onnx", "a.onnx"]}, "there twice"),
        ({"detectors": ["a.onnx"], "detection.protocol": "retrain"}, "detectors are for protocol fixed"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_suite("m3fd", fields)


def test_detectors_may_have_settings_of_their_own() -> None:
    suite = load_suite("m3fd", {"detectors": ["a.onnx", {"weights": "a.onnx", "image_size": 320}]})
    assert suite.detectors == (DetectorSettings(weights="a.onnx"), DetectorSettings(weights="a.onnx", image_size=320))
    assert isinstance(suite, Suite)


def test_degraded_pairs_are_of_one_seed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name it by --seed"):
        bench.degrade("demo", tmp_path / "out", seeds=[0, 1])
