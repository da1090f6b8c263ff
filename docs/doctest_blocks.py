"""Examples in docstrings as code blocks of the site, wherever they stand in the docstring."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(?P<indent>[ ]*)>>> .*(?:\n(?P=indent)\S.*|\n(?P=indent)[ ]+\S.*)*", re.MULTILINE)


class DoctestBlocks(griffe.Extension):
    """Puts fences around what begins with ``>>>`` and ends before an empty line."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one module, class or function."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(found: re.Match[str]) -> str:
    indent = found["indent"]
    return f"{indent}```pycon\n{found[0]}\n{indent}```"
