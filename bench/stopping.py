"""The wish to stop, which a signal brings and which must not get lost.

``KeyboardInterrupt`` is raised wherever Python is at that moment. Where compiled code has called Python it may drop the
exception, or turn it into another one, as torch does while it reads safetensors. So the wish is remembered, too.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))
"""Those that ask a run to stop; Windows has no SIGHUP."""
_wished: list[int] = []


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Let the signals by which Slurm, Docker and Kubernetes end a job stop a run as Ctrl-C does: what is done is saved.

    In a background job a shell has Ctrl-C ignored; that stays so.
    """
    _wished.clear()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    here = threading.current_thread() is threading.main_thread()
    ours = [of for of in SIGNALS if here and before[of] in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextlib.contextmanager
def keeping_handlers() -> Iterator[None]:
    """Undo what is done to the handlers of :data:`SIGNALS`: a library that sets its own would end the process."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) != handler and threading.current_thread() is threading.main_thread():
                signal.signal(number, handler)


def stop_if_wished() -> None:
    """Raise ``KeyboardInterrupt`` where a signal has asked to stop and nobody has heard it."""
    if _wished:
        raise KeyboardInterrupt(_wished[0])


def _interrupt(number: int, frame: FrameType | None) -> None:
    _wished.append(number)
    raise KeyboardInterrupt(number)
