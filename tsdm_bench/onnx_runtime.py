"""onnxruntime, with nothing of its use reported to its makers."""

from __future__ import annotations

import os
from types import ModuleType

SWITCH = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime() -> ModuleType:
    """The package, imported with its telemetry off.

    Version 1.31 stores an id of the machine below ``~/.cache/Microsoft`` as soon as it is imported. The switch is read
    once, by the first import; where it is set already it stays as it is.
    """
    os.environ.setdefault(SWITCH, "1")
    import onnxruntime

    return onnxruntime
