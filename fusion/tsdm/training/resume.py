"""What a run needs to go on: its progress, checkpoints that appear whole, and which settings may change meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fusion.tsdm.training.config import KINDS, TrainingConfig
from tsdm_bench.errors import words_of
from tsdm_bench.files import write_atomically
from tsdm_bench.weights.state import load_state

FORMAT = 1
LAST, BEST = "last.pt", "best.pt"
MAY_CHANGE = ("epochs", "data.workers")
"""Settings that a resumed run may change: they alter neither a patch nor a step."""


@dataclass
class Progress:
    """How far a run has come: the next batch is number ``batch`` (from 0) of epoch ``epoch`` (from 1)."""

    epoch: int = 1
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    """Those of the epoch at hand, or of the last one where none is begun; without validation."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sums of the loss terms over the batches of the epoch so far."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Mean loss terms and validation metrics of each finished epoch."""
    best: float | None = None

    def spent(self, seconds: float) -> None:
        """Note time that went into training."""
        self.seconds += seconds
        self.epoch_seconds += seconds


def write_checkpoint(path: Path, **content: Any) -> None:
    """Write ``content`` as a checkpoint of this version; ``path`` is whole at any moment."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            torch.save({"format": FORMAT, **content}, stream)

    write_atomically(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint that :func:`write_checkpoint` wrote; raises ``ValueError`` for any other file."""
    try:
        checkpoint = load_state(path)
        if checkpoint["format"] != FORMAT:
            raise ValueError(f"format {checkpoint['format']}")
    except FileNotFoundError:
        raise FileNotFoundError(f"no checkpoint at {path}; train without --resume first, or name another") from None
    except Exception as error:  # a file of another kind can fail in any way
        raise ValueError(f"{path} is no training checkpoint of this version ({words_of(error, 120)})") from None
    return checkpoint


def checkpoint_to_resume(folder: Path, config: TrainingConfig) -> dict[str, Any]:
    """The last checkpoint in ``folder``; raises ``ValueError`` where it was trained with other settings."""
    checkpoint = read_checkpoint(folder / LAST)
    before = _flat(KINDS[checkpoint["config"]["kind"]](**checkpoint["config"]).model_dump(mode="json"))
    now = _flat(config.model_dump(mode="json"))
    changed = [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in before | now
        if before.get(name) != now.get(name) and name not in MAY_CHANGE
    ]
    if changed:
        raise ValueError(
            f"{folder} was trained with other settings ({'; '.join(changed)}); only {', '.join(MAY_CHANGE)} may change "
            f"on --resume: restore them, or name another --out"
        )
    return checkpoint


def refuse_begun(folder: Path) -> None:
    """Raise ``ValueError`` where ``folder`` holds a run already."""
    if (folder / LAST).exists():
        raise ValueError(f"{folder} already holds a training run; add --resume to go on with it, or name another --out")


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
