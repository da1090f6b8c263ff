"""How cards are found, and what a card refuses."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tsdm_bench.cards import Card, Registry
from tsdm_bench.errors import UsageError

MODULE = f"""
from {__name__} import Lens
{{name}} = Lens(name="{{card}}", title="{{title}}", source="here", licence="MIT")
"""


@dataclass(frozen=True, kw_only=True)
class Lens(Card):
    """A kind of card for these tests."""

    sizes: tuple[int, ...] = ()
    folder: Path | None = None


LENS = Lens(name="wide", title="Wide", source="a paper", licence="MIT")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes modules of a package ``lenses`` that can be imported; gives a new registry of it and its plug-ins."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lenses").mkdir()

    def write(**modules: str) -> Registry[Lens]:
        for name, text in {"__init__": "", **modules}.items():
            (tmp_path / f"lenses/{name}.py").write_text(text)
        importlib.invalidate_caches()
        return Registry("lens", Lens, ("lenses",), "tests.lenses")

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in ("lenses", "plugged")]:
        del sys.modules[name]


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Installs a distribution with a module ``plugged`` and entry points to values in it."""

    def install(text: str, *values: str) -> None:
        (tmp_path / "plugged.py").write_text(text)
        info = tmp_path / "far_lenses-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: far-lenses\nVersion: 1.0\n")
        lines = [f"{value.lower()} = plugged:{value}" for value in values]
        (info / "entry_points.txt").write_text("\n".join(["[tests.lenses]", *lines, ""]))
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a/b"), ("title", None), ("version", 2), ("sizes", [1, 2]), ("sizes", ("1",)), ("folder", "here")],
)
def test_a_value_of_another_type_is_refused_by_card_field_and_value(field, value):
    with pytest.raises(ValueError, match=rf"^Lens '.*': {field}.* = .*: (input should be|it has a '/')") as caught:
        replace(LENS, **{field: value})
    assert "\n" not in str(caught.value)


def test_an_unknown_or_missing_field_is_refused_and_a_card_never_changes():
    with pytest.raises(TypeError, match="focus"):
        Lens(name="wide", title="Wide", source="a paper", licence="MIT", focus=1)
    with pytest.raises(TypeError, match="licence"):
        Lens(name="wide", title="Wide", source="a paper")
    with pytest.raises(AttributeError):
        LENS.version = "2"


def test_one_new_module_is_enough(package):
    lenses = package(near=MODULE.format(name="NEAR", card="macro", title="Macro"))
    assert list(lenses) == ["macro"]
    assert lenses["macro"].title == "Macro"


def test_a_module_may_hold_several_and_packages_below_are_not_entered(package, tmp_path):
    text = MODULE.format(name="A", card="a", title="A") + "B = (A, type(A)(name='b', title='', source='', licence=''))"
    (tmp_path / "lenses/below").mkdir()
    (tmp_path / "lenses/below/__init__.py").write_text("")
    (tmp_path / "lenses/below/deep.py").write_text(MODULE.format(name="C", card="c", title="C"))
    assert sorted(package(both=text)) == ["a", "b"]


def test_an_entry_point_adds_one_card_or_several(package, plug_in):
    plug_in(MODULE.format(name="FAR", card="tele", title="Tele") + "ALL = [FAR, FAR]\n", "FAR", "ALL")
    assert list(package()) == ["tele"]


def test_a_broken_plug_in_is_left_out_in_one_line(package, plug_in, caplog):
    plug_in("TEXT = 'no card'\n", "MISSING", "TEXT")
    assert not package(near=MODULE.format(name="N", card="macro", title="")).keys() - {"macro"}
    assert "lens plug-in missing was left out: AttributeError" in caplog.text
    assert "lens plug-in text was left out: plugged:TEXT is str, expected Lens" in caplog.text


def test_a_second_card_of_one_name_in_the_packages_is_refused_naming_both_places(package):
    lenses = package(**{each: MODULE.format(name="N", card="macro", title=each) for each in ("one", "two")})
    with pytest.raises(UsageError, match=r"'macro': one in lenses.one, one in lenses.two; rename"):
        lenses["macro"]


def test_a_second_card_of_one_name_from_an_entry_point_is_refused_naming_both_places(package, plug_in):
    plug_in(MODULE.format(name="FAR", card="macro", title="Other"), "FAR")
    lenses = package(near=MODULE.format(name="N", card="macro", title="Macro"))
    with pytest.raises(
        UsageError, match=r"lenses.near, one in plugged:FAR \(entry point far of far-lenses\)"
    ) as caught:
        len(lenses)
    assert "\n" not in str(caught.value)


def test_one_card_seen_from_two_modules_is_one_card(package):
    near = MODULE.format(name="N", card="macro", title="Macro")
    assert list(package(near=near, user="from lenses.near import N\n")) == ["macro"]


def test_an_unknown_name_suggests_the_nearest_whatever_its_case(package):
    lenses = package(near=MODULE.format(name="N", card="Macro", title=""))
    with pytest.raises(UsageError, match=r"unknown lens 'macr'; did you mean 'Macro'\? `run_bench.py list lenss`"):
        lenses["macr"]
    assert lenses.get("macr") is None
    assert lenses.get("Macro").name == "Macro"


def test_cards_within_other_cards_are_found_with_their_place():
    other = replace(LENS, title="Other")
    lenses = Registry("lens", Lens, within=lambda: [("camera a", LENS), ("camera b", LENS), ("camera c", other)])
    with pytest.raises(UsageError, match="camera a, one in camera c"):
        lenses["wide"]
