"""A detector for each source, their boxes merged (late fusion, or ensembling)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from bench.unfused import Unfused, no_image


def _load(paths: dict[str, Path], device: Any) -> NoReturn:
    raise no_image("late")


LATE = Unfused(
    name="late",
    title="Late (boxes merged)",
    description="no fusion: infrared and visible image are looked at apart, boxes merged by weighted boxes fusion",
    source="Solovyev, Wang & Gabruseva, Weighted boxes fusion, Image and Vision Computing 107 (2021)",
    citation=r"""@article{solovyev2021weighted,
  author  = {Solovyev, Roman and Wang, Weimin and Gabruseva, Tatiana},
  title   = {Weighted boxes fusion: Ensembling boxes from different object detection models},
  journal = {Image and Vision Computing},
  volume  = {107},
  pages   = {104117},
  year    = {2021},
  doi     = {10.1016/j.imavis.2021.104117},
}""",
    load=_load,
    views=("ir", "vis"),
)
