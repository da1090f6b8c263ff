"""How the cluster executor places workers and what it does where one is lost; Ray itself is stood in for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.cell.rows import CellResult
from bench.executors.ray import MOST_TRIES, _collect, _places
from bench.plan import CLEAN, Cell
from tsdm_bench.errors import UsageError


def test_no_more_workers_than_the_cluster_can_place() -> None:
    assert _places({"CPU": 2.0}, {"CPU": 1, "GPU": 0}) == 2
    assert _places({"CPU": 16.0, "GPU": 3.0}, {"CPU": 4, "GPU": 1}) == 3
    with pytest.raises(UsageError, match=r"no node with 4 CPU, 1 GPU .*add nodes, or use --executor local"):
        _places({"CPU": 2.0}, {"CPU": 4, "GPU": 1})


class _Lost(Exception):
    pass


class _Ray:
    """Runs each call when it is asked for; ``losses`` says how often the worker of an image is lost."""

    exceptions = SimpleNamespace(RayActorError=_Lost)

    def __init__(self, losses: dict[str, int]) -> None:
        self.losses, self.started = losses, 0

    def remote(self, setup: object) -> SimpleNamespace:
        self.started += 1
        return SimpleNamespace(run=SimpleNamespace(remote=self._call))

    def _call(self, cell: Cell) -> int:
        self.calls = getattr(self, "calls", {})
        self.calls[len(self.calls)] = cell.pair.image
        return len(self.calls) - 1

    def wait(self, running: list[int], num_returns: int) -> tuple[list[int], list[int]]:
        return running[:num_returns], running[num_returns:]

    def get(self, call: int) -> CellResult:
        image = self.calls[call]
        if self.losses.get(image, 0):
            self.losses[image] -= 1
            raise _Lost("the node went away")
        return CellResult()


@pytest.mark.parametrize(("losses", "failed"), [({"b": 1}, []), ({"b": MOST_TRIES}, ["b"])])
def test_a_lost_worker_is_replaced_and_its_cell_tried_again(losses: dict[str, int], failed: list[str]) -> None:
    cells = [Cell(SimpleNamespace(image=image), CLEAN, ("ir",)) for image in "abc"]
    ray, expected = _Ray(dict(losses)), 2 + sum(losses.values())
    results = list(_collect(ray, ray, cells, setup=None, workers=2))
    assert len(results) == 3
    assert [failure.image for result in results for failure in result.failures] == failed
    assert all("was lost 3 times: _Lost: the node went away" in f.error for r in results for f in r.failures)
    assert ray.started == expected
