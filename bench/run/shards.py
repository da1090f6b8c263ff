"""A shard: the rows and detections of some cells as two Parquet files of one name.

The name holds the hashes of both files, so that a damaged one is noticed; the metadata of the rows says of what each
cell is (:mod:`bench.run.record`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from bench.cell.rows import CELL_KEY, DETECTION_SCHEMA, ROW_SCHEMA
from bench.plan import Condition
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.files import write_atomically

METADATA = b"tsdm_bench"
DIGITS = 32
"""Of each of the two hashes in the name of a shard."""
UNKNOWN = ""
"""The identity of cells whose shard says none, as those of older versions."""


class CellKey(NamedTuple):
    """One pair under one condition with one method."""

    image: str
    condition: Condition
    method: str


class Shard(NamedTuple):
    """What one pair of files holds, and of what each of its cells is."""

    name: str
    rows: pa.Table
    detections: pa.Table
    identities: dict[CellKey, str]


def packed(
    rows: pa.Table, detections: pa.Table, known: Mapping[CellKey, str], *, dense: bool = False
) -> tuple[str, dict[str, bytes]]:
    """The name of a shard and the content of its files; detections come first, the file of rows marks cells as done.

    A cell of a method that gives detections alone is ``known`` and has no row.
    """
    cells = [[*flat(cell), what] for cell, what in sorted(known.items())]
    rows = rows.replace_schema_metadata({METADATA: json.dumps({"cells": cells}, ensure_ascii=False)})
    content = {"detections": as_parquet(detections, dense=dense), "rows": as_parquet(rows, dense=dense)}
    return shard_name(content["rows"], content["detections"]), content


def shard_name(rows: bytes, detections: bytes) -> str:
    """The file name of a shard, made from the content of its two files."""
    return "-".join(hashlib.sha256(data).hexdigest()[:DIGITS] for data in (rows, detections)) + ".parquet"


def read_shard(path: Path) -> Shard:
    """Raises ``ValueError`` where the content is not what the name says."""
    content = path.read_bytes(), (path.parents[1] / "detections" / path.name).read_bytes()
    if "-" in path.name and path.name != shard_name(*content):  # older versions gave names without a hash
        raise ValueError("its content has changed since it was written")
    rows = parquet.read_table(pa.BufferReader(content[0]), schema=ROW_SCHEMA, page_checksum_verification=True)
    boxes = parquet.read_table(pa.BufferReader(content[1]), schema=DETECTION_SCHEMA, page_checksum_verification=True)
    noted = parquet.read_schema(pa.BufferReader(content[0])).metadata or {}
    known = {tuple(cell[:5]): cell[5] for cell in json.loads(noted.get(METADATA, b'{"cells": []}'))["cells"]}
    cells = rows.select(CELL_KEY).group_by(CELL_KEY).aggregate([]).to_pylist()
    keys = dict.fromkeys([*(tuple(cell[name] for name in CELL_KEY) for cell in cells), *known])
    identities = {CellKey(key[0], Condition(*key[1:4]), key[4]): known.get(key, UNKNOWN) for key in keys}
    return Shard(path.name, rows, boxes, identities)


def flat(cell: CellKey) -> tuple[str, str, int, str, str]:
    """The cell as it stands in the columns of a table."""
    return (cell.image, *cell.condition, cell.method)


def is_of(table: pa.Table, cells: Collection[tuple]) -> list[bool]:
    """Whether each row of a table belongs to one of the cells (in the form of :func:`flat`)."""
    columns = [table.column(name).to_pylist() for name in CELL_KEY]
    return [key in cells for key in zip(*columns, strict=True)]


def as_table(rows: Sequence[tuple], schema: pa.Schema) -> pa.Table:
    """Rows as a table of a schema, also where there are none."""
    columns = zip(*rows, strict=True) if rows else [() for _ in schema]
    arrays = [pa.array(list(column), type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def as_parquet(table: pa.Table, *, dense: bool = False) -> bytes:
    """The bytes of a Parquet file with checksums of its pages; ``dense`` makes it slowly, and little more than half."""
    settings: dict[str, Any] = {}
    if dense:
        reals = [field.name for field in table.schema if pa.types.is_floating(field.type)]
        others = [name for name in table.column_names if name not in reals]
        settings = {"compression": "zstd", "compression_level": 12}
        settings |= {"use_dictionary": others, "use_byte_stream_split": reals}
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, write_page_checksum=True, **settings)
    return sink.getvalue().to_pybytes()


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, whole or not at all."""
    write_atomically(path, lambda to: to.write_bytes(as_parquet(table)))


def read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """A table that every run of its folder writes anew; ``UsageError`` where it is absent or damaged."""
    try:
        return parquet.read_table(path, schema=schema, page_checksum_verification=True).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(
            f"{path} is absent or damaged ({words_of(error, 120)}); repeat the command of the run: it writes the file "
            f"anew"
        ) from None


def checksum(frame: pd.DataFrame) -> str:
    """SHA-256 of a table whatever the order of its rows: sorted, text as UTF-8 lines, numbers as 8-byte little-endian.

    >>> checksum(pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})) == checksum(
    ...     pd.DataFrame({"a": ["y", "x"], "b": [2.0, 1.0]})
    ... )
    True
    """
    made = hashlib.sha256()
    frame = frame.sort_values(list(frame.columns))
    for name in frame:
        column = frame[name]
        made.update(f"{name}\n".encode())
        if column.dtype.kind in "iuf":
            made.update(column.to_numpy("<i8" if column.dtype.kind in "iu" else "<f8").tobytes())
        else:
            made.update("\n".join(column.astype(str)).encode(errors="surrogatepass"))
    return made.hexdigest()
