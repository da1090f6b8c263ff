"""Compiled loops: the one policy for all rooms.

A *kernel* is two functions of one signature in one file of a ``kernels/`` folder: the plain form in torch, NumPy or
OpenCV, which defines the result, and the compiled form, whose loops numba compiles. :func:`compiled_form` joins them
into one callable, which chooses by itself::

    def plain_sums(x: Tensor) -> Tensor: ...

    @compiled_form(of=plain_sums)
    def sums(x: Tensor) -> Tensor:
        over_rows(_sums, len(x), x, result := torch.empty(len(x)))
        return result

    @loop
    def _sums(first, last, x, result): ...

A kernel may have a third form, for GPUs (:meth:`Kernel.gpu_form`). The plain form serves with
``TSDM_BENCH_COMPILED=0``, without numba, on a device that no other form is for, where gradients are asked for, and
where compiling fails, which is logged once. Nothing here changes threads or other settings of the process.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import itertools
import logging
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from tsdm_bench.errors import words_of
from tsdm_bench.torch_later import Tensor, torch
from tsdm_bench.weights.location import cache_dir

SWITCH = "TSDM_BENCH_COMPILED"
"""Environment variable: ``0`` lets the plain forms serve."""

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
Function = TypeVar("Function", bound=Callable[..., Any])


def _numba() -> Any:
    """The module, or None where it is switched off, not installed, or does not fit the other packages."""
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return importlib.import_module("numba")
    except Exception as error:  # a numba made for another NumPy fails in many ways
        log.warning("numba cannot be used (%s): plain forms serve, slower and with the same results", error)
        return None


PARTS_PER_THREAD = 4

numba = _numba()
KERNELS: list[Kernel[Any, Any]] = []
"""Every kernel that has been imported."""


def enabled() -> bool:
    """Whether compiled forms may serve in this process."""
    return numba is not None and os.environ.get(SWITCH) != "0"


def state() -> str:
    """What serves in this process, in words, for records of provenance.

    >>> state().split()[0] in ("numba", "plain")
    True
    """
    if not enabled():
        return "plain"
    failed = ", ".join(kernel.__name__ for kernel in KERNELS if kernel.failed or kernel.gpu_failed)
    return f"numba {numba.__version__}" + (f" (plain: {failed})" if failed else "")


class Kernel(Generic[P, R]):
    """Forms of one function; calling it chooses. ``plain`` and ``compiled`` are there for tests and benchmarks."""

    __name__: str

    def __init__(self, plain: Callable[P, R], compiled: Callable[P, R]) -> None:
        functools.update_wrapper(self, compiled)
        self.plain, self.compiled, self.failed = plain, compiled, False
        self.on_gpu: Callable[P, R] | None = None
        self.gpu_failed = False
        KERNELS.append(self)

    def gpu_form(self, function: Callable[P, R]) -> Callable[P, R]:
        """Let the decorated function serve where all tensors lie on a CUDA device and need no gradient."""
        self.on_gpu = function
        return function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The fastest form that can serve."""
        kinds = _kinds_of_devices(args)
        if kinds == {"cuda"} and self.on_gpu and not self.gpu_failed and os.environ.get(SWITCH) != "0":
            form, failed = self.on_gpu, "gpu_failed"
        elif kinds <= {"cpu"} and not self.failed and enabled():
            form, failed = self.compiled, "failed"
        else:
            return self.plain(*args, **kwargs)
        try:
            return form(*args, **kwargs)
        except torch.OutOfMemoryError:
            raise  # the plain form needs more
        except Exception as error:  # numba, Triton and LLVM fail in many ways
            result = self.plain(*args, **kwargs)  # where the arguments are to blame, this says so
            setattr(self, failed, True)
            reason = words_of(error, 200)
            log.warning("%s cannot run compiled (%s): its plain form serves, slower", self.__name__, reason)
            return result


def compiled_form(of: Callable[P, R]) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Join the decorated compiled form with its plain form ``of``; both take and return the same."""
    return lambda compiled: Kernel(of, compiled)


def _kinds_of_devices(arguments: Iterable[Any]) -> set[str]:
    """Where the tensors and networks among the arguments lie; ``gradients`` where one of them asks for some."""
    tensors: list[Tensor] = []
    for each in arguments:
        of_network = each.parameters() if isinstance(each, torch.nn.Module) else None
        parts = of_network or (each if isinstance(each, tuple | list) else (each,))
        tensors += [part for part in parts if isinstance(part, torch.Tensor)]
    asked = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
    return {x.device.type for x in tensors} | ({"gradients"} if asked else set())


def loop(function: Function) -> Function:
    """Let numba compile a function of arrays and numbers on its first call; without numba it stays as it is.

    A contraction (a·b + c rounded once) is the only liberty taken with the order of operations. The machine code is
    kept on the disk in a folder whose name is the content of the sources (:func:`cache_folder`).
    """
    if numba is None:
        return function
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    folder = cache_folder(Path(function.__code__.co_filename).parent)
    with contextlib.suppress(RuntimeError), _numba_caches_in(folder):  # numba's error where it cannot write
        return numba.njit(cache=folder is not None, **options)(function)
    return numba.njit(**options)(function)


@contextlib.contextmanager
def _numba_caches_in(folder: Path | None) -> Iterator[None]:
    """While functions are decorated; other users of numba in this process keep their folder."""
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = str(folder or before)
        yield
    finally:
        numba.config.CACHE_DIR = before


@functools.cache
def cache_folder(sources: Path) -> Path | None:
    """Where the machine code of the loops in the folder ``sources`` is kept; None where no place can be written.

    The name holds a hash of all modules of that folder and of those on which they build here, because numba itself
    looks at a loop's own file only. The places: ``NUMBA_CACHE_DIR``, the cache folder of TSDM-Bench, and a private
    folder below the one for temporary files.
    """
    files = [*sorted(sources.glob("*.py")), Path(__file__), Path(__file__).with_name("vectors.py")]
    name = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]
    for place in (_chosen_place, lambda: cache_dir().parent / "compiled", _temporary_place):
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home
            base = place()
            if base is not None:
                folder = base / name
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                return folder
    return None


def _chosen_place() -> Path | None:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else None


def _temporary_place() -> Path | None:
    """A folder that nobody else can write to: what lies in a cache is executed."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"tsdm-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = status.st_uid == os.getuid() and status.st_mode & 0o777 == 0o700 and not folder.is_symlink()
    return folder if private else None


def over_rows(loop: Callable[..., None], rows: int, *arguments: Any) -> None:
    """``loop(first, last, *arguments)`` on parts of ``range(rows)``, on as many threads as torch uses here.

    Tensors are passed as arrays. What a loop writes for one row depends on no other row, so that neither the number of
    threads nor the parts change a bit. A thread takes the next part when it is done with one: one whose core is busy
    with something else takes fewer. The threads are Python's: numba's own would double the time to compile and do not
    survive a fork.
    """
    arrays = [each.detach().numpy() if isinstance(each, torch.Tensor) else each for each in arguments]
    threads = torch.get_num_threads()
    count = max(min(threads * PARTS_PER_THREAD, rows), 1) if threads > 1 else 1
    parts = deque(itertools.pairwise(rows * part // count for part in range(count + 1)))

    def work() -> None:
        for _ in range(count):
            try:
                part = parts.popleft()
            except IndexError:  # the others took the rest
                return
            loop(*part, *arrays)

    others = [_pool(threads, os.getpid()).submit(work) for _ in range(min(threads, count) - 1)]
    work()
    for each in others:
        each.result()


@functools.lru_cache(maxsize=1)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1)
