"""The configurations that come with the package. Importing this costs nothing, so that a command can list them."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from tsdm_bench.errors import UsageError

CONFIGS = files("fusion.tsdm") / "configs"


def config_names(kind: str) -> list[str]:
    """The configurations shipped for ``kind``: ``student``, ``student_reduced``…"""
    return sorted(path.name.removesuffix(".yaml") for path in CONFIGS.iterdir() if path.name.startswith(kind))


def config_file(kind: str, name_or_path: str) -> Path:
    """The file of a shipped configuration, or any other; ``UsageError`` with the known names where there is none."""
    shipped = config_names(kind)
    path = Path(str(CONFIGS / f"{name_or_path}.yaml") if name_or_path in shipped else name_or_path)
    if not os.path.isfile(path):
        raise UsageError(f"no configuration {name_or_path}; give a YAML file or one of: {', '.join(shipped)}")
    return path
