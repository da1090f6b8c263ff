"""How the cluster executor places workers and what it does where one is lost; Ray itself is stood in for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.cell.rows import CellResult
from bench.cli import main
from bench.executors.ray import MOST_TRIES, _collect, _places
from bench.plan import CLEAN, Cell
from tsdm_bench.errors import UsageError


def test_no_more_workers_than_the_cluster_can_place() -> None:
    assert _places({"CPU": 2.0}, {"CPU": 1, "GPU": 0}) == 2
    assert _places({"CPU": 16.0, "GPU": 3.0}, {"CPU": 4, "GPU": 1}) == 3
    assert _places({"CPU": 16.0, "GPU": 3.0}, {"CPU": 1, "GPU": 0.25}) == 12
    assert _places({"CPU": 16.0, "GPU": 1.0}, {"CPU": 1, "GPU": 0.1}) == 10
    with pytest.raises(UsageError, match=r"no node with 4 CPU, 1 GPU .*add nodes, or use --executor local"):
        _places({"CPU": 2.0}, {"CPU": 4, "GPU": 1})


class _Lost(Exception):
    pass


class _Ray:
    """Runs each call when it is asked for; ``losses`` says how often the worker of an image is lost.

    Actors beyond ``places`` never start, as where the node of a lost one does not come back.
    """

    exceptions = SimpleNamespace(RayError=_Lost)

    def __init__(self, losses: dict[str, int], places: int = 99, broken: bool = False) -> None:
        self.losses, self.places, self.broken = losses, places, broken
        self.started, self.calls, self.most = 0, {}, 0

    def remote(self, setup: object) -> SimpleNamespace:
        self.started += 1
        number = self.started
        ready = SimpleNamespace(remote=lambda: self._call(("start", number)))
        return SimpleNamespace(ready=ready, run=SimpleNamespace(remote=lambda task: self._call(("run", task))))

    def _call(self, what: tuple) -> int:
        self.calls[len(self.calls)] = what
        return len(self.calls) - 1

    def wait(self, refs: list[int], num_returns: int) -> tuple[list[int], list[int]]:
        known = [self.calls[ref] for ref in refs]
        self.most = max(self.most, sum(kind == "run" for kind, _ in known))
        there = [ref for ref, (kind, what) in zip(refs, known, strict=True) if kind == "run" or what <= self.places]
        assert there, "nothing is running, and what starts has no place"
        there.sort(key=lambda ref: self.calls[ref][0] == "run")  # actors are there before a task is done
        return there[:num_returns], refs

    def get(self, call: int) -> list[CellResult] | None:
        kind, what = self.calls[call]
        if kind == "start":
            if self.broken:
                raise _Lost("no weights on this node")
            return None
        for cell in what:
            if self.losses.get(cell.pair.image, 0):
                self.losses[cell.pair.image] -= 1
                raise _Lost("the node went away")
        return [CellResult() for _ in what]


def tasks(images: str, together: int = 1) -> list[tuple[Cell, ...]]:
    cells = [Cell(SimpleNamespace(image=image), CLEAN, ("ir",)) for image in images]
    return [tuple(cells[first : first + together]) for first in range(0, len(cells), together)]


@pytest.mark.parametrize(("losses", "failed"), [({"b": 1}, []), ({"b": MOST_TRIES}, ["b"])])
@pytest.mark.parametrize("together", [1, 2])
def test_a_lost_worker_is_replaced_and_its_cells_tried_again(
    losses: dict[str, int], failed: list[str], together: int
) -> None:
    ray = _Ray(dict(losses))
    results = list(_collect(ray, ray, tasks("abcd", together), setup=None, workers=2))
    assert len(results) == 4
    failures = [failure for result in results for failure in result.failures]
    assert [failure.image for failure in failures] == (["a", "b"] if failed and together == 2 else failed)
    assert all("was lost 3 times: _Lost: the node went away" in failure.error for failure in failures)
    assert ray.most == 2
    assert ray.started >= 2 + sum(losses.values())


def test_a_node_that_does_not_come_back_holds_up_nothing() -> None:
    ray = _Ray({"b": 1}, places=2)
    assert len(list(_collect(ray, ray, tasks("abcdef"), setup=None, workers=2))) == 6


def test_workers_that_cannot_start_end_the_run() -> None:
    ray = _Ray({}, broken=True)
    with pytest.raises(UsageError, match=r"3 workers of the Ray cluster could not start.*no weights on this node"):
        list(_collect(ray, ray, tasks("abc"), setup=None, workers=2))


@pytest.mark.parametrize("option", ["--address=host:6379", "--gpu-share=0.5"])
def test_options_of_a_cluster_need_one(option: str, capsys: pytest.CaptureFixture) -> None:
    assert main([option]) == 2
    assert "is of a Ray cluster: add --executor ray, or leave it out" in capsys.readouterr().err
    assert main(["--executor", "ray", "--gpu-share", "2"]) == 2
    assert "expected a number above 0 and up to 1" in capsys.readouterr().err
