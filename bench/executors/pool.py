"""The one pool of worker processes: for cells, scores, degraded pairs and bootstrap samples alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar

import cv2

from bench.stopping import SIGNALS

Task = TypeVar("Task")
Result = TypeVar("Result")
_note: Path | None = None


class Died(NamedTuple):
    """In place of a result: the process that worked on the task ended (a crash, no memory left, killed by hand)."""

    note: str
    """What :func:`note` was last told in that process."""


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def note(text: str) -> None:
    """Remember what this worker is at, for :class:`Died`; outside a worker nothing happens."""
    if _note is not None:
        _note.write_text(text, encoding="utf-8")


def map_unordered(
    function: Callable[[Task], Result],
    tasks: deque[Task] | Iterable[Task],
    workers: int,
    initializer: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[tuple[Task, Result | Died]]:
    """Each task with its result, as it is ready. Processes are new, not forked: threads of libraries do not survive it.

    A ``deque`` may get further tasks while the results come. What ``function`` raises is raised here; a process that
    ends gives :class:`Died` for the one task it had, and another takes its place. Workers end when the iterator is
    closed, and when the parent is killed.
    """
    waiting = tasks if isinstance(tasks, deque) else deque(tasks)
    with tempfile.TemporaryDirectory(prefix="tsdm-bench-") as folder:
        make = partial(_Worker, Path(folder), initializer, arguments)
        pool = [make(number) for number in range(workers)]
        running: dict[Future[Result], tuple[Task, int]] = {}
        try:
            while waiting or running:
                busy = {number for _, number in running.values()}
                for number in range(workers):
                    if waiting and number not in busy:
                        task = waiting.popleft()
                        running[pool[number].submit(function, task)] = (task, number)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task, number = running.pop(future)
                    try:
                        yield task, future.result()
                    except BrokenProcessPool:
                        last = pool[number].end()
                        pool[number] = make(number)
                        yield task, Died(last)
        finally:
            for worker in pool:
                worker.end()


def map_ordered(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    initializer: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[Result | Died]:
    """The results of :func:`map_unordered` in the order of the tasks."""
    ready: dict[int, Result | Died] = {}
    following = 0
    numbered = deque(enumerate(tasks))
    for (number, _), result in map_unordered(partial(_apply, function), numbered, workers, initializer, arguments):
        ready[number] = result
        while following in ready:
            yield ready.pop(following)
            following += 1


class Beside(Generic[Task, Result]):
    """Processes that work on tasks while this one makes the next ones, and that let it take back what none has begun.

    As a context: they end with it. Each gets ``share`` tasks before the next is started, and then further ones in turn.
    """

    def __init__(self, function: Callable[[Task], Result], workers: int, share: int) -> None:
        self._function, self._share = function, share
        self._folder = tempfile.TemporaryDirectory(prefix="tsdm-bench-")
        self._pool = [_Worker(Path(self._folder.name), None, (), number) for number in range(workers)]
        self._given: list[tuple[Task, Future[Result]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._pool:
            worker.end()
        self._folder.cleanup()

    def give(self, task: Task) -> None:
        """Let a process work on ``task``; without processes it waits for :meth:`results`."""
        if self._pool:
            worker = self._pool[len(self._given) // self._share % len(self._pool)]
            self._given.append((task, worker.submit(self._function, task)))
        else:
            self._given.append((task, Future()))

    def results(self) -> Iterator[tuple[Task, Result | Died]]:
        """What came of each task; those that nobody has begun are done here, the last one first."""
        begun = []
        for task, future in reversed(self._given):
            if future.cancel():
                yield task, self._function(task)
            else:
                begun.append((task, future))
        for task, future in begun:
            try:
                yield task, future.result()
            except BrokenProcessPool:
                yield task, Died("")


def map_ahead(function: Callable[[Task], Result], tasks: Iterable[Task], threads: int, ahead: int) -> Iterator[Result]:
    """Results in the order of the tasks, by threads of this process, at most ``ahead`` of them before they are asked
    for.

    >>> list(map_ahead(abs, [-2, -1, 3], threads=2, ahead=2))
    [2, 1, 3]
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _apply(function: Callable[[Task], Result], numbered: tuple[int, Task]) -> Result:
    return function(numbered[1])


class _Worker:
    """One process, started with its first task, as a pool of its own: so it is known which task a process died of."""

    def __init__(
        self, folder: Path, initializer: Callable[..., object] | None, arguments: tuple[Any, ...], number: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        watched, self._lifeline = context.Pipe(duplex=False)
        self._note = folder / str(number)
        self._note.unlink(missing_ok=True)
        self._pool = ProcessPoolExecutor(1, context, _open, (watched, self._note, initializer, arguments))
        self.submit = self._pool.submit

    def end(self) -> str:
        """End the process; returns its last note."""
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)  # waits for its threads: the end of Python may not meet them half-way
        with suppress(FileNotFoundError):
            return self._note.read_text(encoding="utf-8")
        return ""


def _open(
    lifeline: Connection, note_file: Path, initializer: Callable[..., object] | None, arguments: tuple[Any, ...]
) -> None:
    global _note
    _note = note_file
    for number in SIGNALS:  # they are for the parent, which saves what is done; workers end with it
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    ends = [lifeline] if parent is None else [lifeline, parent.sentinel]
    threading.Thread(target=_end_with, args=(ends,), daemon=True).start()
    cv2.setNumThreads(1)
    if initializer is not None:
        initializer(*arguments)


def _end_with(ends: list[Any]) -> None:
    """A parent that stops or was killed can't tell a worker that is busy."""
    wait_for(ends)
    os._exit(1)
