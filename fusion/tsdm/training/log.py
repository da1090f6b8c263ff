"""The TensorBoard files of a run: a curve per loss term, rate and metric, and sample images after each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from fusion.tsdm.training.hardware import EXTRA

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

SHOWN_PANELS = 4


@contextmanager
def open_log(folder: Path) -> Iterator[SummaryWriter]:
    """A writer of TensorBoard files below ``folder``; raises ``ValueError`` where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ValueError(EXTRA) from None
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield writer


def log_epoch(writer: SummaryWriter, epoch: Mapping[str, float], panels: Sequence[Tensor]) -> None:
    """Write the values of one epoch (``epoch["epoch"]`` is its number) and the first ``panels`` (3×H×W in [0, 1]).

    ``rate_network`` becomes the curve ``network`` of the group ``rate``; a name without ``_`` belongs to ``train``.
    """
    for name, value in epoch.items():
        if name != "epoch":
            curve = name.replace("_", "/", 1) if "_" in name else f"train/{name}"
            writer.add_scalar(curve, value, epoch["epoch"])
    for i, panel in enumerate(panels[:SHOWN_PANELS]):
        writer.add_image(f"validation/{i}", panel, epoch["epoch"])
    writer.flush()
