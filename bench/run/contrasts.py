"""How the labelled objects of a run stand out in its clean sources: measured once, for the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from bench.datasets.pair import Pair
from bench.metrics import to_grey
from bench.run.record import PairFacts, digest
from bench.run.store import RunFolder
from bench.statistics.objects import signal_to_clutter
from tsdm_bench.errors import one_line
from tsdm_bench.tensors import as_batch

WORTH_A_BAR = 100
"""Pairs above which reading them is shown."""
log = logging.getLogger(__name__)


def write_contrasts(folder: RunFolder, pairs: Sequence[Pair], facts: Mapping[str, PairFacts]) -> None:
    """Measure the objects of ``pairs`` in both sources; those whose pixels and labels are known already are kept.

    A pair that cannot be read is left out: its objects are then in no group of the report.
    """
    known = dict(list(folder.contrasts().groupby(["of", "image"], sort=False)))
    rows: list[tuple] = []
    labelled = [pair for pair in pairs if pair.boxes]
    for pair in tqdm(labelled, "contrast of objects", unit="pair", disable=len(labelled) < WORTH_A_BAR):
        fact = facts[pair.image]
        of = digest([fact.content, fact.labels])
        if (of, pair.image) in known:
            rows += known[of, pair.image].itertuples(index=False, name=None)
            continue
        try:
            rows += _measured(pair, of)
        except Exception as error:  # the run itself has told what is wrong with a pair
            log.debug("contrast of objects in %s: %s", pair.image, one_line(error))
    folder.write_contrasts(rows)


def _measured(pair: Pair, of: str) -> list[tuple]:
    infrared, visible = pair.read()
    boxes = [*(pair.boxes or ()), *pair.difficult]
    in_infrared = signal_to_clutter(infrared, boxes)
    in_visible = signal_to_clutter(to_grey(as_batch(visible))[0, 0].numpy(), boxes)
    return [
        (of, pair.image, *box, float(first), float(second))
        for box, first, second in zip(boxes, in_infrared, in_visible, strict=True)
    ]
