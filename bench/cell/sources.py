"""What cells share within one process: loaded methods, the detector, the sources last read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np

from bench.cell.process import prepare_process
from bench.cell.setup import Setup
from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights
from bench.metrics import plane_of
from bench.plan import CLEAN, Condition
from degradation.condition import degrade
from degradation.factor import FACTORS
from fusion.method import Fuse, prepare
from fusion.restoration.chain import Memory
from tsdm_bench.images import as_batch


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
        self.clean_sources = lru_cache(maxsize=1)(self._read)

    def _load(self, name: str) -> Fuse:
        method = find_method(self.setup.specs[name])
        return prepare(method, find_weights(method, self.setup.weights_dir), self.setup.device, self.restored)

    def _read(self, pair: Pair) -> Sources:
        return Sources(*pair.read(), device=self.setup.device)


class Sources:
    """A pair as the methods and the metrics see it; planes are made once and remember their statistics."""

    def __init__(self, ir: np.ndarray, vis: np.ndarray, device: str) -> None:
        self.ir_u8, self.vis_u8 = ir, vis
        levels = [as_batch(image, device) for image in (ir, vis)]
        self.ir, self.vis = (image.float() / 255 for image in levels)
        self.ir_plane, self.vis_plane = (plane_of(image) for image in levels)


def seen_sources(pair: Pair, condition: Condition, bench: Bench) -> Sources:
    """The pair as the methods see it under a condition; the clean sources themselves where it is clean."""
    clean = bench.clean_sources(pair)
    if condition == CLEAN:
        return clean
    factor, severity, modality = condition
    setup = bench.setup
    ir, vis, _ = degrade(
        clean.ir_u8,
        clean.vis_u8,
        FACTORS[factor],
        severity,
        modality,
        seed=setup.suite.seed,
        dataset=setup.dataset,
        image=pair.image,
    )
    return Sources(ir, vis, setup.device)
