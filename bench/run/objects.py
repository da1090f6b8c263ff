"""The labelled objects of a run folder, and what a published one holds in their place.

A run keeps the boxes of its objects (``truth.parquet``) and their contrasts in the sources (``contrasts.parquet``). The
boxes of a dataset may not be passed on. A published folder *states* them (``truth.json``): how many objects there are
of each class, and the checksum of the table of their boxes. Who has the dataset reads the table again, and the checksum
says that it is the same. Contrasts are measurements of ours and stay, without their boxes: an object has there the
number of its row in the table, sorted by all columns.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.cell.rows import CONTRAST_SCHEMA, PAIR_SCHEMA, PLACELESS_CONTRAST_SCHEMA, TRUTH_SCHEMA
from bench.datasets import DATASETS
from bench.datasets.pair import Dataset, Pair
from bench.run.record import digest, read_record
from bench.run.shards import as_table, checksum, read_table, write_table
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_text
from tsdm_bench.places import DATA_VARIABLE, data_root_of
from tsdm_bench.words import counted

TRUTH, STATEMENT, CONTRASTS = "truth.parquet", "truth.json", "contrasts.parquet"
OBJECT_FILES = (TRUTH, STATEMENT, CONTRASTS)
"""Of which a folder has the first or the second, and perhaps the third."""
PLACE = ["image", "class", "x", "y", "w", "h"]
log = logging.getLogger(__name__)


class BoxesNotHere(UsageError):
    """The boxes that a folder states are not at hand; what needs none can go on."""


class BoxesDiffer(BoxesNotHere):
    """The dataset is here and has other boxes than those that are stated."""


class Statement(BaseModel):
    """What a folder says of boxes that it does not hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    dataset: str
    objects: dict[str, int]
    """Class → number of its objects that count."""
    difficult: dict[str, int]
    """Class → number of its objects that count neither way."""
    sha256: str
    """:func:`bench.run.shards.checksum` of the table of all: image, class, x, y, w, h, difficult."""


class Objects:
    """The labelled objects of a run folder.

    Datasets lie under ``data_root``, without it where the environment variable ``TSDM_BENCH_DATA`` says.
    """

    def __init__(self, folder: Path, data_root: Path | None = None) -> None:
        self.folder = folder
        self.data_root = data_root
        self._stated: pd.DataFrame | None = None

    # --- of a run ---

    def write(self, pairs: Iterable[Pair]) -> None:
        """Write the objects of ``pairs`` with their boxes."""
        write_table(self.folder / TRUTH, _table(pairs))

    def write_contrasts(self, rows: Iterable[tuple]) -> None:
        """Write the objects with their contrast in the sources, rows of ``CONTRAST_SCHEMA``."""
        write_table(self.folder / CONTRASTS, as_table(list(rows), CONTRAST_SCHEMA))

    def truth(self) -> pd.DataFrame:
        """image, class, x, y, w, h and difficult of every object; where they are stated, from the dataset.

        Raises :class:`BoxesNotHere` where the dataset is not here or has other boxes.
        """
        if self._stated is None and (statement := self.statement) is not None:
            self._stated = self._of_dataset(statement)
        if self._stated is not None:
            return self._stated
        truth = read_table(self.folder / TRUTH, TRUTH_SCHEMA)
        return truth.assign(difficult=truth["difficult"].fillna(False).astype(bool))  # older runs did not note it

    def contrasts(self) -> pd.DataFrame:
        """The objects with their contrast in the clean sources; none where it was not measured."""
        with contextlib.suppress(UsageError):
            if self.statement is None:
                return read_table(self.folder / CONTRASTS, CONTRAST_SCHEMA)
            return with_places(read_table(self.folder / CONTRASTS, PLACELESS_CONTRAST_SCHEMA), self.truth())
        return CONTRAST_SCHEMA.empty_table().to_pandas()

    # --- of a published run ---

    @property
    def statement(self) -> Statement | None:
        """What the folder says of boxes that it does not hold; None where it holds them.

        Raises ``UsageError`` where the file is damaged.
        """
        path = self.folder / STATEMENT
        if not path.is_file():
            return None
        try:
            return Statement.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError):
            raise UsageError(f"{path} does not state the boxes of a run; restore it as it was published") from None

    def state(self, of: Objects, dataset: str) -> None:
        """Write what can be said of the objects ``of`` a run without their boxes, which belong to ``dataset``.

        This object goes on to know them.
        """
        truth, contrasts = of.truth(), of.contrasts()
        write_text(self.folder / STATEMENT, statement_of(truth, dataset).model_dump_json(indent=1) + "\n")
        if len(contrasts):
            write_table(self.folder / CONTRASTS, without_places(contrasts, truth))
        self._stated = truth

    def _of_dataset(self, statement: Statement) -> pd.DataFrame:
        """The stated objects in the order of the pairs of the run."""
        head = f"{self.folder} takes its boxes from dataset {statement.dataset}"
        card: Dataset | None = DATASETS.get(statement.dataset)
        if card is None:
            raise BoxesNotHere(f"{head}, which is not known here; install the package that has its card")
        root = data_root_of(self.data_root)
        obtain = f"(get it: {card.obtain})"
        if root is None:
            raise BoxesNotHere(f"{head}: name the folder of {card.layout} by --data-root or {DATA_VARIABLE} {obtain}")
        try:
            found = {pair.image: pair for pair in card.pairs(root)}
        except UsageError as error:
            raise BoxesNotHere(f"{head}: {error}") from None
        pairs = read_table(self.folder / "pairs.parquet", PAIR_SCHEMA)
        images = pairs.loc[pairs["labelled"], "image"].tolist()
        absent = [image for image in images if image not in found or found[image].boxes is None]
        if absent:
            raise BoxesNotHere(
                f"{head}: {len(absent)} of its {counted(len(images), 'pair')} have no readable labels under {root} "
                f"(such as {absent[0]}); complete the dataset, `run_bench.py datasets verify {card.name}` checks it"
            )
        truth = _table(found[image] for image in images).to_pandas()
        if checksum(truth) != statement.sha256:
            facts = read_record(self.folder / "run.json").pairs
            changed = [of for of in images if of in facts and labels_identity(found[of]) != facts[of].labels]
            where = f" (those of {counted(len(changed), 'pair')} such as {changed[0]})" if changed else ""
            raise BoxesDiffer(
                f"{head}, but the boxes under {root} are not those that it states{where}; name the dataset as it was "
                f"published by --data-root or {DATA_VARIABLE} {obtain}"
            )
        log.info("%s: boxes of %s read under %s", self.folder.name, counted(len(truth), "object"), root)
        return truth


