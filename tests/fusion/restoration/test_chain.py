"""A method behind restorers: how it is named, what it sees, and what is refused."""

from __future__ import annotations

import csv
import dataclasses

import pytest
import torch

from bench.methods import find_method, find_weights
from degradation.factor import FACTORS, MAX_SEVERITY
from fusion.method import METHODS, Method, prepare
from fusion.restoration import chain, oracle
from fusion.restoration.chain import Memory, Step, restoring, split
from fusion.restoration.restorer import Restorer, rounded
from fusion.restoration.truth import Fault
from tsdm_bench.errors import UsageError


def restorer(name: str, function, modalities=("ir", "vis"), **fields) -> Restorer:
    facts = {"title": name, "source": "", "kind": "classical", "description": "", "removes": ()}
    return Restorer(name=name, modalities=modalities, load=lambda weights, device: function, **facts | fields)


HALF = restorer("half", lambda image: image / 2)
BRIGHT = restorer("bright", lambda image: image + 0.5, ("vis",))
KEY = {"dataset": "d", "image": "1", "factor": "noise_gray", "severity": 3, "modality": "vis", "seed": 0}


@pytest.fixture
def known(monkeypatch):
    """The restorers of these tests beside the real ones, by name."""
    monkeypatch.setattr(chain, "RESTORERS", {"half": HALF, "bright": BRIGHT})


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 1, 9, 11, generator=generator), torch.rand(1, 3, 9, 11, generator=generator)


def sees(spec: str, pair, key=None, memory=None) -> tuple[torch.Tensor, torch.Tensor]:
    """What a method behind the restorers of ``spec`` gets."""
    seen = []

    def core(ir, vis):
        seen.extend((ir, vis))
        return vis

    steps, _ = split(spec)
    method = dataclasses.replace(METHODS["average"], load=lambda weights, device: core, luma=False)
    prepare(restoring(steps, method), memory=memory)(*pair, key)
    return seen[0], seen[1]


def test_a_restorer_works_on_all_that_it_can_restore_and_its_result_is_rounded(known, pair):
    ir, vis = sees("half+average", pair)
    assert torch.equal(ir, rounded(pair[0] / 2))
    assert torch.equal(vis, rounded(pair[1] / 2))
    assert torch.equal((ir * 255).round() / 255, ir)


def test_restorers_work_in_their_order_on_the_image_that_is_named(known, pair):
    ir, vis = sees("ir:half+bright+vis:half+average", pair)
    assert torch.equal(ir, rounded(pair[0] / 2))
    assert torch.equal(vis, rounded(rounded(pair[1] + 0.5) / 2))


def test_name_and_facts_of_the_method_behind_restorers(known):
    steps, base = split("ir:half+bright+seafusion")
    method = restoring(steps, METHODS[base])
    assert method.name == "ir.half+bright+seafusion"
    assert method.title == "half (ir) + bright + SeAFusion"
    assert method.version == "1 after half 1, bright 1"
    assert method.restores == "seafusion"
    assert not method.knows_condition


def test_a_method_that_writes_into_its_inputs_changes_them_for_no_other(known, pair):
    def spoil(ir, vis):
        ir.zero_()
        vis.zero_()
        return vis

    memory = Memory()
    method = dataclasses.replace(METHODS["average"], load=lambda weights, device: spoil, luma=False)
    prepare(restoring(split("ir:half+average")[0], method), memory=memory)(*(image.clone() for image in pair))
    ir, vis = sees("ir:half+average", pair, memory=memory)
    assert torch.equal(ir, rounded(pair[0] / 2))
    assert torch.equal(vis, pair[1])


def test_what_one_method_restored_is_not_restored_again_and_its_seconds_are_told(known, pair, monkeypatch):
    calls, clock = [], iter(range(100))
    monkeypatch.setattr(chain.time, "perf_counter", lambda: float(next(clock)))
    count = restorer("count", lambda image: calls.append(1) or image, ("ir",))
    monkeypatch.setitem(chain.RESTORERS, "count", count)
    memory = Memory()
    sees("count+average", pair, memory=memory)
    assert (len(calls), memory.saved) == (1, 0)
    sees("count+average", pair, memory=memory)
    assert (len(calls), memory.saved) == (1, 1)
    sees("count+average", (pair[0] / 2, pair[1]), memory=memory)
    assert len(calls) == 2


