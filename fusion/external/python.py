"""``python:MODULE:CALLABLE``: a Python function on tensors."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from fusion.external.contract import Options, external, result_like
from fusion.method import Method
from tsdm_bench.errors import one_line
from tsdm_bench.names import check_name
from tsdm_bench.places import place_of


def python_method(target: str, name: str | None, options: Options) -> Method:
    """``MODULE:CALLABLE`` or ``FILE.py:CALLABLE``: ``callable(ir, vis) -> fused`` on tensors, or a ``Method`` card."""
    found = import_object(target)
    if isinstance(found, Method):
        if options:
            raise ValueError(f"{target} is a Method card with its own {' and '.join(options)}; leave the options out")
        check_name(name or found.name, "method name")
        load = partial(load_card, found.load)
        return replace(found, name=name or found.name, load=load, code=source_files(target))
    if not callable(found):
        raise ValueError(f"{target} is a {type(found).__name__}; expected a function of (ir, vis) or a Method card")
    load = partial(load_python, target)
    title = f"The Python object {target}."
    return external(name or target.rpartition(":")[2], title, target, load, options, code=source_files(target))


def import_object(target: str) -> object:
    """The attribute that ``target`` names; imported once per process."""
    where, _, attribute = target.rpartition(":")
    try:
        module = import_file(place_of(where)) if where.endswith(".py") else importlib.import_module(where)
    except FileNotFoundError:
        raise
    except (Exception, SystemExit) as error:  # a user's module may fail in any way, or be a script that exits
        raise ValueError(
            f"cannot import {where} for the method {target}: {one_line(error)}; expected an installed module, one on "
            "PYTHONPATH, or the path of a .py file"
        ) from error
    try:
        for part in attribute.split("."):
            module = getattr(module, part)
    except AttributeError:
        raise ValueError(f"{where} has no {attribute!r}, which the method {target} names") from None
    return module


def source_files(target: str) -> tuple[Path, ...]:
    """The file that ``target`` names and the files beside it that it imports, directly or through each other."""
    where = target.rpartition(":")[0]
    if where.endswith(".py"):
        first = place_of(where).resolve()
        root = first.parent
    else:
        spec = importlib.util.find_spec(where)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            return ()
        first = Path(spec.origin).resolve()
        root = first.parents[where.count(".") + (first.name == "__init__.py")]
    found, waiting = set(), [first]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imported_files(path, root)
    return tuple(sorted(found))


def imported_files(path: Path, root: Path) -> list[Path]:
    """The files below ``root`` that the import statements of a Python file name."""
    files: list[Path] = []
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a file that is named and never imported
        return files
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names, base = [alias.name for alias in node.names], root
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else root
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
        else:
            continue
        for name in filter(None, names):
            place = base.joinpath(*name.split("."))
            files += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return files


def import_file(path: Path) -> object:
    """A Python file as a module; files beside it can be imported by it."""
    path = path.resolve()
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no Python file {path}; FILE.py:CALLABLE needs the path of an existing file")
    alias = f"own_method:{path}"
    if alias not in sys.modules:
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))
        spec = importlib.util.spec_from_file_location(alias, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"{path} cannot be imported; a Python file is named FILE.py")
        sys.modules[alias] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[alias])
        except BaseException:
            del sys.modules[alias]
            raise
    return sys.modules[alias]


def load_python(target: str, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    """A function or ``nn.Module`` by its import path as a method; ``ValueError`` where it cannot be called."""
    function = import_object(target)
    if isinstance(function, torch.nn.Module):
        function = function.to(device).eval()
    if not callable(function):
        raise ValueError(f"{target} is no function: it cannot fuse")
    return partial(fuse_by_function, function)


def load_card(load: Callable, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    """The loader of a user's card as a method whose results are checked."""
    return partial(fuse_by_function, load(weights, device))


def fuse_by_function(function: Callable, ir: Tensor, vis: Tensor, *key: dict | None) -> Tensor:
    """Call the user's function and check what it returns."""
    return result_like(function(ir, vis, *key), ir, vis.shape[1])
