"""Your own method, from one line of text: a folder of results, a command, a Python object, a network file.

    folder:PATH                  fused images that exist already, found by the name of the pair
    command:TEMPLATE             a program that reads {ir} and {vis} and writes {out}
    shell:TEMPLATE               the same, through the shell
    python:MODULE:CALLABLE       a Python function on tensors, also as MODULE:CALLABLE or FILE.py:CALLABLE
    file:PATH                    a network: TorchScript (.pt, .ts), torch.export (.pt2) or ONNX (.onnx)

Any of them takes a display name in front (``name=folder:PATH``) and options at the end (``?luma=1&multiple=8``).
docs/own_methods.md has an example of each. All of this runs code or reads files that the user named: it is as safe as
they are.
"""

from __future__ import annotations

import importlib
import re

from fusion.method import Method
from tsdm_bench.errors import UsageError
from tsdm_bench.names import check_name

SPEC = re.compile(
    r"(?:(?P<name>[^=:]*(?==(?:folder|command|shell|python|file):)|[\w.+-]+)=)?"
    r"(?:(?P<kind>folder|command|shell|python|file):)?(?P<rest>.*?)"
    r"(?:\?(?P<options>[a-z]+=[\d.]+(?:&[a-z]+=[\d.]+)*))?",
    re.DOTALL,
)
LIMITS = {"luma": (0, 1), "multiple": (1, 1024), "timeout": (0.01, 1e6)}
"""Least and largest value of each option."""


def parse(spec: str) -> Method:
    """The method that ``spec`` describes (see the head of this module).

    Raises ``ValueError`` or ``FileNotFoundError`` where the text cannot be understood or what it names is not there,
    and ``UsageError`` for a name that no file can have. What goes wrong later, on a pair, is raised by the fusing
    function.
    """
    match = SPEC.fullmatch(spec.strip())
    if match is None:
        raise AssertionError(f"{spec!r}: every text has the form of a specification")
    kind, rest, name = match["kind"] or "python", match["rest"], match["name"]
    if name is not None:
        check_name(name, "method name")
    if not rest or "\0" in rest or (kind == "python" and ":" not in rest):
        raise ValueError(
            f"cannot understand the method {spec!r}; expected folder:PATH, command:TEMPLATE, MODULE:CALLABLE or "
            "file:PATH, see docs/own_methods.md"
        )
    module, build, known = KINDS[kind]
    given = dict(re.findall(r"(\w+)=([\d.]+)", match["options"] or ""))
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{spec!r}: {kind} takes the options {', '.join(known)}, not {', '.join(unknown)}")
    # only what is meant is imported: folders and commands are understood without torch
    make = getattr(importlib.import_module(f"{__name__}.{module}"), build)
    return make(rest, name, {option: _number(spec, option, text) for option, text in given.items()})


def own_method(spec: str) -> Method:
    """:func:`parse` of what a user wrote: all that is wrong is a ``UsageError``."""
    try:
        return parse(spec)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None


def _number(spec: str, option: str, text: str) -> float:
    least, largest = LIMITS[option]
    whole = option != "timeout"
    if not re.fullmatch(r"\d+" if whole else r"\d+\.?\d*|\.\d+", text) or not least <= float(text) <= largest:
        kind = "whole number" if whole else "number"
        raise ValueError(f"{spec!r}: {option}={text}, expected a {kind} from {least:g} to {largest:g}")
    return float(text)


KINDS = {
    "folder": ("folder", "folder_method", ("luma",)),
    "command": ("command", "command_method", ("luma", "multiple", "timeout")),
    "shell": ("command", "shell_method", ("luma", "multiple", "timeout")),
    "python": ("python", "python_method", ("luma", "multiple")),
    "file": ("network", "file_method", ("luma", "multiple")),
}
"""The module of each kind of specification, the function in it that makes the method, and the options it takes."""
