"""What the sections of a report share: the run they tell of, and how a frame becomes a table or a curve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from bench.datasets.clusters import scene_clusters
from bench.plan import CLEAN, conditions, factors_of, hits
from bench.report.curves import MOST_BANDS
from bench.report.drawing import Drawing
from bench.report.summary import CONDITION, UNFUSED, curve_points
from bench.report.tables import Column, Direction, Table, markdown
from bench.run.record import RunRecord
from bench.statistics.basis import Basis, common_basis
from bench.statistics.clusters import FEWEST_CLUSTERS
from bench.suite import Suite
from degradation.factor import Factor
from degradation.mixed_condition import MixedCondition
from tsdm_bench.words import counted

GROUPS = {"source": "Sources", "classical": "Classical", "learned": "Learned", "external": "External"}
GROUPS[UNFUSED] = "Both images, not fused"
OURS = "Ours"
"""Heading of the methods that this project trained; they stand last in a table."""
TRAINED_HERE = "†"
"""Behind the title of a method whose weights were trained on pairs of the dataset of the run."""


@dataclass(frozen=True)
class Curve:
    """One quantity against severity, as it is drawn in a file and on the page."""

    name: str
    """Of the files, without a suffix."""
    heading: str
    """Short, for a list to choose from."""
    title: str
    label: str
    """Of the vertical axis."""
    direction: Direction
    points: pd.DataFrame
    """Columns factor (its title), severity, modality, method, mean, low, high; clean points repeated per factor."""
    titles: dict[str, str]
    """Names of the methods for the reader."""
    main: bool = False
    """Whether it is among the few that a paper prints: it is drawn for one column as well."""
    pooled: pd.DataFrame | None = None
    """Columns severity, method, mean, low, high: the mean over the factors, where its intervals are worth a panel per
    method."""
    pooled_title: str = ""


@dataclass
class Section:
    """One part of the page and one family of files."""

    name: str
    heading: str
    tidy: pd.DataFrame
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    """Figures that are no curves, in the folder of curves as well."""
    figures: list[Path] = field(default_factory=list)
    """The PNG files of both."""
    pictures: list[Path] = field(default_factory=list)
    """PNG files made of stored images."""

    @property
    def markdown(self) -> str:
        """Its tables for a reader of text."""
        return f"## {self.heading}\n\n" + "\n".join(markdown(table) for table in self.tables)


@dataclass(frozen=True)
class Run:
    """What the sections need to know of their run."""

    record: RunRecord
    titles: dict[str, str]
    """Names of the methods for the reader, no two alike."""
    factors: dict[str, str]
    """Names of the factors for the reader, no two alike."""
    sources: frozenset[str]
    """What fusing has to beat: methods that show one source, or give the detector both. They compete in no ranking."""
    unfused: tuple[str, ...]
    """Those that give the detector both images: they make no fused image."""
    basis: Basis
    """The pairs and conditions that all numbers rest on."""
    clusters: int
    """Scene clusters of those pairs."""
    shown: frozenset[str]
    """Methods that have results on the basis."""
    done: int
    """Results (pair × condition × method) that the run has."""
    planned: int
    """Results that its suite asks for."""

    @property
    def suite(self) -> Suite:
        """What was asked."""
        return self.record.suite

    @property
    def pairs(self) -> int:
        """How many pairs the numbers rest on."""
        return len(self.basis.images)

    @property
    def degraded(self) -> int:
        """How many degraded conditions the numbers rest on."""
        return len(self.basis.conditions - {CLEAN})

    @property
    def groups(self) -> dict[str, str]:
        """Method → the heading that it stands under, in the order of tables."""
        facts = self.record.methods
        groups = {name: OURS if facts[name].ours else GROUPS[facts[name].kind] for name in self.suite.methods}
        order = [*GROUPS.values(), OURS]
        return dict(sorted(groups.items(), key=lambda item: order.index(item[1])))

    @property
    def incomplete(self) -> str:
        """``INCOMPLETE k of N`` for an unfinished run, empty for a finished one."""
        return incomplete(self.done, self.planned)


def describe(record: RunRecord, rows: pd.DataFrame, pairs: pd.DataFrame) -> Run:
    """The run whose selected ``rows`` (or cells, :func:`bench.report.summary.computed`) and ``pairs`` these are."""
    suite = record.suite
    titles = {
        name: method.title + (f" {TRAINED_HERE}" if record.dataset.name in method.trained_on else "")
        for name, method in record.methods.items()
    }
    sources = frozenset(name for name, method in record.methods.items() if method.kind in ("source", UNFUSED))
    unfused = tuple(name for name in suite.methods if record.methods[name].kind == UNFUSED)
    cells = rows[["image", *CONDITION, "method"]].drop_duplicates()
    basis = common_basis(cells, [name for name in suite.methods if name not in sources])
    known = pairs[pairs["image"].isin(basis.images)]
    clusters = len(set(scene_clusters(known["image"].tolist(), known["scene"].tolist())))
    planned = len(pairs) * len(conditions(suite)) * len(suite.methods)
    factors = distinct({name: _title_of_factor(factor, suite) for name, factor in factors_of(suite).items()})
    shown = frozenset(basis.of(cells)["method"])
    return Run(record, distinct(titles), factors, sources, unfused, basis, clusters, shown, len(cells), planned)


def _title_of_factor(factor: Factor | MixedCondition, suite: Suite) -> str:
    """Its title; where one image alone is hit by it, and the suite does not hit that image by all, with the image."""
    hit = hits(suite).get(factor.name, ())
    told = isinstance(factor, MixedCondition) or len(factor.modalities) == 1 or len(hit) != 1
    return factor.title if told or hit[0] in suite.modalities else f"{factor.title} ({hit[0]})"


def incomplete(done: int, planned: int) -> str:
    """``INCOMPLETE k of N`` where results are missing or failed, else nothing."""
    return f"INCOMPLETE {done} of {planned}" if done < planned else ""


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """``titles`` by name; where two are alike, each with its name behind.

    >>> distinct({"gff": "GFF", "GFF": "GFF", "adf": "ADF"})
    {'gff': 'GFF (gff)', 'GFF': 'GFF (GFF)', 'adf': 'ADF'}
    """
    times = Counter(titles.values())
    told = {name: title if times[title] == 1 else f"{title} ({name})" for name, title in titles.items()}
    return told if len(set(told.values())) == len(told) else {name: f"{name}: {title}" for name, title in told.items()}


def interval_note(clusters: int, what: str = "95 % intervals") -> str:
    """What the intervals of a table rest on, or why it has none."""
    if clusters < FEWEST_CLUSTERS:
        return f"No {what}: n too small ({counted(clusters, 'cluster')})."
    return f"{what[:1].upper()}{what[1:]} over resampled scenes ({counted(clusters, 'cluster')})."


def table(
    title: str,
    note: str,
    wide: pd.DataFrame,
    columns: list[Column],
    run: Run,
    unranked: Iterable[str] = (),
    *,
    of_images: bool = True,
) -> Table:
    """A table of methods by their groups, in the order of the suite, under the titles of their cards.

    Where its numbers are ``of_images``, the note ends with what the cards of the methods warn of.
    """
    methods = [name for name in run.groups if name in wide.index]
    wide = wide.reindex(methods).rename(index=run.titles)
    if any(TRAINED_HERE in name for name in wide.index):
        note += f" {TRAINED_HERE}: trained on pairs of this dataset."
    warnings = dict.fromkeys(run.record.methods[name].warning for name in methods if of_images)
    note = " ".join(filter(None, [note, *warnings]))
    groups = {run.titles[name]: run.groups[name] for name in methods}
    sources = frozenset(run.titles[name] for name in unranked)
    return Table(labelled(title, run), note, wide, columns, sources, groups=groups)


def detector_name(run: Run) -> str:
    """The detector and the protocol, without which no mAP means anything."""
    facts = run.record.detector_facts
    return f"{facts.name}, protocol {facts.protocol}"


def labelled(title: str, run: Run) -> str:
    """What must be known of a run stands wherever its numbers do: a table or curve may leave its page."""
    title = f"{title} (synthetic scenes)" if run.record.dataset.synthetic else title
    return f"{run.incomplete}: {title}" if run.incomplete else title


def add_curve(
    scores: pd.DataFrame,
    run: Run,
    name: str,
    title: str,
    label: str,
    direction: Direction,
    section: Section,
    pairs: int,
    clusters: int,
    pooled: pd.DataFrame | None = None,
) -> None:
    """Add the curves of one quantity; points over fewer than ``pairs`` pairs (column n) are left out.

    ``clusters`` are those of the pairs: the bands rest on them. ``pooled`` is the mean over the factors with its
    intervals: it is drawn with a panel per method where there are too many for bands, and intervals are known.
    """
    points = curve_points(scores, run.suite)
    wanted = points[[*CONDITION]].drop_duplicates().groupby("modality").size()
    points = points[points["n"] == pairs]
    if points["severity"].nunique() < 2:
        return
    several = len(run.suite.modalities) > 1
    keys = zip(points["factor"], points["modality"], strict=True)
    heads = [run.factors[factor] if several else factor_title((factor, modality), run) for factor, modality in keys]
    points = points.assign(factor=heads)
    for modality, group in points.groupby("modality", sort=False) if several else [("", points)]:
        shown = labelled(f"{title} ({modality} degraded)" if several else title, run)
        if group["method"].nunique() <= MOST_BANDS:
            shown += f". {interval_note(clusters, '95 % bands')[:-1]}"
        number = group.groupby("method").size()
        part = number[number < (wanted[modality] if several else wanted.sum())].index
        titles = run.titles | {method: f"{run.titles[method]} (incomplete)" for method in part}
        of, heading = (f"{name}-{modality}", f"{label}, {modality} degraded") if several else (name, label)
        curve = Curve(of, heading, shown, label, direction, group, titles, main=pooled is not None)
        if (
            pooled is not None
            and not several
            and group["method"].nunique() > MOST_BANDS
            and clusters >= FEWEST_CLUSTERS
        ):
            over = f"{title}, mean over {counted(points['factor'].nunique(), 'factor')}"
            shown = f"{labelled(over, run)}. {interval_note(clusters, '95 % bands')[:-1]}; the others in grey"
            complete = pooled[pooled["method"].isin(number[number == number.max()].index)]
            curve = replace(curve, pooled=complete, pooled_title=shown)
        section.curves.append(curve)


def per_factor(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Methods × (factor, modality), in the order of the rows."""
    keys = list(zip(frame["factor"], frame["modality"], strict=True))
    places = {of: place for place, of in enumerate(dict.fromkeys(keys))}
    wide = frame.assign(place=[places[of] for of in keys]).pivot(index="method", columns="place", values=key)
    return wide.set_axis(pd.Index(list(places), tupleize_cols=False), axis=1)


def factor_title(key: tuple[str, str], run: Run) -> str:
    """Title of a factor, with the modality that was hit where the run hit several by it."""
    factor, modality = key
    return run.factors[factor] + (f" ({modality})" if len(hits(run.suite)[factor]) > 1 else "")