def test_a_restorer_that_knows_the_condition_is_told_the_faults_of_its_image(known, pair, monkeypatch):
    told = []
    knowing = restorer("knowing", lambda image, faults: told.append(faults) or image, knows_condition=True)
    monkeypatch.setitem(chain.RESTORERS, "knowing", knowing)
    assert restoring((Step(knowing, None),), METHODS["average"]).knows_condition
    memory = Memory()
    sees("knowing+average", pair, KEY, memory)
    sees("knowing+average", pair, KEY | {"factor": "clean", "severity": 0, "modality": "both"}, memory)
    assert [[fault[:2] for fault in faults] for faults in told] == [[], [("noise_gray", 3)], []]
    with pytest.raises(ValueError, match="only a run knows"):
        sees("knowing+average", pair, None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gama+average", "unknown restorer 'gama'; did you mean 'gamma'"),
        ("ir:clae+average", "unknown restorer 'clae'; did you mean 'clahe'"),
        ("ir:sci+gff", "sci restores the visible image, not the infrared one; write sci or vis:sci"),
        ("vis:snrwdnn+gff", "snrwdnn restores the infrared image, not the visible one"),
        ("gff+sci", "gff is a method; restorers come first and one method last"),
        ("sci+gff+average", "gff is a method"),
        ("sci+", "no method behind the last"),
        ("sci", "sci is a restorer; put it in front of a method, as in sci\\+gff"),
    ],
)
def test_what_cannot_be_understood_is_told_in_one_line(spec, message):
    with pytest.raises(UsageError, match=message):
        split(spec)


def test_a_plus_in_the_name_of_a_users_own_method_is_part_of_the_name():
    assert split("c++=folder:results") == ((), "c++=folder:results")
    steps, rest = split("sci+mine=python:m:f")
    assert [step.restorer.name for step in steps] == ["sci"]
    assert rest == "mine=python:m:f"


def test_ready_results_cannot_be_restored_first():
    folder = dataclasses.replace(METHODS["average"], result_file=lambda key: None)
    assert isinstance(folder, Method)
    with pytest.raises(UsageError, match="its results exist already"):
        restoring(split("gamma+average")[0], folder)


def test_the_oracle_takes_the_best_restorer_of_the_last_fault_first(monkeypatch):
    calls = []

    def noting(name: str) -> Restorer:
        return restorer(name, lambda image: calls.append(name) or image)

    monkeypatch.setattr(oracle, "RESTORERS", {name: noting(name) for name in ("a", "b")})
    best = {("rain", "vis", 3): "a", ("noise_gray", "vis", 3): "b", ("fog", "vis", 3): ""}
    monkeypatch.setattr(oracle, "best_restorers", lambda: best)
    restore = oracle.RESTORER.load({}, torch.device("cpu"))
    image = torch.full((1, 3, 4, 4), 0.5)
    faults = tuple(Fault(name, 3, {}) for name in ("rain", "fog", "noise_gray"))
    restore(image, faults)
    assert calls == ["b", "a"]
    assert torch.equal(restore(image, ()), image)
    with pytest.raises(ValueError, match="knows no best restorer for snow on vis at severity 3"):
        restore(image, (Fault("snow", 3, {}),))


def test_the_table_of_the_oracle_is_that_of_the_cards():
    """Every restorer is in it under each factor that its card names, and nothing else is."""
    with oracle.TABLE.open(encoding="utf-8", newline="") as file:
        rows = [(row["factor"], row["modality"], row["restorer"]) for row in csv.DictReader(file)]
    named = {
        (factor, modality, name)
        for name, card in chain.RESTORERS.items()
        if card.kind != "oracle"
        for factor in card.removes
        for modality in set(card.modalities) & set(FACTORS[factor].modalities)
    }
    assert {row for row in rows if row[2]} == named
    assert {row[:2] for row in rows} == {(name, each) for name, card in FACTORS.items() for each in card.modalities}
    assert len(rows) == len(set(rows)) * MAX_SEVERITY


def test_a_weight_file_that_is_not_what_its_card_says_is_refused_by_name(tmp_path):
    method = find_method("sci+average")
    (tmp_path / "SCI_medium.pt").write_bytes(b"another file")
    with pytest.raises(UsageError, match=r"SCI_medium.pt is not SCI_medium.pt \(43967 bytes, sha256 4ff1e7e66e8f"):
        find_weights(method, tmp_path)
