"""Text files are UTF-8 whatever the locale: every place that reads or writes one says so."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("bench", "degradation", "detectors", "fusion", "tsdm_bench")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TEXT_METHODS = {"read_text", "write_text", "FileHandler"}
BINARY = {"rb", "wb", "ab", "xb", "rb+", "r+b"}


def unsaid(path: Path) -> list[str]:
    """The calls of a module that open text without naming its encoding."""
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if method else getattr(node.func, "id", "")
        binary = any(isinstance(word, ast.Constant) and word.value in BINARY for word in node.args)
        if (method and name in TEXT_METHODS) or (not method and name == "open" and not binary):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    return found


def test_no_text_file_depends_on_the_locale():
    assert [call for path in FILES for call in unsaid(path)] == []


def test_a_call_that_depends_on_it_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("test_encodings.ROOT", tmp_path)
    module = tmp_path / "a.py"
    module.write_text('p.read_text()\nopen(p, "rb")\nopen(p)\nq.open("r")\np.write_text(t, encoding="utf-8")\n')
    assert unsaid(module) == ["a.py:1: read_text", "a.py:3: open"]
