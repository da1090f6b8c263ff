"""The run folder: shards that are either whole or absent, and what is derived from them."""

from __future__ import annotations

import copy
import json
import shutil
import uuid
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from bench.cell.rows import (
    CELL_KEY,
    DETECTION_SCHEMA,
    PAIR_SCHEMA,
    ROW_KEY,
    ROW_SCHEMA,
    TRUTH_SCHEMA,
    CellResult,
    Failure,
)
from bench.datasets.pair import Pair
from bench.plan import Condition
from bench.run.record import RunRecord, read_record
from tsdm_bench.errors import UsageError
from tsdm_bench.files import write_atomically


def without_methods(info: dict, methods: Container[str]) -> dict:
    """What ``run.json`` says, less its descriptions of some methods and of the detectors trained for them."""
    info = copy.deepcopy(info)
    for place in (info, info.get("detector", {})):
        for key in place.keys() & {"methods", "per_method"}:
            place[key] = {name: described for name, described in place[key].items() if name not in methods}
    return info


class RunFolder:
    """One folder of results. Only this class and the report touch the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Open a finished or unfinished run; raises ``UsageError`` where ``path`` is none."""
        folder = cls(path.resolve())
        if not (folder.path / "run.json").is_file():
            raise UsageError(f"{path} is not a run folder (no run.json); give one such as results/m3fd/latest")
        return folder

    # --- what the run was ---

    def read_info(self) -> dict:
        path = self.path / "run.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def record(self) -> RunRecord:
        """The record of the run; ``UsageError`` where it cannot be read."""
        return read_record(self.path / "run.json")

    def write_info(self, info: dict) -> None:
        text = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / "run.json", lambda path: path.write_text(text))

    def write_pairs(self, pairs: Iterable[Pair]) -> None:
        """The pair list and the labelled objects, so that a report needs nothing but this folder."""
        pairs = list(pairs)
        listing = [(pair.image, pair.scene, pair.split, pair.boxes is not None) for pair in pairs]
        truth = [
            (pair.image, *box, difficult)
            for pair in pairs
            for boxes, difficult in ((pair.boxes or (), False), (pair.difficult, True))
            for box in boxes
        ]
        self._write_table("pairs.parquet", listing, PAIR_SCHEMA)
        self._write_table("truth.parquet", truth, TRUTH_SCHEMA)

    # --- what was computed ---

    def append(self, results: Sequence[CellResult]) -> None:
        """Write the results of some cells as one shard; rows come last, since they are what marks a cell as done."""
        rows = [row for result in results for row in result.rows]
        detections = [row for result in results for row in result.detections]
        failures = [failure for result in results for failure in result.failures]
        if rows:
            name = f"{uuid.uuid4().hex}.parquet"
            self._write_table(f"detections/{name}", detections, DETECTION_SCHEMA)
            self._write_table(f"rows/{name}", rows, ROW_SCHEMA)
        if failures:
            with open(self.path / "failures.jsonl", "a") as file:
                file.writelines(json.dumps(failure._asdict()) + "\n" for failure in failures)

    def forget(self, methods: Sequence[str]) -> None:
        """Take out all that is stored of ``methods``, and the panels; cut short at any point, it can be repeated."""
        shutil.rmtree(self.path / "panels", ignore_errors=True)  # those that are there are not drawn again
        for old in sorted((self.path / "rows").glob("*.parquet")):
            new = f"{uuid.uuid4().hex}.parquet"
            kept = {}
            for kind, schema in (("detections", DETECTION_SCHEMA), ("rows", ROW_SCHEMA)):
                shard = parquet.read_table(self.path / kind / old.name, schema=schema)
                kept[kind] = shard.filter(~compute.field("method").isin(list(methods)))
                unchanged = kept[kind].num_rows == shard.num_rows
            if unchanged:  # of the rows, without which there are no detections
                continue
            for kind, shard in kept.items():
                if kept["rows"].num_rows:
                    self._write(f"{kind}/{new}", shard)
            for kind in ("rows", "detections"):
                (self.path / kind / old.name).unlink()
        if info := self.read_info():
            self.write_info(without_methods(info, methods))

    def forget_failures(self) -> None:
        """Failed cells have no rows and are computed again by the next run."""
        (self.path / "failures.jsonl").unlink(missing_ok=True)

    # --- what can be read back ---

    def done(self) -> set[tuple[str, Condition, str]]:
        """(image, condition, method) of everything that has rows."""
        cells = self.rows()[CELL_KEY].drop_duplicates()
        return {
            (image, Condition(factor, severity, modality), method)
            for image, factor, severity, modality, method in cells.itertuples(index=False)
        }

    def rows(self) -> pd.DataFrame:
        frame = self._read_shards("rows", ROW_SCHEMA)
        return frame.drop_duplicates(ROW_KEY, keep="last").sort_values(ROW_KEY, ignore_index=True)

    def detections(self) -> pd.DataFrame:
        return self._read_shards("detections", DETECTION_SCHEMA).drop_duplicates(ignore_index=True)

    def pairs(self) -> pd.DataFrame:
        return parquet.read_table(self.path / "pairs.parquet").to_pandas()

    def truth(self) -> pd.DataFrame:
        truth = parquet.read_table(self.path / "truth.parquet").to_pandas()
        return truth if "difficult" in truth else truth.assign(difficult=False)  # of an older run

    def failures(self) -> list[Failure]:
        path = self.path / "failures.jsonl"
        lines = path.read_text().splitlines() if path.is_file() else []
        return [Failure(**json.loads(line)) for line in lines]

    # --- tables on disk ---

    def _write_table(self, name: str, rows: Sequence[tuple], schema: pa.Schema) -> None:
        columns = zip(*rows, strict=True) if rows else [() for _ in schema]
        arrays = [pa.array(list(column), type=field.type) for column, field in zip(columns, schema, strict=True)]
        self._write(name, pa.Table.from_arrays(arrays, schema=schema))

    def _write(self, name: str, table: pa.Table) -> None:
        write_atomically(self.path / name, lambda path: parquet.write_table(table, path))

    def _read_shards(self, kind: str, schema: pa.Schema) -> pd.DataFrame:
        # A detection shard without its row shard is the trace of a crash between the two writes: its cells run again.
        names = sorted(path.name for path in (self.path / "rows").glob("*.parquet"))
        tables = [parquet.read_table(self.path / kind / name, schema=schema) for name in names]
        return (pa.concat_tables(tables) if tables else schema.empty_table()).to_pandas()
