"""What every part of the minutes on a GPU knows: where things lie, and how a part is run and stopped in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
INTERRUPTED = {130, 143, -signal.SIGINT, None}
"""Exit statuses of a part whose time was over."""
LAST_WORDS_SECONDS = 30
"""For a part that is asked to stop: it saves what it has."""


@dataclass(frozen=True)
class Session:
    """What every part knows."""

    device: str
    out: Path
    data_root: Path | None
    weights_dir: Path | None
    deadline: float
    networks: tuple[str, ...] = ("student", "lite")

    @property
    def small(self) -> bool:
        return self.device == "cpu"

    def places(self) -> list[str]:
        found = ["--data-root", str(self.data_root)] if self.data_root else []
        return found + (["--weights-dir", str(self.weights_dir)] if self.weights_dir else [])

    def run(self, name: str, command: list[str], until: float) -> int | None:
        """The exit status of ``python COMMAND``, which is asked to stop at ``until``; None if it did not in time."""
        with (self.out / f"{name}.txt").open("a", encoding="utf-8") as file:
            file.write(f"$ python {' '.join(command)}\n")
            file.flush()
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                start_new_session=True,
            )
            try:
                return process.wait(max(until - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            try:
                return process.wait(LAST_WORDS_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return None
