"""Cards: what everything with a name says of itself, and how a card is found by that name.

A card is found because it exists, in a module of its room or behind an installed entry point: there is no list to edit.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tsdm_bench.declared import declared
from tsdm_bench.errors import UsageError, one_line
from tsdm_bench.names import Name

OURS = "AGPL-3.0-or-later"
"""The licence of this project."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What every card says; each kind of card adds its own fields.

    A card cannot be changed. Its constructor refuses unknown fields (``TypeError``) and values of another type than
    the field has (``ValueError``, which names card, field and value).

    >>> Card(name="gff", title="GFF", source="Li, Kang & Hu, IEEE TIP 22 (2013)", licence="MIT").version
    '1'
    >>> Card(name="gff", title="GFF", source=2013, licence="MIT")
    Traceback (most recent call last):
    ValueError: Card 'gff': source = 2013: input should be a valid string
    """

    name: Name
    """What it is called on the command line, in stored results and in names of files."""
    title: str
    """What a reader sees."""
    source: str
    """Where it comes from: paper, code or data."""
    licence: str
    """``none``: all rights are reserved by the authors."""
    version: str = "1"
    """Another one where the results differ: stored results of an earlier version are then not mixed with new ones."""
    citation: str = ""
    """How the source asks to be cited, as BibTeX; several entries where there are several sources."""
    warning: str = ""
    """What a reader of its numbers has to know: a sentence that stands under the tables that show them."""

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        try:
            _model(type(self)).model_validate(values)  # type: ignore[arg-type]  # a class can be hashed
        except ValidationError as error:
            first = error.errors()[0]
            where, problem = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: {where} = {first['input']!r}: {problem[:1].lower()}{problem[1:]}"
            ) from None


@functools.cache
def _model(card_type: type[Card]) -> type[BaseModel]:
    """The fields of a kind of card as a model that checks types and converts nothing."""
    hints = get_type_hints(card_type, include_extras=True)
    typed: dict[str, Any] = {field.name: (hints[field.name], ...) for field in fields(card_type)}
    return create_model(card_type.__name__, __config__=ConfigDict(strict=True, arbitrary_types_allowed=True), **typed)


C = TypeVar("C", bound=Card)


class Registry(Mapping[str, C], Generic[C]):
    """The cards of one kind by name, collected when one is first asked for.

    They are the module-level values (single, or in a tuple or list) of the modules directly in ``packages``, what the
    entry points of ``group`` name (a card, or several in a tuple or list), and what ``within`` yields: cards that lie
    in other cards, each with the place where it was found. A plug-in that fails to load is logged and left out, so that
    it never stops a run. Raises ``UsageError`` for an unknown name, and where two different cards have one name.
    """

    def __init__(
        self,
        kind: str,
        card_type: type[C],
        packages: tuple[str, ...] = (),
        group: str = "",
        *,
        within: Callable[[], Iterable[tuple[str, C]]] = tuple,
        shown_by: str = "",
    ) -> None:
        self.kind, self.card_type, self.packages, self.group, self.within = kind, card_type, packages, group, within
        self.shown_by = shown_by or f"run_bench.py list {kind}s"

    @functools.cached_property
    def _cards(self) -> dict[str, C]:
        found: dict[str, tuple[C, str]] = {}
        for place, card in chain(self._in_modules(), self._of_plug_ins(), self.within()):
            known, known_place = found.setdefault(card.name, (card, place))
            if known != card:
                raise UsageError(
                    f"two {self.kind} cards are called {card.name!r}: one in {known_place}, one in {place}; rename "
                    f"one of them, or uninstall its package"
                )
        return {name: card for name, (card, _) in found.items()}

    def _in_modules(self) -> Iterator[tuple[str, C]]:
        for package_name in self.packages:
            package = importlib.import_module(package_name)
            for info in pkgutil.iter_modules(package.__path__, package_name + "."):
                for value in list(vars(importlib.import_module(info.name)).values()):
                    yield from ((info.name, card) for card in self._cards_of(value))

    def _of_plug_ins(self) -> Iterator[tuple[str, C]]:
        for entry_point in entry_points(group=self.group) if self.group else ():
            try:
                value = entry_point.load()
            except (Exception, SystemExit) as error:  # a plug-in may fail in any way
                log.warning("%s plug-in %s was left out: %s", self.kind, entry_point.name, one_line(error))
                continue
            cards = self._cards_of(value)
            if not cards:
                what = f"{entry_point.value} is {type(value).__name__}, expected {self.card_type.__name__}"
                log.warning("%s plug-in %s was left out: %s", self.kind, entry_point.name, what)
            yield from ((_place(entry_point), card) for card in cards)

    def _cards_of(self, value: object) -> list[C]:
        """The cards that a module-level value is or holds."""
        values = value if isinstance(value, (list, tuple)) else (value,)
        return [card for card in values if isinstance(card, self.card_type)]

    def __getitem__(self, name: str) -> C:
        try:
            return self._cards[name]
        except KeyError:
            raise unknown(self.kind, name, self._cards, self.shown_by) from None

    def get(self, name: str, default: Any = None) -> Any:
        """The card of a name; ``default`` where there is none, as that of a package which is not installed here."""
        return self._cards.get(name, default)

    def check(self, name: str, also: Iterable[str] = ()) -> None:
        """Raise ``UsageError`` for a name that no card can have, without importing the room; ``also`` are other words.

        A name that a module makes while it is imported, or a plug-in may have, passes: looking it up decides.

        >>> Registry("factor", Card, ("degradation.factors",)).check("gausian_blur")
        Traceback (most recent call last):
        tsdm_bench.errors.UsageError: unknown factor 'gausian_blur'; did you mean 'gaussian_blur'? \
`run_bench.py list factors` shows all
        """
        if name in also:  # nothing needs to be read to know it
            return
        if not (name in self if "_cards" in vars(self) else self.may_hold(name)):
            raise unknown(self.kind, name, [*also, *declared(self.packages).cards], self.shown_by)

    def may_hold(self, name: str) -> bool:
        """Whether a card here, or a part of one such as a weight file, can have this name. The room is not imported.

        Says yes too often rather than too rarely.
        """
        return declared(self.packages).may_be(name) or bool(self.group and entry_points(group=self.group))

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, name: object) -> bool:
        return name in self._cards


def _place(entry_point: EntryPoint) -> str:
    """Where a plug-in comes from, in words."""
    package = f" of {entry_point.dist.name}" if entry_point.dist else ""
    return f"{entry_point.value} (entry point {entry_point.name}{package})"


def unknown(kind: str, name: str, known: Iterable[str], shown_by: str) -> UsageError:
    """The error for a name that is not among ``known``, with the closest one and the command that shows them all.

    >>> print(unknown("method", "GFT", ["gff", "average"], "run_bench.py list methods"))
    unknown method 'GFT'; did you mean 'gff'? `run_bench.py list methods` shows all
    """
    by_spelling = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), by_spelling, n=1, cutoff=0.5)
    hint = f"did you mean {by_spelling[close[0]]!r}? " if close else ""
    return UsageError(f"unknown {kind} {name!r}; {hint}`{shown_by}` shows all")
