"""Which images of a run its report shows; they are stored while their cells are computed (``fused/`` of the folder)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.cell.rows import Picture
from bench.datasets.pair import Pair
from bench.plan import Condition, conditions
from bench.run.shards import CellKey
from bench.run.store import RunFolder
from bench.suite import Suite
from bench.unfused import UNFUSED
from tsdm_bench.errors import UsageError

if TYPE_CHECKING:
    from bench.cell.setup import Setup  # a report sets up no run

MIDDLE_SEVERITY = 3


def with_pictures(setup: Setup, pairs: Sequence[Pair], most: int, named: Sequence[str] = ()) -> Setup:
    """The set-up with the images that a report of ``most`` pairs shows, and all images of the pairs that are ``named``.

    Of the first pair the inputs are there under every condition, for the sheet of all degradations. Raises
    ``UsageError`` where the run has no pair of a name.
    """
    known = {pair.image for pair in pairs}
    if unknown := [name for name in named if name not in known]:
        raise UsageError(
            f"--show {','.join(unknown)}: no such pair in this run; it has {', '.join(sorted(known)[:5])}"
            f"{'…' if len(known) > 5 else ''}"
        )
    shown = list(dict.fromkeys([*named, *(pair.image for pair in shown_pairs(pairs, most))]))
    results = {(image, condition) for image in shown for condition in shown_conditions(setup.suite)}
    results |= {(image, condition) for image in named for condition in conditions(setup.suite)}
    sheet = {(image, condition) for image in shown[:1] for condition in conditions(setup.suite)}
    return replace(setup, shown=tuple(shown), results_shown=frozenset(results), inputs_shown=frozenset(results | sheet))


def shown_pairs(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """``most`` pairs taken evenly; of those around each, the one with most labelled objects."""
    most = min(most, len(pairs))
    groups = [pairs[number * len(pairs) // most : (number + 1) * len(pairs) // most] for number in range(most)]
    return [max(group, key=lambda pair: len(pair.boxes or ())) for group in groups]


def shown_conditions(suite: Suite) -> list[Condition]:
    """The clean condition and one of each factor and modality: severity 3 where it was run, else the highest."""
    rungs: dict[tuple[str, str], list[Condition]] = {}
    for condition in conditions(suite):
        rungs.setdefault((condition.factor, condition.modality), []).append(condition)
    return [next((rung for rung in found if rung.severity == MIDDLE_SEVERITY), found[-1]) for found in rungs.values()]


def lacking(folder: RunFolder, setup: Setup, done: Mapping[CellKey, str]) -> set[CellKey]:
    """Cells that are done but whose images the report needs and the folder does not hold: they are run once more."""
    pictured = [name for name in setup.suite.methods if name not in UNFUSED]
    wanted = [(image, condition, pictured) for image, condition in setup.results_shown]
    first = setup.suite.methods[:1]
    missing = set()
    for image, condition, methods in wanted:
        for name in methods:
            if not folder.picture_path(Picture(image, *condition, name, b"")).is_file():
                missing.add(CellKey(image, condition, name))
    for image, condition in setup.inputs_shown:
        for name in ("ir", "vis"):
            if not folder.picture_path(Picture(image, *condition, name, b"")).is_file():
                missing |= {CellKey(image, condition, method) for method in first}
    return missing & done.keys()
