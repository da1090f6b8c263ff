"""Names that become parts of paths: of suites and methods, which somebody writes, and of images, which files have."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator

from tsdm_bench.errors import UsageError

MOST_BYTES = 200
"""A file name holds 255 bytes; suffixes and the marks of temporary files are added to it."""
MOST_BYTES_OF_NAMES = 120
"""Of suites and methods, whose names are joined with others."""
SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
NOT_EVERYWHERE = '/\\:*?"<>|'
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""What Windows takes for a device, with any suffix."""


def why_no_file_name(name: str) -> str:
    """Why ``name`` cannot be the name of a file or folder here; empty where it can.

    >>> why_no_file_name("FLIR_04302 día"), why_no_file_name("../x")
    ('', "it has a '/', and a name is no path")
    """
    if not name or name in (".", ".."):
        return "it names no file"
    if found := next((character for character in name if character in SEPARATORS), ""):
        return f"it has a {found!r}, and a name is no path"
    if not name.isprintable():
        return "it has a control character or bytes that are no text"
    if len(name.encode()) > MOST_BYTES:
        return f"it is {len(name.encode())} bytes long, {MOST_BYTES} at most"
    return ""


def why_no_name(name: str) -> str:
    """Why ``name`` cannot be the name of a suite or method, whose files are to have that name on every system."""
    if problem := why_no_file_name(name):
        return problem
    if found := next((character for character in name if character in NOT_EVERYWHERE), ""):
        return f"it has a {found!r}, which no file name has on every system"
    if len(name.encode()) > MOST_BYTES_OF_NAMES:
        return f"it is {len(name.encode())} bytes long, {MOST_BYTES_OF_NAMES} at most"
    if name[0] in ". " or name[-1] in ". ":
        return "it begins or ends with a dot or a space"
    if name.partition(".")[0].lower() in DEVICES:
        return "it is a device on Windows"
    return ""


def check_name(name: str, what: str = "name") -> str:
    """``name`` if it can be the name of a suite or method; raises ``UsageError`` that calls it ``what``."""
    if problem := why_no_name(name):
        raise UsageError(f"{what} {_shown(name)}: {problem}; use letters, digits, '_', '-' and '.'")
    return name


def check_image_name(name: str) -> str:
    """``name`` if an image file can be called so; raises ``UsageError`` where it would lead elsewhere."""
    if problem := why_no_file_name(name):
        raise UsageError(f"image {_shown(name)}: {problem}; rename the file")
    return name


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:60] + "…")


def _validated(name: str) -> str:
    if problem := why_no_name(name):
        raise ValueError(f"{problem}; use letters, digits, '_', '-' and '.'")
    return name


Name = Annotated[str, AfterValidator(_validated)]
"""The field of a typed model that holds the name of a suite or method."""
