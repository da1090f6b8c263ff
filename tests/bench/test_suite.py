from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.methods import expand
from bench.plan import factors_of
from bench.suite import Suite, load_suite, suite_names
from bench.unfused import UNFUSED
from degradation.presets import expand as expand_factors
from fusion.method import METHODS
from tsdm_bench.errors import UsageError


@pytest.mark.parametrize("name", suite_names())
def test_shipped_suites_name_things_that_exist(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert set(expand(suite.methods)) <= {*METHODS, *UNFUSED}
    assert factors_of(suite)
    assert len(factors_of(suite)) == len(expand_factors(suite.factors))


def test_the_five_suites_are_there() -> None:
    assert {"demo", "tno", "roadscene", "llvip", "m3fd"} <= set(suite_names())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"severities": (0, 6)}, r"severities\.1 = 6: .*less than or equal to 5"),
        ({"severities": ()}, "severities"),
        ({"limit": 0}, "limit = 0"),
        ({"modalities": ("uv",)}, r"modalities\.0 = 'uv'"),
        ({"colour": "red"}, "colour = 'red': no such field; the fields are name, "),
        ({"seed": -1}, "seed = -1"),
        ({"name": "../elsewhere/x"}, r"name = '\.\./elsewhere/x': it has a '/', and a name is no path"),
        ({"name": "/tmp/x"}, "name = '/tmp/x': it has a '/'"),
        ({"name": "a\0b"}, r"name = 'a\\x00b': it has a control character"),
        ({"name": ""}, "name = '': it names no file"),
        ({"name": "CON"}, "name = 'CON': it is a device on Windows"),
        ({"name": "x" * 300}, "it is 300 bytes long, 200 at most"),
        ({"name": "x. "}, "it begins or ends with a dot or a space"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_its_value(overrides: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_suite("demo", overrides)


def test_unknown_suites_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown suite .m3df.; .*m3fd"):
        load_suite("m3df")
    for name in ("mine.yaml", "x" * 5000 + ".yaml", "a\0b.yaml"):
        with pytest.raises(UsageError, match="no suite file"):
            load_suite(str(tmp_path / name))
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(UsageError, match="not valid YAML"):
        load_suite(str(broken))


def test_only_what_decides_a_value_decides_the_run_folder() -> None:
    suite = load_suite("m3fd")
    same = {"methods": ("ir",), "factors": ("jpeg",), "severities": (0,), "limit": 3, "title": "other"}
    other = {"seed": 1, "metrics": ("psnr",), "references": ("seen",), "detector": None}
    base = suite.identity(Path("data"))
    assert all(Suite(**suite.model_dump() | {k: v}).identity(Path("data")) == base for k, v in same.items())
    assert all(Suite(**suite.model_dump() | {k: v}).identity(Path("data")) != base for k, v in other.items())
    assert suite.identity(Path("elsewhere")) != base


def test_one_detector_or_several() -> None:
    assert load_suite("m3fd", {"detector.weights": "mine.pt"}).detector.weights == ("mine.pt",)
    assert load_suite("m3fd", {"detector.weights": "mine.pt,other.pt"}).detector.weights == ("mine.pt", "other.pt")
    assert len(load_suite("m3fd").detector.weights) > 1
    for several in ("a.pt,b.pt", ["a.pt", "b.pt"], ("a.pt", {"weights": "b.pt"})):
        assert [of.weights for of in load_suite("m3fd", {"detectors": several}).detectors] == [("a.pt",), ("b.pt",)]


def identities(name: str, overrides: list[dict]) -> set[str]:
    return {load_suite(name, of).identity(Path("data")) for of in overrides}


def test_protocols_and_recipes_have_run_folders_of_their_own() -> None:
    protocols = [{"detection.protocol": name} for name in ("fixed", "retrain", "retrain-augmented")]
    recipes = [{"detection.protocol": "retrain", "detection.recipe": recipe} for recipe in ("small", {"epochs": 3})]
    parts = [{"detection.protocol": "retrain", "detection.split": "scenes"}]
    shown_only = {"detection.protocol": "retrain", "detection.fewest_objects": 5}
    read_only = protocols[1] | {"detection.ap": "ultralytics", "detection.classes": "paper"}
    assert identities("m3fd", [protocols[1], shown_only, read_only]) == identities("m3fd", [protocols[1]])
    everything = [*protocols, *recipes, *parts]
    assert len(identities("m3fd", everything)) == len(everything)


def test_settings_of_training_do_not_move_a_run_with_a_fixed_detector() -> None:
    assert len(identities("m3fd", [{}, {"detection.recipe": "small"}, {"detection.initial": ()}])) == 1


def test_factors_extend_a_run_unless_the_detectors_were_trained_on_them() -> None:
    for protocol, folders in (("retrain", 1), ("retrain-augmented", 2)):
        factors = [{"detection.protocol": protocol, "factors": of} for of in (("jpeg",), ("jpeg", "contrast"))]
        assert len(identities("m3fd", factors)) == folders


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"detection.protocol": "tune"}, r"detection\.protocol = 'tune'"),
        ({"detection.recipe": "medium"}, "detection.recipe = 'medium': expected small or full"),
        ({"detection.recipe": {"epoch": 3}}, r"detection\.recipe\.epoch = 3: unexpected"),
        ({"detection.recipe": {"epochs": 0}}, "at least 1 epoch"),
        ({"detection.protocol": "retrain", "detector": None}, "m3fd: protocol retrain needs detection"),
        ({"detection.protocol": "retrain-augmented", "factors": ()}, "retrain-augmented needs factors"),
    ],
)
def test_a_protocol_that_cannot_be_run_is_refused(overrides: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_suite("m3fd", overrides)


def test_fields_replace_those_of_a_suite_itself_too() -> None:
    suite = load_suite("m3fd", {"limit": 4})
    assert load_suite(suite, {"limit": 2}) == load_suite("m3fd", {"limit": 2})
    assert load_suite(suite) == suite
    with pytest.raises(UsageError, match=r"suite m3fd: limit = 0"):
        load_suite(suite, {"limit": 0})
    with pytest.raises(UsageError, match=r"limits = 2: no such field"):
        bench.run(suite, limits=2)
