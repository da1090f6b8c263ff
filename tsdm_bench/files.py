"""Files: written whole or not at all, CSV that no spreadsheet runs, and YAML as a typed model."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tsdm_bench.errors import UsageError, printable, words_of

if TYPE_CHECKING:
    import pandas as pd

Model = TypeVar("Model", bound=BaseModel)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula."""

YAML_BYTES = 1 << 17
"""PyYAML reads some 40 kB a second."""
YAML_NODES = 20_000
"""Values of a file, with those that an alias repeats."""
YAML_DEPTH = 20
PROBLEMS = 5
"""Fields that one message names."""
LONGEST_VALUE = 80


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, flush it to the disk, then give it its name: whole or absent.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "new", "a.txt"), lambda path: path.write_text("whole"))
    ...     [path.name for path in Path(folder, "new").iterdir()]
    ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def refuse_unwritable(path: Path, option: str) -> None:
    """Raise ``UsageError`` where ``path``, named by ``option``, cannot become a file: told before the work."""
    if path.is_dir():
        raise UsageError(f"{option} {path} is a folder; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"{option} {path} cannot be written ({error.strerror}); name another place") from None


def refuse_unwritable_folder(path: Path, option: str) -> None:
    """Raise ``UsageError`` where ``path``, named by ``option``, is no folder that can be written to or made.

    Nothing is left behind: it is told before the work whether its results will find their place.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{option} {path} is a file; give a folder, which may be new") from None
    except OSError as error:
        raise UsageError(f"{option} {path} cannot be written to ({error.strerror}); give another folder") from None
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write ``table`` without its index as CSV in UTF-8, whole or not at all; its text is printable and no formula."""
    cells = printable_cells(table)
    write_atomically(path, lambda temporary: cells.to_csv(temporary, index=False, encoding="utf-8"))


def printable_cells(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with text, that of its heads as well, that is printable and that no spreadsheet takes for a formula."""
    cells = table.rename(columns=lambda name: _cell(str(name)))
    for place in range(cells.shape[1]):
        column = cells.iloc[:, place]
        if column.dtype.kind not in "biufc":
            known = {value: _cell(value) for value in column.unique() if isinstance(value, str)}
            cells.isetitem(place, column.map(lambda value, known=known: known.get(value, value)))
    return cells


def csv_text(text: str) -> str:
    """``text`` as a cell of a CSV file: one that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> csv_text("=cmd()"), csv_text("gff")
    ("'=cmd()", 'gff')
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _cell(value: object) -> object:
    return csv_text(printable(value)) if isinstance(value, str) else value


def read_yaml(
    path: Path, model: type[Model], overrides: Mapping[str, Any] | None = None, *, name: str | None = None
) -> Model:
    """The YAML file ``path`` as a ``model``; ``overrides`` replace single fields, by dotted name (``data.patch``).

    Raises ``UsageError``, one line that calls the file ``name`` (the path without it), where there is no such file,
    where it is no UTF-8 YAML mapping of at most 128 KiB, and where fields do not fit: each is named with its value.
    """
    name = printable(str(path)) if name is None else name
    fields = yaml_value(_text(path, name), name)
    fields = {} if fields is None else fields
    if not isinstance(fields, dict):
        raise UsageError(f"{name}: expected a mapping of fields ({_listed(model)}), got a {type(fields).__name__}")
    return checked(fields, model, overrides, name)


def checked(fields: dict[str, Any], model: type[Model], overrides: Mapping[str, Any] | None, name: str) -> Model:
    """``fields`` as a ``model``, with ``overrides`` as for :func:`read_yaml`; ``UsageError`` where they do not fit."""
    for field, value in (overrides or {}).items():
        fields = _replaced(fields, field.split("."), value, name)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = [_problem(item, model) for item in error.errors(include_url=False)]
        more = f"; and {len(problems) - PROBLEMS} more" if len(problems) > PROBLEMS else ""
        raise UsageError(words_of(f"{name}: {'; '.join(problems[:PROBLEMS])}{more}", 2000)) from None


def yaml_value(text: str, name: str) -> Any:
    """The value that a YAML text stands for; ``UsageError`` in one line that begins with ``name``.

    Plain data only. A key that is given twice, nesting beyond :data:`YAML_DEPTH` and aliases that stand for more than
    :data:`YAML_NODES` values are refused.
    """
    try:
        return yaml.load(text, _Loader)
    except Exception as error:  # beside YAMLError: whatever int(), a date or a set make of an odd value
        raise UsageError(f"{name} is not valid YAML: {words_of(error, 300)}") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's reader of plain data, bounded, and strict about keys."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.nodes = 0
        self.size_of: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event, before = self.peek_event(), self.nodes
        mark: Any = event.start_mark
        self.depth += 1
        if self.depth > YAML_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {YAML_DEPTH}", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if not isinstance(event, yaml.AliasEvent):
            self.nodes += 1
            self.size_of[id(node)] = self.nodes - before
        elif id(node) in self.size_of:
            self.nodes += self.size_of[id(node)]
        else:
            raise yaml.MarkedYAMLError(problem="an alias within what it stands for", problem_mark=mark)
        if self.nodes > YAML_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {YAML_NODES} values", problem_mark=mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    problem = f"the key {key.value!r} is there twice"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
        return node


def _text(path: Path, name: str) -> str:
    """The text of a file of at most :data:`YAML_BYTES`, UTF-8 with or without a byte-order mark."""
    if not os.path.isfile(path):
        raise UsageError(f"no file {name}; give a YAML file that exists")
    try:
        with path.open("rb") as file:
            data = file.read(YAML_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}; make it readable or give another file") from None
    if len(data) > YAML_BYTES:
        raise UsageError(f"{name} is larger than {YAML_BYTES >> 10} KiB: is it the file that was meant?")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{name} is UTF-16 text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name} is not UTF-8 text (byte 0x{data[error.start]:02x} in line {line}); save it as UTF-8"
        ) from None


def _replaced(fields: dict, path: list[str], value: Any, name: str) -> dict:
    """A copy of ``fields`` with one of them, or a field of one of them, replaced."""
    first, *rest = path
    if rest:
        inner = fields.get(first)
        if inner is not None and not isinstance(inner, dict):
            raise UsageError(f"{name}: {first} = {_shown(inner)}: it has no field {rest[0]!r}")
        value = _replaced(inner or {}, rest, value, name)
    return {**fields, first: value}


def _problem(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """``field = value: what was expected`` of one of pydantic's errors."""
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "invalid_key":
        return f"the key {_shown(error['input'])} is no text; give the name of a field"
    if error["type"] == "extra_forbidden":
        known = f"; the fields are {_listed(model)}" if len(error["loc"]) == 1 else ""
        return f"{where} = {_shown(error['input'])}: no such field{known}"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{where} = {_shown(error['input'])}: {message}" if where else message


def _listed(model: type[BaseModel]) -> str:
    return ", ".join(model.model_fields)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python prints no number of more than some thousand digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
