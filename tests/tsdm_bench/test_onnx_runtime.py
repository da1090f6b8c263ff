"""Nobody is told that onnxruntime is used here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.test_house import FILES

ROOT = Path(__file__).parents[2]


def test_importing_it_leaves_no_id_of_the_machine(tmp_path: Path) -> None:
    program = "from tsdm_bench.onnx_runtime import import_onnxruntime; print(import_onnxruntime().__version__)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=ROOT, env=environment | {"HOME": str(tmp_path)}, check=True, capture_output=True)
    assert not list(tmp_path.rglob("*"))


def test_it_is_imported_in_one_place() -> None:
    importing = [name for name, path in FILES.items() if "import onnxruntime\n" in path.read_text(encoding="utf-8")]
    assert importing == ["tsdm_bench.onnx_runtime"]
