"""The policy for compiled loops: who serves when, where machine code lies, and what importing leaves alone."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tsdm_bench import compiled
from tsdm_bench.compiled import KERNELS, cache_folder, compiled_form, enabled, loop, over_rows, state

REPOSITORY = Path(__file__).parents[2]
needs_numba = pytest.mark.skipif(compiled.numba is None, reason="needs numba")


@pytest.fixture
def kernel():
    """Its two forms give themselves away."""

    def plain(x: Tensor) -> str:
        if x.numel() == 0:
            raise ValueError("expected a value")
        return "plain"

    @compiled_form(of=plain)
    def which(x: Tensor) -> str:
        return "compiled" if x.numel() else 1 // 0

    yield which
    KERNELS.remove(which)


@needs_numba
def test_the_compiled_form_serves_unless_it_is_switched_off(kernel, monkeypatch):
    monkeypatch.delenv("TSDM_BENCH_COMPILED", raising=False)
    assert enabled()
    assert kernel(torch.ones(1)) == "compiled"
    monkeypatch.setenv("TSDM_BENCH_COMPILED", "0")
    assert kernel(torch.ones(1)) == "plain"
    assert state() == "plain"


def test_gradients_and_other_devices_get_the_plain_form(kernel):
    x = torch.ones(1, requires_grad=True)
    assert kernel(x) == "plain"
    assert kernel(torch.ones(1, device="meta")) == "plain"
    with torch.no_grad():
        assert kernel(x) == ("compiled" if enabled() else "plain")


@needs_numba
def test_where_compiling_fails_the_plain_form_serves_and_the_log_says_so_once(caplog):
    def plain(x: np.ndarray) -> np.ndarray:
        return x + 1

    @loop
    def impossible(x):
        return x.no_such_attribute

    @compiled_form(of=plain)
    def plus_one(x: np.ndarray) -> np.ndarray:
        return impossible(x)

    try:
        with caplog.at_level(logging.WARNING):
            assert plus_one(np.ones(2)).tolist() == [2, 2]
            assert plus_one(np.ones(2)).tolist() == [2, 2]
        assert len(caplog.records) == 1
        assert "plus_one cannot run compiled" in caplog.text
        assert "plus_one" in state()
    finally:
        KERNELS.remove(plus_one)


@needs_numba
def test_wrong_arguments_are_not_the_compilers_fault(kernel):
    with pytest.raises(ValueError, match="expected a value"):
        kernel(torch.ones(0))
    assert kernel(torch.ones(1)) == "compiled"


def test_rows_are_shared_among_threads():
    result = np.zeros(7)

    def mark(first, last, x):
        x[first:last] += 1

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        over_rows(mark, 7, result)
    finally:
        torch.set_num_threads(before)
    assert result.tolist() == [1] * 7


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder of kernels, and no place yet for their machine code."""
    cache_folder.cache_clear()
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "loops.py").write_text("a = 1\n")
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    for variable in ("NUMBA_CACHE_DIR", "TSDM_BENCH_CACHE"):
        monkeypatch.setenv(variable, str(nowhere / "below"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(nowhere))
    yield folder
    cache_folder.cache_clear()


def test_machine_code_lies_under_the_hash_of_all_sources_of_its_folder(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    first = cache_folder(sources)
    assert first.parent == tmp_path / "cache"
    (sources / "imported.py").write_text("b = 2\n")
    cache_folder.cache_clear()
    assert cache_folder(sources) != first


def test_without_a_home_machine_code_lies_in_a_private_temporary_folder_or_nowhere(sources, tmp_path, monkeypatch):
    assert cache_folder(sources) is None
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    cache_folder.cache_clear()
    folder = cache_folder(sources)
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    folder.parent.chmod(0o777)  # anybody could have put code there
    cache_folder.cache_clear()
    assert cache_folder(sources) is None


@needs_numba
def test_loops_run_without_any_place_for_their_machine_code(monkeypatch):
    monkeypatch.setattr(compiled, "cache_folder", lambda sources: None)
    assert loop(lambda x: x + 1)(1) == 2


def test_kernels_import_only_what_their_cache_is_keyed_by():
    """Of this project: modules of their own folder, and the ground floor's two."""
    rooms = "bench", "degradation", "fusion"
    for path in REPOSITORY.glob("[bdf]*/**/kernels/*.py"):
        own = ".".join(path.relative_to(REPOSITORY).parent.parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            room = node.module.split(".")[0] if isinstance(node, ast.ImportFrom) else None
            assert room not in rooms or node.module.startswith(own), f"{path.name} imports {node.module}"


IMPORT_EVERYTHING = """
import os, pkgutil, importlib, importlib.util
import cv2, torch
try:
    import numba
    numba_threads = numba.get_num_threads()
except ImportError:
    numba = None
import ctypes
called = []
real = ctypes.CDLL
class Watched(real):
    def __getattr__(self, name):
        if name == "mallopt":
            called.append(name)
        return real.__getattr__(self, name)
ctypes.CDLL = Watched
before = torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads(), dict(os.environ)
for room in ("tsdm_bench", "degradation", "fusion", "detectors", "bench", "run_bench"):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), room + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError as error:
                assert error.name.split(".")[0] in ("ray", "lightning", "pyiqa", "onnx", "torchmetrics"), error
after = torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads(), dict(os.environ)
changed = {name for name in after[3] if before[3].get(name) != after[3][name]}
assert before[:3] == after[:3], (before[:3], after[:3])
assert not changed & {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR"}, changed
assert not called, "malloc's settings are changed at import"
if numba:
    assert numba.get_num_threads() == numba_threads
    assert not numba.config.CACHE_DIR or numba.config.CACHE_DIR == os.environ.get("NUMBA_CACHE_DIR")
"""


def test_importing_every_module_leaves_threads_and_allocators_alone():
    subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], check=True, cwd=REPOSITORY)


WITHOUT_NUMBA = """
import logging, sys
sys.modules["numba"] = None
import numpy, torch
from bench.metrics import evaluate, plane_of
from degradation import usm_sharpen
from fusion.tsdm.networks.student import Student
from tsdm_bench.compiled import state
assert state() == "plain"
with torch.inference_mode():
    assert Student().eval()(torch.rand(1, 1, 8, 8), torch.rand(1, 3, 8, 8)).isfinite().all()
random = numpy.random.default_rng(0)
images = [torch.from_numpy(random.integers(0, 256, (1, 1, 24, 25), numpy.uint8)) for _ in range(3)]
values = evaluate(("qabf", "qp", "fmi_pixel"), *map(plane_of, images))
sharp = usm_sharpen(random.random((9, 40, 3), numpy.float32))
print(*[f"{value.item():.9g}" for value in values.values()], f"{sharp.sum():.6g}")
"""


@needs_numba
def test_everything_gives_the_same_where_numba_is_absent():
    from bench.metrics import evaluate, plane_of
    from degradation import usm_sharpen

    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA], check=True, cwd=REPOSITORY, capture_output=True, text=True
    )
    *values, total = (float(word) for word in ran.stdout.split())
    assert "plain forms serve" in ran.stderr
    random = np.random.default_rng(0)
    images = [torch.from_numpy(random.integers(0, 256, (1, 1, 24, 25), np.uint8)) for _ in range(3)]
    found = evaluate(("qabf", "qp", "fmi_pixel"), *map(plane_of, images))
    assert [value.item() for value in found.values()] == pytest.approx(values, rel=1e-5)
    assert usm_sharpen(random.random((9, 40, 3), np.float32)).sum() == pytest.approx(total, rel=1e-5)
