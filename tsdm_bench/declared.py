"""Which names the cards of a room can have, read from its sources: a mistyped one is told without importing them.

Importing the rooms takes seconds (torch, OpenCV, SciPy), parsing them a tenth of one.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[\w.+-]+")


@dataclass(frozen=True)
class Declared:
    """What the sources of a room say about the names of its cards."""

    texts: frozenset[str]
    """Every text that could be a name."""
    made: tuple[re.Pattern[str], ...]
    """The f-strings that could make one (``f"{card.name}_vifb"``), as patterns."""
    cards: tuple[str, ...]
    """The names of the cards that are written out, in the order of the sources: for "did you mean"."""

    def may_be(self, name: str) -> bool:
        """Whether a card can have this name. Says yes too often rather than too rarely."""
        return name in self.texts or any(pattern.fullmatch(name) for pattern in self.made)


@functools.cache
def declared(packages: tuple[str, ...]) -> Declared:
    """What the modules directly in ``packages`` declare. They are parsed, and of their parents only is any imported.

    >>> found = declared(("degradation.factors",))
    >>> found.may_be("jpeg"), found.may_be("jpg"), "jpeg" in found.cards
    (True, False, True)
    """
    texts, made, cards = set(), set(), {}
    for path in _sources(packages):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                texts.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                made.add(_pattern(node))
            elif isinstance(node, ast.Call):
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                name = given.get("name")
                if "title" in given and isinstance(name, ast.Constant):
                    cards[str(name.value)] = True
    return Declared(frozenset(texts), tuple(re.compile(text) for text in sorted(made - {""})), tuple(cards))


def _sources(packages: tuple[str, ...]) -> Iterator[Path]:
    for package in packages:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield from sorted([*Path(folder).glob("*.py"), *Path(folder).glob("*/__init__.py")])


def _pattern(text: ast.JoinedStr) -> str:
    """An f-string as a pattern; empty where it holds nothing that is fixed, or what no name holds."""
    fixed = [part.value for part in text.values if isinstance(part, ast.Constant)]
    if not any(fixed) or not all(NAME.fullmatch(str(part)) for part in fixed):
        return ""
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in text.values)
