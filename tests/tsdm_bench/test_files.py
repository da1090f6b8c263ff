"""YAML as a typed model: whatever the file is, the answer is the model or one line, soon and in little memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tsdm_bench.errors import UsageError
from tsdm_bench.files import YAML_BYTES, read_yaml, yaml_value


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1
    names: dict[str, str] = {}


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    epochs: int = Field(1, ge=1)
    part: Part = Part()
    steps: tuple[int, ...] = ()


def read(folder: Path, content: str | bytes, **overrides) -> Settings:
    path = folder / "settings.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_yaml(path, Settings, {name.replace("__", "."): value for name, value in overrides.items()})


def test_a_file_becomes_the_model_and_single_fields_can_be_replaced(tmp_path):
    found = read(tmp_path, "title: fünf\npart: {size: 3}\n", epochs=7, part__size=4, part__names={"a": "b"})
    assert found == Settings(title="fünf", epochs=7, part=Part(size=4, names={"a": "b"}))


def test_a_byte_order_mark_an_anchor_and_a_merge_are_understood(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbftitle: a").title == "a"
    merged = read(tmp_path, "title: a\npart: {<<: &base {size: 2}, names: {x: y}}\nsteps: [1]\n")
    assert merged.part == Part(size=2, names={"x": "y"})
    assert read(tmp_path, "title: &t a\npart: {names: {x: *t, y: *t}}").part.names == {"x": "a", "y": "a"}


LAUGHS = "title: a\nsteps:\n  - &l0 [1, 1]\n" + "".join(f"  - &l{n + 1} [{f'*l{n}, ' * 9}]\n" for n in range(9))
WRONG = {
    "empty": ("", "title is missing"),
    "a list": ("- a", r"expected a mapping of fields \(title, epochs, part, steps\), got a list"),
    "a number": ("7", "got a int"),
    "a value": ("title: a\nepochs: 0", "epochs = 0: input should be greater than or equal to 1"),
    "a field": ("title: a\nepoch: 3", "epoch = 3: no such field; the fields are title, epochs, part, steps"),
    "an inner field": ("title: a\npart: {sise: 3}", r"part\.sise = 3: no such field"),
    "two fields": ("title: [1]\nepochs: x", r"title = \[1\]: .*; epochs = 'x': "),
    "an integer key": ("title: a\n1: b", "the key 1 is no text"),
    "an inner integer key": ("title: a\npart: {names: {1: b}}", r"part\.names\.1 = 1: input should be a valid string"),
    "a boolean key": ("title: a\non: b", "the key True is no text"),
    "a list as key": ("title: a\n[1, 2]: b", "not valid YAML: .*unhashable key"),
    "a key twice": ("title: a\ntitle: b", "not valid YAML: the key 'title' is there twice .*line 2"),
    "a tab": ("title: a\n\tepochs: 2", "not valid YAML: .*cannot start any token .*line 2"),
    "a bracket": ("title: [", "not valid YAML"),
    "two documents": ("title: a\n---\ntitle: b", "not valid YAML: expected a single document"),
    "a Python object": ("title: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    "a date that is none": ("title: a\nepochs: 2024-13-45", "not valid YAML: month must be in 1..12"),
    "a number that is none": ("title: a\nepochs: !!int x", "not valid YAML: invalid literal"),
    "a truth that is none": ("title: a\nepochs: !!bool x", "not valid YAML"),
    "a number too long": (f"title: a\nepochs: {'9' * 5000}", "not valid YAML: .*limit"),
    "a hexadecimal number too long": (f"title: a\nepochs: -0x{'f' * 9000}", "epochs = a very long int: "),
    "a control character": (b"title: a\x00b", "not valid YAML: .*special characters are not allowed"),
    "an escape sequence": ('title: a\nepochs: "\\e[2J"', r"epochs = '\\x1b\[2J'"),
    "latin-1": ("title: a\n# Stra\xdfe".encode("latin-1"), "not UTF-8 text .byte 0xdf in line 2.; save it as UTF-8"),
    "UTF-16": ("title: a".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "nesting": ("title: " + "[" * 5000, "nested deeper than 20"),
    "nesting in blocks": ("\n".join(" " * n + "a:" for n in range(400)), "nested deeper than 20"),
    "aliases that explode": (LAUGHS, "more than 20000 values"),
    "merges that explode": (
        "a0: &a0 {k: v}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [{f'*a{n}, ' * 9}]}}\n" for n in range(9)),
        "more than 20000 values",
    ),
    "an alias of itself": ("title: &a [*a]", "an alias within what it stands for"),
    "an alias of nothing": ("title: *a", "undefined alias"),
    "many values": ("title: a\nsteps: [" + "1," * 30_000 + "]", "more than 20000 values"),
    "a large file": (b"#" * (YAML_BYTES + 1), "larger than 128 KiB"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_meant_is_one_line_that_names_the_file_and_the_place(tmp_path, what):
    content, message = WRONG[what]
    started = time.monotonic()
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path, content)
    assert time.monotonic() - started < 10
    told = str(caught.value)
    assert told.startswith(str(tmp_path / "settings.yaml"))
    assert told.isprintable()
    assert len(told) < 2100


def test_a_field_that_is_no_mapping_has_no_field_to_replace(tmp_path):
    with pytest.raises(UsageError, match="part = 5: it has no field 'size'"):
        read(tmp_path, "title: a\npart: 5", part__size=1)


def test_what_is_no_file_is_not_opened(tmp_path):
    for path in (tmp_path, tmp_path / "gone.yaml", Path("/dev/zero")):
        with pytest.raises(UsageError, match=r"no file .*give a YAML file that exists"):
            read_yaml(path, Settings)


def test_a_setting_of_the_command_line_is_named():
    assert yaml_value("[64, 64]", "--set data.patch") == [64, 64]
    with pytest.raises(UsageError, match=r"^--set data.patch is not valid YAML"):
        yaml_value("[64", "--set data.patch")
