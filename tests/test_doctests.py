"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.test_house import FILES

EXAMPLES = sorted(name for name, path in FILES.items() if ">>> " in path.read_text(encoding="utf-8"))
OPTIONAL = {"lightning", "numba", "pyiqa", "ray", "tensorboard"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (absent := str(error.name).partition(".")[0]) not in OPTIONAL:
            raise
        pytest.skip(f"needs the optional package {absent}")
    failed, tried = doctest.testmod(module)
    assert tried, "an example that doctest does not find"
    assert not failed
