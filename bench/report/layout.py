"""What the sections of a report share: the run they tell of, and how a frame becomes a table or a curve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.report.curves import draw_curves, save
from bench.report.page import Section
from bench.report.summary import curve_points
from bench.report.tables import Column, Table
from bench.suite import Suite
from degradation.factor import FACTORS

TRAINED_HERE = "†"
"""Behind the title of a method whose weights were trained on pairs of the dataset of the run."""


@dataclass(frozen=True)
class Run:
    """What the sections need to know of their run."""

    info: dict
    suite: Suite
    titles: dict[str, str]
    """Names for the reader, of methods and factors."""
    sources: frozenset[str]
    """Methods that only show one source."""
    curves: Path


def describe(info: dict, curves: Path) -> Run:
    suite, methods = Suite(**info["suite"]), info["methods"]
    titles = {name: FACTORS[name].title for name in suite.factors}
    dataset = info["dataset"]["name"]
    for name, described in methods.items():
        seen = dataset in described.get("trained_on", ())
        titles[name] = described["title"] + (f" {TRAINED_HERE}" if seen else "")
    sources = frozenset(name for name, described in methods.items() if described["kind"] == "source")
    return Run(info, suite, titles, sources, curves)


def table(
    title: str,
    note: str,
    wide: pd.DataFrame,
    columns: list[Column],
    run: Run,
    unranked: Iterable[str] = (),
) -> Table:
    wide = wide.reindex([name for name in run.suite.methods if name in wide.index]).rename(index=run.titles)
    if any(TRAINED_HERE in name for name in wide.index):
        note += f" {TRAINED_HERE}: trained on pairs of this dataset."
    return Table(labelled(title, run), note, wide, columns, frozenset(run.titles[name] for name in unranked))


def detector_name(run: Run) -> str:
    """The detector and the protocol, without which no mAP means anything."""
    detector = run.info["detector"]
    return f"{detector['name']}, protocol {detector['protocol']}"


def labelled(title: str, run: Run) -> str:
    """Rendered scenes are called so wherever their numbers stand: a table or curve may leave its page."""
    return f"{title} (synthetic scenes)" if run.info["dataset"]["synthetic"] else title


def curve(
    scores: pd.DataFrame,
    run: Run,
    path: Path,
    title: str,
    label: str,
    direction: str,
    section: Section,
) -> None:
    points = curve_points(scores, run.suite)
    if points["severity"].nunique() < 2:
        return
    several = len(run.suite.modalities) > 1
    for modality, group in points.groupby("modality", sort=False) if several else [("", points)]:
        to = path.with_name(f"{path.name}-{modality}") if several else path
        shown = f"{title} ({modality} degraded)" if several else title
        save(draw_curves(group, title=labelled(shown, run), label=label, direction=direction, titles=run.titles), to)
        section.figures.append(to.with_suffix(".png"))


def per_factor(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Methods × (factor, modality), in the order of the rows."""
    keys = list(zip(frame["factor"], frame["modality"], strict=True))
    places = {of: place for place, of in enumerate(dict.fromkeys(keys))}
    wide = frame.assign(place=[places[of] for of in keys]).pivot(index="method", columns="place", values=key)
    return wide.set_axis(pd.Index(list(places), tupleize_cols=False), axis=1)


def factor_title(key: tuple[str, str], run: Run) -> str:
    factor, modality = key
    return run.titles[factor] + (f" ({modality})" if len(run.suite.modalities) > 1 else "")
