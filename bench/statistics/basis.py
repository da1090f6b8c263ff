"""What the methods of a run have in common: only over the same pairs and conditions are their means alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.statistics.intervals import CONDITION


@dataclass(frozen=True)
class Basis:
    """The pairs and conditions that a report rests on."""

    images: frozenset[str]
    conditions: frozenset[tuple[str, int, str]]
    complete: frozenset[str]
    """Methods that have every one of those images under every one of those conditions."""

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a stored table (with image and condition) that belong to the basis."""
        conditions = pd.MultiIndex.from_frame(table[list(CONDITION)])
        return table[table["image"].isin(self.images) & conditions.isin(self.conditions)]


def common_basis(cells: pd.DataFrame, ranked: Collection[Hashable]) -> Basis:
    """The pairs and conditions over which the ``ranked`` methods are best compared.

    ``cells`` has a row for every image, factor, severity, modality and method that was computed (repeated rows do no
    harm). Images that lack a condition are left out, or the condition is, whichever keeps more; then images that lack
    a method, or the method counts as incomplete, whichever keeps more. So one pair that fails takes itself out of all
    means, and a method that lacks a condition stays out of the ranking and costs the others nothing.
    """
    cells = cells[["image", *CONDITION, "method"]].drop_duplicates()
    deciding = cells[cells["method"].isin(list(ranked))]
    deciding = deciding if len(deciding) else cells
    images, conditions, count = _counts(deciding["image"], deciding[list(CONDITION)].itertuples(index=False, name=None))
    rows, columns = largest_block(count > 0)
    basis = Basis(_where(images, rows), _where(conditions, columns), frozenset())
    within = basis.of(deciding)
    images, _, count = _counts(within["image"], within["method"])
    rows, columns = largest_block(count == len(basis.conditions))
    if columns.any():
        basis = Basis(_where(images, rows), basis.conditions, frozenset())
    of_methods = basis.of(cells)["method"].value_counts()
    complete = of_methods.index[of_methods == len(basis.images) * len(basis.conditions)]
    return Basis(basis.images, basis.conditions, frozenset(complete))


def _counts(rows: Iterable[Hashable], columns: Iterable[Hashable]) -> tuple[list, list, np.ndarray]:
    """Names of rows and of columns in the order of their first place, and how often each two come together."""
    pairs = Counter(zip(rows, columns, strict=True))
    row_of = {name: place for place, name in enumerate(dict.fromkeys(row for row, _ in pairs))}
    column_of = {name: place for place, name in enumerate(dict.fromkeys(column for _, column in pairs))}
    count = np.zeros((len(row_of), len(column_of)), dtype=int)
    for (row, column), number in pairs.items():
        count[row_of[row], column_of[column]] = number
    return list(row_of), list(column_of), count


def _where(names: list, chosen: np.ndarray) -> frozenset:
    return frozenset(name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen)


def largest_block(have: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (bool) of a bool matrix of which every entry is true, as many entries as a simple search finds.

    Columns are taken from the fullest on; for each number of them the rows that have them all; the largest area wins,
    of equal ones that with more columns. All rows and no column where no entry is true.

    >>> rows, columns = largest_block(np.array([[True, True, False], [True, True, False], [True, False, True]]))
    >>> rows.tolist(), columns.tolist()
    ([True, True, False], [True, True, False])
    """
    order = np.argsort(-have.sum(axis=0), kind="stable")
    complete = np.logical_and.accumulate(have[:, order], axis=1)
    areas = complete.sum(axis=0) * np.arange(1, have.shape[1] + 1)
    if not areas.any():
        return np.ones(have.shape[0], dtype=bool), np.zeros(have.shape[1], dtype=bool)
    number = len(areas) - areas[::-1].argmax()
    columns = np.zeros(have.shape[1], dtype=bool)
    columns[order[:number]] = True
    return complete[:, number - 1], columns
