"""Cards by name. A card is found because it exists: in a module of its room, or behind an installed entry point."""

from __future__ import annotations

import difflib
import importlib
import logging
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from tsdm_bench.errors import UsageError

Card = TypeVar("Card")
log = logging.getLogger(__name__)


class Registry(Mapping[str, Card], Generic[Card]):
    """The cards of one type found as module-level values below some packages, plus those of an entry-point group.

    A third party adds a card by declaring an entry point in ``group`` that names a card; one that fails to import is
    logged and left out, so that a broken plug-in never stops a run.
    """

    def __init__(self, kind: str, card_type: type[Card], packages: tuple[str, ...], group: str) -> None:
        self.kind, self.card_type, self.packages, self.group = kind, card_type, packages, group
        self._found: dict[str, Card] | None = None

    @property
    def _cards(self) -> dict[str, Card]:
        if self._found is None:
            found: dict[str, Card] = {}
            for package_name in self.packages:
                package = importlib.import_module(package_name)
                for module_info in pkgutil.iter_modules(package.__path__, package_name + "."):
                    module = importlib.import_module(module_info.name)
                    for value in vars(module).values():
                        for card in value if isinstance(value, (list, tuple)) else (value,):
                            if isinstance(card, self.card_type):
                                found[card.name] = card
            for entry_point in entry_points(group=self.group):
                try:
                    card = entry_point.load()
                except Exception as error:  # a plug-in may fail in any way
                    log.warning("%s plug-in %s was left out: %s", self.kind, entry_point.name, error)
                    continue
                if isinstance(card, self.card_type):
                    found.setdefault(card.name, card)
            self._found = found
        return self._found

    def __getitem__(self, name: str) -> Card:
        try:
            return self._cards[name]
        except KeyError:
            close = difflib.get_close_matches(name, self._cards, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UsageError(
                f"unknown {self.kind} {name!r}; {hint}`run_bench.py list {self.kind}s` shows all {len(self._cards)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, name: object) -> bool:
        return name in self._cards
