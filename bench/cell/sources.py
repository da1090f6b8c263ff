"""What cells share within one process: loaded methods, the detector, the sources last read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from bench.cell.process import prepare_process
from bench.cell.setup import Setup
from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights
from bench.metrics import plane_of
from bench.plan import CLEAN, Cell
from bench.unfused import Unfused
from degradation.condition import degrade
from degradation.mixed_condition import find_factor
from fusion.method import Fuse, prepare
from fusion.restoration.chain import Memory
from tsdm_bench.device import free_bytes
from tsdm_bench.tensors import as_batch, as_float

BYTES_PER_PIXEL = 8000
"""Of a GPU's free memory, for each pixel of a batch: what the hungriest method takes. Where it takes more, a batch that
finds no room is halved."""
MOST_TOGETHER = 16
"""Cells of one batch; more bring nothing at the sizes of the datasets."""
PAIRS_KEPT = 2
"""Threads that read ahead may be at the last condition of one pair and the first of the next."""
Images = tuple[np.ndarray, np.ndarray]
"""Infrared H×W and visible H×W×3, uint8."""


class Inputs(NamedTuple):
    """A cell with its images: the undegraded ones, and those that its methods see (the same ones where it is clean)."""

    cell: Cell
    clean: Images
    seen: Images


class Bench:
    """Everything that cells share within one process.

    ``at_work`` is called with the name of a method before it is run, and with "" after the last one of a cell.
    """

    def __init__(self, setup: Setup, at_work: Callable[[str], object] = lambda name: None) -> None:
        self.at_work = at_work
        prepare_process(setup.threads)
        self.setup = setup
        self.restored = Memory()
        self.fuse_of = cache(self._load)
        self.detector = cache(setup.open_detector)
        self.unfused = cache(self._unfused)
        self.most_together: dict[str, int] = {}
        """Method → images that it takes at once, where that is known."""
        self._sources_of_one = lru_cache(maxsize=1)(lambda pair: Sources([self.read(pair)], setup.device))
        self._read: dict[Pair, Images | Exception] = {}
        self._reading = threading.Lock()

    def _load(self, name: str) -> Fuse:
        method = find_method(self.setup.specs[name])
        if method.kind == "external" or method.keyed or method.knows_condition:
            self.most_together[name] = 1  # a user's own, or one that has to know which
        return prepare(method, find_weights(method, self.setup.weights_dir), self.setup.device, self.restored)

    def _unfused(self, name: str) -> Unfused | None:
        """The card of a method that gives detections and no fused image; None for all others."""
        method = find_method(self.setup.specs[name])
        return method if isinstance(method, Unfused) else None

    def read(self, pair: Pair) -> Images:
        """The images of a pair, read once for all of its conditions; so is what is wrong with them."""
        with self._reading:
            if pair not in self._read:
                while len(self._read) >= PAIRS_KEPT:
                    del self._read[next(iter(self._read))]
                try:
                    self._read[pair] = pair.read()
                except Exception as error:
                    self._read[pair] = error
            found = self._read[pair]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def inputs(self, cell: Cell) -> Inputs:
        """Read and degrade; may be called by several threads. Whatever reading and degrading raise is raised."""
        clean = self.read(cell.pair)
        if cell.condition == CLEAN:
            return Inputs(cell, clean, clean)
        factor, severity, modality = cell.condition
        seed, dataset = self.setup.suite.seed, self.setup.dataset
        ir, vis, _ = degrade(
            *clean, find_factor(factor), severity, modality, seed=seed, dataset=dataset, image=cell.pair.image
        )
        return Inputs(cell, clean, (ir, vis))

    def sources(self, batch: Sequence[Inputs]) -> tuple[Sources, Sources]:
        """The clean and the seen pairs of a batch; a single pair keeps its statistics from condition to condition."""
        if len(batch) == 1:
            clean = self._sources_of_one(batch[0].cell.pair)
        else:
            clean = Sources([inputs.clean for inputs in batch], self.setup.device)
        if all(inputs.cell.condition == CLEAN for inputs in batch):
            return clean, clean
        return clean, Sources([inputs.seen for inputs in batch], self.setup.device)

    def together(self, pixels: int) -> int:
        """How many cells with images of so many pixels go through at once."""
        if self.setup.batch:
            return self.setup.batch
        free = free_bytes(self.setup.device)
        return 1 if free is None else max(1, min(MOST_TOGETHER, free // (BYTES_PER_PIXEL * pixels)))


class Sources:
    """Pairs of one size as the methods and the metrics see them; planes are made once and remember their statistics."""

    def __init__(self, pairs: Sequence[Images], device: str) -> None:
        ir, vis = (as_batch(*images, device=device) for images in zip(*pairs, strict=True))
        self.ir, self.vis = as_float(ir), as_float(vis)
        self.ir_plane, self.vis_plane = plane_of(ir), plane_of(vis)
