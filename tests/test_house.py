"""The house keeps its own rules: imports run one way, reports only read, and importing changes no process."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "run_bench": {"bench"},
    "bench": {"detectors", "fusion", "degradation", "tsdm_bench"},
    "detectors": {"degradation", "tsdm_bench"},
    "fusion": {"degradation", "tsdm_bench"},
    "degradation": {"tsdm_bench"},
    "tsdm_bench": set(),
}
"""Top-level package → the other ones that it may import."""
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "misc"}
COMPUTES = ("bench.cell", "bench.executors", "bench.methods", "degradation", "detectors.backends", "fusion")
"""Rooms that make what a run stores; a report reads it."""
READ_BY_REPORTS = ("bench.cell.rows", "bench.executors.pool", "degradation.factor", "degradation.mixed_condition")
"""Of those rooms: the schema of rows, the number of cores, the cards of factors and of several at once."""

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in BELOW
    for path in [*ROOT.glob(f"{package}.py"), *(ROOT / package).rglob("*.py")]
}


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """What a module imports at run time, by full name, and whether within a function."""

    def visit(node: ast.AST, lazy: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((name.name, lazy) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module} line {child.lineno}: imports are absolute"
                for name in child.names:
                    inner = f"{child.module}.{name.name}"
                    yield inner if inner in FILES else str(child.module), lazy
            yield from visit(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    yield from visit(ast.parse(FILES[module].read_text(encoding="utf-8")), False)


GRAPH = {module: set(imports(module)) for module in FILES}


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_imports_run_one_way() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, found in GRAPH.items()
        for name, _ in found
        if (top := name.partition(".")[0]) in BELOW and top not in BELOW[(own := module.partition(".")[0])] | {own}
    ]
    assert not wrong


@pytest.mark.parametrize("depth", [2, 9], ids=["rooms", "modules"])
def test_no_cycle_of_imports(depth: int) -> None:
    """Of what is imported when a module is; a package counts as one room."""

    def room(name: str) -> str:
        short = ".".join(name.split(".")[:depth])
        return short if depth > 2 or (ROOT / short.replace(".", "/")).is_dir() else name

    graph: dict[str, set[str]] = {}
    for module, found in GRAPH.items():
        names = {room(name) for name, lazy in found if name in FILES and not lazy}
        graph.setdefault(room(module), set()).update(names - {room(module)})
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the cycle


def test_every_helper_has_a_room() -> None:
    assert not [module for module in FILES if FORBIDDEN_NAMES & set(module.split("."))]


def test_a_report_computes_nothing_of_a_run() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, found in GRAPH.items()
        if within(module, ("bench.report",))
        for name, _ in found
        if within(name, COMPUTES) and not within(name, READ_BY_REPORTS)
    ]
    assert not wrong
    assert all((ROOT / name.replace(".", "/")).is_dir() or name in FILES for name in COMPUTES)


def test_plotting_is_imported_by_the_report_alone() -> None:
    outside = [
        module
        for module, found in GRAPH.items()
        if not within(module, ("bench.report",)) and any(within(name, ("matplotlib",)) for name, _ in found)
    ]
    assert not outside


IMPORT_EVERYTHING = """
import importlib, json, locale, multiprocessing, os, pkgutil, signal, sys
import cv2, numba, numpy, torch

def state():
    return {
        "threads of torch": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "threads of cv2": [cv2.getNumThreads(), cv2.ocl.useOpenCL()],
        "threads of numba": numba.get_num_threads(),
        "defaults of torch": [str(torch.get_default_dtype()), torch.get_float32_matmul_precision(),
                              torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()],
        "errors of numpy": numpy.geterr(),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "processes": multiprocessing.get_start_method(allow_none=True),
        "signals": [str(signal.getsignal(name)) for name in (signal.SIGINT, signal.SIGTERM)],
        "recursion": sys.getrecursionlimit(),
    }

import ctypes
opened = []
plain = ctypes.CDLL
ctypes.CDLL = lambda name, *arguments, **settings: (opened.append(name), plain(name, *arguments, **settings))[1]

numba.get_num_threads()  # starts its threads, which sets those of OpenMP
wrong, before = [], state()
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
        now = state()
        wrong += [f"{module.name}: {what} {before[what]}, {now[what]}" for what in now if now[what] != before[what]]
        before = now
wrong += ["the C library is opened, where allocators are set"] if None in opened else []
print(json.dumps(wrong))
"""


def test_importing_changes_nothing_of_the_process() -> None:
    """Threads, allocators, the environment, the locale: whoever runs the work sets them, never an import."""
    pytest.importorskip("numba")
    packages = [package for package in BELOW if (ROOT / package).is_dir()]
    command = [sys.executable, "-c", IMPORT_EVERYTHING, *packages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
