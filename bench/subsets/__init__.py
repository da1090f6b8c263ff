"""Named subsets: which pairs of a dataset a paper, or a table of ours, reports on."""

from __future__ import annotations

from dataclasses import dataclass

from bench.datasets.pair import Pair
from tsdm_bench.cards import OURS, Card, Registry
from tsdm_bench.errors import UsageError

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Subset(Card):
    """Some pairs of a dataset: those with the listed ids, those of a split, or all there are.

    The source says who reports on them. Degraded inputs are those of the dataset: a pair is degraded the same way in a
    run of a subset and in one of the whole.
    """

    dataset: str
    pairs: int
    """How many there are; a set of another number is refused, since its means would be of something else."""
    ids: tuple[str, ...] = ()
    """Names of the pairs; empty where it is not a matter of names."""
    split: str = ""
    unlisted: str = ""
    """What to do instead where nobody has published which pairs these are: the name is known, and refused."""
    licence: str = OURS
    """Of the list, not of the images."""

    def select(self, pairs: list[Pair]) -> list[Pair]:
        """Its pairs, in the order of the dataset; raises ``UsageError`` where not all are here or known."""
        if self.unlisted:
            raise UsageError(f"subset {self.name}: no published list says which pairs these are; {self.unlisted}")
        ids = set(self.ids)
        found = [pair for pair in pairs if (not ids or pair.image in ids) and self.split in ("", pair.split)]
        if len(found) == self.pairs:
            return found
        lacking = sorted(ids - {pair.image for pair in found})
        named = f" (not there: {', '.join(lacking[:SHOWN])}{'…' * (len(lacking) > SHOWN)})" if lacking else ""
        raise UsageError(
            f"subset {self.name} is {self.pairs} pairs of {self.dataset}, here are {len(found)} of them{named}; "
            f"complete the dataset, or leave the subset out"
        )


SUBSETS: Registry[Subset] = Registry("subset", Subset, (__name__,), "tsdm_bench.subsets")
