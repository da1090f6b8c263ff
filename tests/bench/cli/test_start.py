"""A mistake in the command is told before anything that takes seconds is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.asked import METHOD_GROUPS, check_method, check_names
from bench.datasets import DATASETS
from bench.methods import groups
from bench.metrics import METRICS, PRESETS
from bench.subsets import SUBSETS
from bench.suite import load_suite, suite_names
from degradation.factor import FACTORS
from detectors.card import DETECTORS
from fusion.method import METHODS
from tsdm_bench.cards import Registry
from tsdm_bench.declared import declared
from tsdm_bench.errors import UsageError

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "kornia", "matplotlib", "pandas", "pyarrow", "scipy", "skimage", "ultralytics")
MISTAKES = {
    "--suite nope": "unknown suite 'nope'",
    "--factors gausian_blur": "unknown factor 'gausian_blur'; did you mean 'gaussian_blur'?",
    "--metrics core,qabff": "unknown metric 'qabff'; did you mean 'qabf'?",
    "--methods vis,gfff": "unknown method 'gfff'; did you mean 'gff'?",
    "--methods learnd": "unknown method 'learnd'; did you mean 'learned'?",
    "--methods mine=folder:results/nowhere": "no folder results/nowhere; folder:PATH needs the folder",
    "--methods mine=command:no_such_program{ir}{vis}{out}": "no program 'no_such_program",
    "--suite tno": "dataset tno needs its images: name their folder by --data-root",
    "--panels -1": "--panels -1",
    "--severities 9": "severities",
    "degrade --out x --factors jpg": "unknown factor 'jpg'; did you mean 'jpeg'?",
    "fuse --method gfff --ir a --vis b --out c": "unknown method 'gfff'; did you mean 'gff'?",
    "score --ir a --vis b --fused c --metrics qabff": "unknown metric 'qabff'; did you mean 'qabf'?",
    "datasets verify m3f": "unknown dataset 'm3f'; did you mean 'm3fd'?",
    "weights fetch tsdm_studnt": "unknown weight file 'tsdm_studnt'",
    "list everything": "invalid choice: 'everything'",
}
PROGRAM = """
import io, json, logging, sys
from bench.cli import main
told = {}
for command in json.loads(sys.argv[1]):
    sys.stderr = error = io.StringIO()
    logging.getLogger().handlers.clear()  # the next call makes one for this stream
    status = main(command.split())
    told[command] = [status, error.getvalue(), [name for name in json.loads(sys.argv[2]) if name in sys.modules]]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, list]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(list(MISTAKES)), json.dumps(HEAVY)]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_told_before_anything_heavy_is_imported(command: str, told: dict[str, list]) -> None:
    status, error, heavy = told[command]
    assert (status, heavy) == (2, [])
    assert MISTAKES[command] in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "registry", [DATASETS, DETECTORS, FACTORS, METHODS, METRICS, SUBSETS], ids=lambda each: each.kind
)
def test_every_card_can_be_told_from_the_sources(registry: Registry) -> None:
    found = declared(registry.packages)
    assert not [name for name in registry if not found.may_be(name)]
    assert set(found.cards) <= set(registry)
    assert not found.may_be("no such name")


def test_presets_can_be_told_from_the_sources() -> None:
    found = declared(METRICS.packages)
    assert not [name for name in PRESETS if not found.may_be(name)]


def test_every_suite_group_and_restorer_passes(tmp_path: Path) -> None:
    for name in suite_names():
        check_names(load_suite(name), "data")
    for word in (*groups(), "sci+gff", "ir:snrwdnn+vis:sci+gff", f"a+b=folder:{tmp_path}", "a.py:fuse?luma=1"):
        check_method(word, METHOD_GROUPS)
    with pytest.raises(UsageError, match="unknown restorer 'scii'"):
        check_method("vis:scii+gff")


def test_a_name_that_a_plug_in_may_have_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry("factor", FACTORS.card_type, FACTORS.packages, "tsdm_bench.factors")
    with pytest.raises(UsageError, match="unknown factor 'snow_of_another'"):
        registry.check("snow_of_another")
    monkeypatch.setattr("tsdm_bench.cards.entry_points", lambda group: ["a plug-in"])
    registry.check("snow_of_another")
