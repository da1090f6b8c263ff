"""What `make` says to a stranger before it does anything that takes minutes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def test_a_python_that_is_too_old_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python3.9").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3.9").chmod(0o755)
    command = ["make", "--no-print-directory", "demo", "PYTHON=./python3.9"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == "./python3.9 is no Python 3.11 or newer: name one, as in: make demo PYTHON=python3.12\n"
    assert not (tmp_path / ".venv").exists()
