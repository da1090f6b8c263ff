"""The run folder: shards that are either whole or absent, and what is derived from them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bench.cell.rows import (
    CELL_KEY,
    DETECTION_SCHEMA,
    PAIR_SCHEMA,
    ROW_KEY,
    ROW_SCHEMA,
    CellResult,
    Failure,
    Picture,
)
from bench.datasets.pair import Pair
from bench.plan import Condition
from bench.run.cost_table import TABLE
from bench.run.objects import OBJECT_FILES, Objects
from bench.run.record import RunRecord, read_record
from bench.run.shards import (
    UNKNOWN,
    CellKey,
    Shard,
    as_table,
    flat,
    is_of,
    packed,
    read_shard,
    read_table,
    write_table,
)
from degradation.mixed_condition import file_word
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.files import write_atomically, write_bytes
from tsdm_bench.names import check_image_name

OWN_FOLDERS = {"rows", "detections", "fused"}
OWN_FILES = {"run.json", "pairs.parquet", str(TABLE), *OBJECT_FILES}
"""What runs write, one at a time; of these a report writes the costs alone, in an instant."""
SWEPT_AFTER = 600.0
"""Seconds after which a temporary file of a report has no writer any more."""
log = logging.getLogger(__name__)


class RunFolder:
    """One folder of results. Only this class and the report touch the disk."""

    def __init__(self, path: Path, data_root: Path | None = None) -> None:
        """``data_root`` is where the datasets lie, in which a published run has its boxes."""
        self.path = path
        self.objects = Objects(path, data_root)

    @classmethod
    def existing(cls, path: Path, data_root: Path | None = None) -> RunFolder:
        """Open a finished or unfinished run; raises ``UsageError`` where ``path`` is none."""
        if path.is_file() and path.name == "latest":  # where a file system has no links
            path = path.with_name(path.read_text(encoding="utf-8", errors="replace").strip())
        folder = cls(path.resolve(), data_root)
        if not (folder.path / "run.json").is_file():
            raise UsageError(f"{path} is not a run folder (no run.json); give one such as results/m3fd/latest")
        return folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder; the lock ends with its holder, however that ends.

        Raises ``UsageError`` where another process holds it.
        """
        holder = self.path / ".holder.json"
        lock = filelock.FileLock(self.path / ".lock")
        try:
            with lock.acquire(timeout=0):
                holder.write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")
                self._sweep()
                try:
                    yield
                finally:
                    holder.unlink(missing_ok=True)
        except filelock.Timeout:
            who = ""
            with contextlib.suppress(OSError, ValueError, KeyError):
                found = json.loads(holder.read_text(encoding="utf-8"))
                who = f" (process {found['process']} on {found['host']})"
            raise UsageError(
                f"another run{who} is at work in {self.path}; wait for it, or give another --out"
            ) from None

    def _sweep(self) -> None:
        """Remove the temporary files of writers that were killed; a report may be writing its own just now."""
        for path in self.path.rglob(".*.tmp"):
            within, name = path.relative_to(self.path), path.name[1:].rsplit(".", 2)[0]  # .NAME.12345678.tmp
            with contextlib.suppress(OSError):
                ours = within.parts[0] in OWN_FOLDERS or str(within.parent / name) in OWN_FILES
                if ours or time.time() - path.stat().st_mtime > SWEPT_AFTER:
                    path.unlink()

    # --- what the run was ---

    def record(self) -> RunRecord:
        """The record of the run; ``UsageError`` where it cannot be read."""
        return read_record(self.path / "run.json")

    def write_record(self, record: RunRecord) -> None:
        """Write ``run.json``, whole or not at all."""
        text = record.model_dump_json(indent=2, exclude_none=False) + "\n"
        write_atomically(self.path / "run.json", lambda path: path.write_text(text, encoding="utf-8"))

    def write_pairs(self, pairs: Iterable[Pair]) -> None:
        """The pair list and the labelled objects, so that a report needs nothing but this folder."""
        pairs = list(pairs)
        listing = [
            (pair.image, pair.scene, pair.split, pair.boxes is not None, pair.files[-1].name if pair.files else None,
             pair.size and pair.size[1], pair.size and pair.size[0])
            for pair in pairs
        ]  # fmt: skip
        write_table(self.path / "pairs.parquet", as_table(listing, PAIR_SCHEMA))
        self.objects.write(pairs)

    def write_contrasts(self, rows: Iterable[tuple]) -> None:
        """The objects with their contrast in the sources, rows of ``CONTRAST_SCHEMA``."""
        self.objects.write_contrasts(rows)

    # --- what was computed ---

    def append(self, results: Sequence[CellResult], identities: Mapping[CellKey, str] | None = None) -> None:
        """Write the results of some cells as one shard; its file of rows comes last, which marks them as done."""
        for picture in (picture for result in results for picture in result.pictures):
            write_bytes(self.picture_path(picture), picture.png)
        rows = [row for result in results for row in result.rows]
        detections = [row for result in results for row in result.detections]
        failures = [failure for result in results for failure in result.failures]
        cells = {CellKey(row.image, Condition(row.factor, row.severity, row.modality), row.method) for row in rows}
        cells |= {CellKey(of[0], Condition(*of[1:4]), of[4]) for result in results for of in result.detected}
        if cells:
            known = {cell: (identities or {}).get(cell, UNKNOWN) for cell in cells}
            self._write_shard(as_table(rows, ROW_SCHEMA), as_table(detections, DETECTION_SCHEMA), known)
        if failures:
            with open(self.path / "failures.jsonl", "a", encoding="utf-8") as file:
                file.writelines(json.dumps(failure._asdict()) + "\n" for failure in failures)

    def set_aside(self, cells: Collection[CellKey]) -> None:
        """Move what is stored of some cells to ``replaced/``.

        Cut short at any point, it can be repeated: the new shard is written before the old one goes.
        """
        self._take_out(cells, RunFolder(self.path / "replaced"))

    def drop(self, cells: Collection[CellKey]) -> None:
        """Forget what is stored of some cells, which are about to give the same again."""
        self._take_out(cells, None)

    def _take_out(self, cells: Collection[CellKey], to: RunFolder | None) -> None:
        wanted = {flat(cell) for cell in cells}
        if not wanted:
            return
        for shard in self._shards():
            if wanted.isdisjoint(map(flat, shard.identities)):
                continue
            of_rows = is_of(shard.rows, wanted)
            of_boxes = is_of(shard.detections, wanted)
            for folder, taken in ((to, True), (self, False)):
                rows = shard.rows.filter(pa.array([one is taken for one in of_rows], pa.bool_()))
                boxes = shard.detections.filter(pa.array([one is taken for one in of_boxes], pa.bool_()))
                known = {cell: what for cell, what in shard.identities.items() if (flat(cell) in wanted) is taken}
                if folder is not None and known:
                    folder._write_shard(rows, boxes, known)
            for kind in ("rows", "detections"):
                (self.path / kind / shard.name).unlink()
        for cell in cells:
            for name in (cell.method, "ir", "vis"):
                self.picture_path(Picture(cell.image, *cell.condition, name, b"")).unlink(missing_ok=True)

    def write_dense(self, rows: pd.DataFrame, detections: pd.DataFrame, without_rows: Iterable[CellKey] = ()) -> None:
        """Write rows and detections as one small shard of a new folder, in an order that is that of the cells.

        ``without_rows`` are cells that have detections alone. It does not say of what its cells are: a run that goes
        on here computes them again.
        """
        rows = rows.sort_values(ROW_KEY)
        detections = detections.sort_values(CELL_KEY, kind="stable")  # within a cell equal scores keep their order
        first, second = (
            pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
            for frame, schema in ((rows, ROW_SCHEMA), (detections, DETECTION_SCHEMA))
        )
        self._write_shard(first, second, dict.fromkeys(without_rows, UNKNOWN), dense=True)

    def forget_failures(self) -> None:
        """Failed cells have no rows and are computed again by the next run."""
        (self.path / "failures.jsonl").unlink(missing_ok=True)

    # --- what can be read back ---

    def identities(self) -> dict[CellKey, str]:
        """Every cell that has rows, and what it is of (:data:`UNKNOWN` where its shard does not say)."""
        return {cell: what for shard in self._shards() for cell, what in shard.identities.items()}

    def rows(self) -> pd.DataFrame:
        """The long table (one value of one metric a row), each row once, sorted."""
        tables = [shard.rows.replace_schema_metadata() for shard in self._shards()]
        frame = pa.concat_tables([ROW_SCHEMA.empty_table(), *tables]).to_pandas()
        return frame.drop_duplicates(ROW_KEY, keep="last").sort_values(ROW_KEY, ignore_index=True)

    def detections(self, images: Collection[str] | None = None, *, coded: bool = False) -> pd.DataFrame:
        """Every stored detection, of ``images`` where they are named, each once.

        ``coded`` gives text as categories: grouped many times as fast, and not to be sorted by, for their order is that
        in which they occur.
        """
        known: set[CellKey] = set()
        tables, repeated = [DETECTION_SCHEMA.empty_table()], False
        for shard in self._shards():
            repeated |= not known.isdisjoint(shard.identities)
            known.update(shard.identities)
            wanted = None if images is None else pc.is_in(shard.detections["image"], pa.array(images, pa.string()))
            tables.append(shard.detections if wanted is None else shard.detections.filter(wanted))
        table = pa.concat_tables(tables)
        if repeated:  # a cell that was stored twice
            codes = table.to_pandas(strings_to_categorical=True)  # compared ten times as fast as text
            table = table.filter(pa.array(~codes.duplicated().to_numpy()))
        return table.to_pandas(strings_to_categorical=coded)

    def pairs(self) -> pd.DataFrame:
        """Of every pair image, scene, split, whether it is labelled; where known its visible file, width and height."""
        return read_table(self.path / "pairs.parquet", PAIR_SCHEMA)

    def truth(self) -> pd.DataFrame:
        """The labelled objects, with a column ``difficult``; see :meth:`bench.run.objects.Objects.truth`."""
        return self.objects.truth()

    def contrasts(self) -> pd.DataFrame:
        """The labelled objects with their contrast in the clean sources; none where it was not measured."""
        return self.objects.contrasts()

    def failures(self) -> list[Failure]:
        """What failed; a line cut short by a crash does not count."""
        path, found = self.path / "failures.jsonl", []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
            with contextlib.suppress(ValueError, TypeError):
                found.append(Failure(**json.loads(line)))
        return found

    def picture_path(self, picture: Picture) -> Path:
        """Where an image that the report shows lies: ``fused/FACTOR/SEVERITY/MODALITY/IMAGE/NAME.png``.

        Names that are read back from a folder are not taken at their word: raises ``UsageError`` for one that leads
        elsewhere.
        """
        _, factor, severity, modality, name, _ = picture
        word = file_word(factor)
        for part in (word, modality, picture.image, name):
            check_image_name(part)
        return self.path / "fused" / word / str(severity) / modality / picture.image / f"{name}.png"

    # --- shards on disk ---

    def _write_shard(
        self, rows: pa.Table, detections: pa.Table, known: Mapping[CellKey, str], *, dense: bool = False
    ) -> None:
        name, content = packed(rows, detections, known, dense=dense)
        for kind, data in content.items():
            write_bytes(self.path / kind / name, data)

    def _shards(self) -> Iterator[Shard]:
        """The whole shards, by name; a damaged one is named in the log and moved to ``damaged/``."""
        for path in sorted((self.path / "rows").glob("*.parquet")):
            try:
                yield read_shard(path)
            except (OSError, ValueError, pa.ArrowException) as error:
                self._lay_by(path, error)

    def _lay_by(self, path: Path, error: Exception) -> None:
        log.warning(
            "%s is damaged (%s); it is left out and moved to damaged/: repeat the command of the run to compute its "
            "cells again", path, words_of(error, 120),
        )  # fmt: skip
        for kind in ("rows", "detections"):
            place = self.path / "damaged" / kind
            with contextlib.suppress(OSError):
                place.mkdir(parents=True, exist_ok=True)
                shutil.move(self.path / kind / path.name, place / path.name)
