"""A few of the damaged inputs of ``benchmarks/damaged_inputs/campaign.py``: understood, or refused in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "damaged_inputs"
WEIGHTS = ("arrays", "bundles", "checkpoints", "legacy", "pickles", "safetensors")
KINDS = (*WEIGHTS, "archives", "labels", "pictures", "runs", "yaml")


@pytest.fixture
def campaign(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(CAMPAIGN)])
    import campaign

    return campaign


def test_the_kinds_are_these(campaign):
    assert sorted(campaign.KINDS) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_understood_and_a_damaged_one_at_worst_refused(campaign, kind, tmp_path):
    for number, content in enumerate(campaign.whole_files(kind)):
        path = tmp_path / str(number) / f"whole{campaign.KINDS[kind].suffix}"
        path.parent.mkdir()
        path.write_bytes(content)
        campaign.KINDS[kind].read(path)
    outcomes = {number: campaign.attempt(kind, seed=7, number=number) for number in range(40)}
    assert {number: o for number, o in outcomes.items() if o not in ("understood", "refused")} == {}
    assert set(outcomes.values()) == {"understood", "refused"}
