"""What a run shows of its pairs: detection panels, with the boxes that were stored, and its degradations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cell.setup import Setup
from bench.cell.sources import Bench, seen_sources
from bench.cell.work import fuse_seen
from bench.datasets.pair import Pair
from bench.executors.local import available_cores
from bench.plan import CLEAN, Condition, conditions
from bench.report.contact_sheet import draw_contact_sheet
from bench.report.panels import draw_panel, telling_images
from bench.run.store import RunFolder
from degradation.factor import FACTORS
from detectors.detector import Detection
from tsdm_bench.files import write_atomically

MIDDLE_SEVERITY = 3
log = logging.getLogger(__name__)


def write_panels(folder: RunFolder, setup: Setup, pairs: Sequence[Pair], most: int) -> list[Path]:
    """Write ``panels/*.png``: ``most`` pairs, clean and degraded by the last factor of the suite.

    Where there are detections, the pairs on which the methods differ most are shown, else pairs evenly taken.
    """
    bench, paths = Bench(replace(setup, threads=available_cores())), []  # no worker needs them any more
    detections, truth = folder.detections(), folder.truth()
    truth = truth[~truth["difficult"]]
    titles = {name: described["title"] for name, described in folder.read_info()["methods"].items()}
    for condition in _shown(setup):
        here = (detections[list(Condition._fields)] == list(condition)).all(axis=1)
        for pair in _chosen(pairs, truth, detections[here], setup.suite.methods, most):
            path = folder.path / "panels" / f"{condition.factor}-{condition.severity}-{pair.image}.png"
            if not path.exists():
                of_pair = detections[here & (detections["image"] == pair.image)]
                try:
                    figure = _panel(pair, condition, of_pair, bench, titles)
                except Exception as error:  # a pair or method that failed in the run fails here too
                    log.warning("no panel of %s: %s", pair.image, error)
                    continue
                write_atomically(path, lambda to, figure=figure: figure.savefig(to, format="png"))
            paths.append(path)
    return paths


def write_contact_sheet(folder: RunFolder, setup: Setup, pairs: Sequence[Pair]) -> Path | None:
    """Write ``degradations.png``: the factors of the run at every severity on one of its pairs.

    None where the run has no factors or no pair that can be read.
    """
    suite, path = setup.suite, folder.path / "degradations.png"
    unreadable = {failure.image for failure in folder.failures() if not failure.method}
    pair = next((pair for pair in pairs if pair.image not in unreadable), None)
    if not suite.factors or pair is None:
        return None
    factors = [FACTORS[name] for name in suite.factors]
    figure = draw_contact_sheet(*pair.read(), factors, dataset=setup.dataset, image=pair.image, seed=suite.seed)
    write_atomically(path, lambda to: figure.savefig(to, format="png", dpi=110))
    return path


def _shown(setup: Setup) -> list[Condition]:
    """The clean condition and one of the last factor: severity 3 where it was run, else its highest."""
    found = conditions(setup.suite)
    degraded = [condition for condition in found if condition.factor in setup.suite.factors[-1:]]
    middle = [condition for condition in degraded if condition.severity == MIDDLE_SEVERITY] or degraded[-1:]
    return [condition for condition in found if condition == CLEAN] + middle[:1]


def _chosen(
    pairs: Sequence[Pair], truth: pd.DataFrame, detections: pd.DataFrame, methods: Sequence[str], most: int
) -> list[Pair]:
    by_name = {pair.image: pair for pair in pairs}
    telling = telling_images(truth[truth["image"].isin(by_name)], detections, methods, most) if len(detections) else []
    evenly = [pairs[index * len(pairs) // most] for index in range(min(most, len(pairs)))]
    return [by_name[name] for name in telling] or evenly


def _panel(pair: Pair, condition: Condition, detections: pd.DataFrame, bench: Bench, titles: dict[str, str]):
    seen = seen_sources(pair, condition, bench)
    images: dict[str, np.ndarray] = {"ir": seen.ir_u8, "vis": seen.vis_u8}
    for name in bench.setup.suite.methods:
        if name not in images:
            images[name] = fuse_seen(name, pair, condition, seen, bench)[0]
    columns = ["class", "score", "x", "y", "w", "h"]
    found = {
        name: [Detection(*row) for row in detections.loc[detections["method"] == name, columns].itertuples(index=False)]
        for name in images
        if bench.setup.suite.detector and name in bench.setup.suite.methods
    }
    what = "clean" if condition == CLEAN else f"{FACTORS[condition.factor].title}, severity {condition.severity}"
    title = f"{bench.setup.dataset} {pair.image}: {what}"
    shown = {"ir": "Infrared", "vis": "Visible"} | titles
    return draw_panel(images, found, boxes=pair.boxes if found else None, titles=shown, title=title)