def labels_identity(pair: Pair) -> str | None:
    """Of the boxes of a pair, whatever their order; None where it is not labelled."""
    return None if pair.boxes is None else digest([sorted(pair.boxes), sorted(pair.difficult)])


def _table(pairs: Iterable[Pair]) -> pa.Table:
    rows = [
        (pair.image, *box, difficult)
        for pair in pairs
        for boxes, difficult in ((pair.boxes or (), False), (pair.difficult, True))
        for box in boxes
    ]
    return as_table(rows, TRUTH_SCHEMA)


def statement_of(truth: pd.DataFrame, dataset: str) -> Statement:
    """What can be said of the objects of a dataset without their boxes.

    >>> truth = pd.DataFrame({"image": ["a"], "class": ["Car"], "x": [1.0], "difficult": [False]})
    >>> statement_of(truth, "m3fd").objects
    {'Car': 1}
    """
    numbers = [truth.loc[truth["difficult"] == hard, "class"].value_counts().to_dict() for hard in (False, True)]
    objects, difficult = ({str(name): int(of[name]) for name in sorted(of)} for of in numbers)
    return Statement(dataset=dataset, objects=objects, difficult=difficult, sha256=checksum(truth))


def without_places(contrasts: pd.DataFrame, truth: pd.DataFrame) -> pa.Table:
    """``contrasts`` (columns of ``CONTRAST_SCHEMA``) with the number of each object in place of its box."""
    numbered = _in_order(truth)[PLACE].rename_axis("object").reset_index()
    joined = numbered.merge(contrasts.drop_duplicates(PLACE), on=PLACE)[PLACELESS_CONTRAST_SCHEMA.names]
    return pa.Table.from_pandas(joined, schema=PLACELESS_CONTRAST_SCHEMA, preserve_index=False)


def with_places(contrasts: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The opposite of :func:`without_places`: each contrast with the box of its object."""
    boxes = _in_order(truth).loc[contrasts["object"], PLACE].reset_index(drop=True)
    return contrasts.reset_index(drop=True).assign(**boxes)[CONTRAST_SCHEMA.names]


def _in_order(truth: pd.DataFrame) -> pd.DataFrame:
    return truth.sort_values(list(truth.columns), ignore_index=True)
