"""The one pool: results as they come, a process that ends costs its own task alone."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from pathlib import Path

import psutil
import pytest

from bench.executors.pool import Beside, Died, map_ordered, map_unordered, note


def _work(task: tuple[str, float]) -> float:
    kind, value = task
    note(kind)
    if kind == "exit":
        os._exit(int(value))
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "raise":
        raise RuntimeError("no")
    if kind == "sleep":
        time.sleep(value)
    return 2 * value


def _who(number: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def _end(number: int) -> None:
    os._exit(1)


def _write(place: Path) -> None:
    place.write_text("opened")


def test_every_task_has_its_result_and_dead_processes_their_note() -> None:
    tasks = [("a", 1.0), ("exit", 0), ("b", 2.0), ("kill", 0), ("exit", 3), ("c", 3.0)]
    results = dict(map_unordered(_work, tasks, 2))
    assert results == {
        ("a", 1.0): 2.0, ("b", 2.0): 4.0, ("c", 3.0): 6.0,
        ("exit", 0): Died("exit"), ("kill", 0): Died("kill"), ("exit", 3): Died("exit"),
    }  # fmt: skip


def test_tasks_may_be_added_while_results_come_and_order_can_be_kept() -> None:
    waiting, seen = deque([("a", 1.0)]), []
    for task, result in map_unordered(_work, waiting, 1):
        seen.append(result)
        if len(seen) < 3:
            waiting.append((task[0], task[1] + 1))
    assert seen == [2.0, 4.0, 6.0]
    assert list(map_ordered(_work, [("sleep", 0.3), ("a", 1.0), ("kill", 0)], 2)) == [0.6, 2.0, Died("kill")]


def test_an_error_is_raised_and_workers_end_with_the_iterator(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no"):
        list(map_unordered(_work, [("raise", 0)], 1, _write, (tmp_path / "opened",)))
    assert (tmp_path / "opened").read_text() == "opened"
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    results = map_unordered(_work, [("a", 1.0), ("sleep", 600.0)], 1)
    assert next(results)[1] == 2.0
    results.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        alive = [child for child in psutil.Process().children(recursive=True) if "spawn_main" in str(child.cmdline())]
        if not [child for child in alive if child.pid not in before]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a worker outlived its iterator")


def test_signals_that_stop_a_run_do_not_stop_a_worker_before_its_parent() -> None:
    assert dict(map_unordered(_signalled, [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], 1)) == {
        signal.SIGTERM: "alive", signal.SIGHUP: "alive", signal.SIGINT: "alive",
    }  # fmt: skip


def _signalled(number: int) -> str:
    os.kill(os.getpid(), number)
    time.sleep(0.05)
    return "alive"


def test_beside_is_given_tasks_and_what_none_has_begun_is_taken_back() -> None:
    with Beside(_who, 1, 2) as beside:
        for number in range(40):
            beside.give(number)
        results = dict(beside.results())
    assert sorted(results) == [*range(40)]
    here = [number for number, who in results.items() if who == os.getpid()]
    assert 39 in here, "the last one is done here, as a process takes longer to start"
    assert 0 not in here, "the first one was begun elsewhere"
    assert here == sorted(here, reverse=True)


def test_beside_without_processes_does_all_itself() -> None:
    with Beside(_who, 0, 2) as beside:
        beside.give(1)
        assert dict(beside.results()) == {1: os.getpid()}


def test_beside_tells_of_a_process_that_ended() -> None:
    with Beside(_end, 1, 2) as beside:
        beside.give(1)
        time.sleep(0.5)
        assert [(task, type(result)) for task, result in beside.results()] == [(1, Died)]
