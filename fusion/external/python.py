"""``python:MODULE:CALLABLE``: a Python function on tensors."""

from __future__ import annotations

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


def python_method(target: str, name: str | None, options: Options) -> Method:
    """``MODULE:CALLABLE`` or ``FILE.py:CALLABLE``: ``callable(ir, vis) -> fused`` on tensors, or a ``Method`` card."""
    found = import_object(target)
    if isinstance(found, Method):
        if options:
            raise ValueError(f"{target} is a Method card with its own {' and '.join(options)}; leave the options out")
        check_name(name or found.name, "method name")
        return replace(found, name=name or found.name, load=partial(load_card, found.load))
    if not callable(found):
        raise ValueError(f"{target} is a {type(found).__name__}; expected a function of (ir, vis) or a Method card")
    load = partial(load_python, target)
    return external(name or target.rpartition(":")[2], f"The Python object {target}.", target, load, options)


def import_object(target: str) -> object:
    """The attribute that ``target`` names; imported once per process."""
    where, _, attribute = target.rpartition(":")
    try:
        module = (
            import_file(Path(os.path.expanduser(where))) if where.endswith(".py") else importlib.import_module(where)
        )
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
        sys.modules[alias] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[alias])
        except BaseException:
            del sys.modules[alias]
            raise
    return sys.modules[alias]


def load_python(target: str, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    function = import_object(target)
    if isinstance(function, torch.nn.Module):
        function = function.to(device).eval()
    return partial(fuse_by_function, function)


def load_card(load: Callable, weights: dict[str, Path], device: torch.device) -> Callable[..., Tensor]:
    return partial(fuse_by_function, load(weights, device))


def fuse_by_function(function: Callable, ir: Tensor, vis: Tensor, *key: dict | None) -> Tensor:
    """Call the user's function and check what it returns."""
    return result_like(function(ir, vis, *key), ir, vis.shape[1])
