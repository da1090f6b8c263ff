"""The page of a leaderboard: a table per setting, that sorts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.leaderboard import Entry, Setting
from bench.metrics import METRICS
from bench.plan import CLEAN
from bench.report.layout import OURS, TRAINED_HERE, distinct
from bench.report.page import render, table_view
from bench.report.robustness import ROBUSTNESS_METRICS
from bench.report.tables import Column, Direction, Table
from tsdm_bench.words import counted

MOST = 2
"""Means of average precision that are shown."""
PARTS = {"degraded": "mPC", "clean": "P"}
"""Fields of a score, and what a table calls them."""


def leaderboard_page(entries: Sequence[Entry]) -> str:
    """One self-contained HTML page: the entries of every setting in a table of their own, the largest first."""
    settings: dict[str, list[Entry]] = {}
    for entry in entries:
        settings.setdefault(entry.setting.identity, []).append(entry)
    tables = [setting_table(of) for of in sorted(settings.values(), key=lambda of: (-len(of), of[0].file))]
    sections = [
        {"name": f"setting-{place}", "heading": _suite(of), "tables": [_view(table, of)]}
        for place, (table, of) in enumerate(tables, start=1)
    ]
    methods = {entry.method.identity for entry in entries}
    return render(
        title="Leaderboard",
        subtitle=f"{counted(len(methods), 'method')} in {counted(len(settings), 'setting')}; results sent by pull "
        f"request, each checked against its form; a table holds what was measured on the same pairs under the same "
        f"conditions by the same definitions",
        sections=sections,
        problems={},
        left_out={},
    )


def setting_table(entries: Sequence[Entry]) -> tuple[Table, dict[str, Entry]]:
    """The table of one setting, best first, and the entry behind each of its rows."""
    setting = entries[0].setting
    titles = distinct({entry.name: _title(entry) for entry in entries})
    wanted = _wanted(entries)
    order = sorted(entries, key=lambda entry: _rank(entry, wanted))
    frame = pd.DataFrame(index=[titles[entry.name] for entry in order])
    columns = []
    for quantity, reference in wanted:
        scores = [entry.score(quantity, reference) for entry in order]
        head, direction = _head(quantity, reference)
        for field, word in PARTS.items():
            key = f"{quantity} {reference} {field}"
            frame[key] = [None if score is None else getattr(score, field) for score in scores]
            frame[key] = frame[key].astype(float)
            bounds = None
            if (quantity, reference) == wanted[0] and field == "degraded":
                bounds = (f"{key} low", f"{key} high")
                intervals = [score.interval if score and score.interval else (math.nan, math.nan) for score in scores]
                frame[list(bounds)] = intervals
            columns.append(Column(key, f"{head} ({word})", direction, 3, bounds))
    sources = frozenset(titles[entry.name] for entry in entries if entry.method.kind == "source")
    degraded = counted(len(setting.conditions) - 1, "degraded condition")
    title = f"{counted(setting.pairs, 'pair')}, {degraded}, {counted(len(entries), 'method')}"
    table = Table(title, _note(setting, titles), frame, columns, sources)
    return table, {titles[entry.name]: entry for entry in order}


def _suite(of: dict[str, Entry]) -> str:
    first = next(iter(of.values()))
    return first.title or first.suite


def _wanted(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """The quantities that are shown: of detection, then the fusion metrics of the robustness tables."""
    there = dict.fromkeys((score.quantity, score.reference) for entry in entries for score in entry.scores)
    of_detection = [key for key in there if key[0] not in METRICS][:MOST]
    metrics = [(name, "clean") for name in ROBUSTNESS_METRICS if (name, "clean") in there]
    return [*of_detection, *metrics] or list(there)


def _rank(entry: Entry, wanted: Sequence[tuple[str, str]]) -> float:
    """By the first quantity under degradation, the best first; what lacks it last."""
    score = entry.score(*wanted[0])
    if score is None or score.degraded is None:
        return float("inf")
    return score.degraded if _head(*wanted[0])[1] == "lower" else -score.degraded


def _head(quantity: str, reference: str) -> tuple[str, Direction]:
    if quantity not in METRICS:
        return quantity, "higher"
    symbol = METRICS[quantity].symbol
    return (symbol if reference in ("none", "clean") else f"{symbol} ({reference})"), METRICS[quantity].direction


def _title(entry: Entry) -> str:
    trained = f" {TRAINED_HERE}" if entry.setting.dataset.name in entry.method.trained_on else ""
    return f"{entry.method.title}{trained}"


def _note(setting: Setting, titles: dict[str, str]) -> str:
    degraded = [condition for condition in setting.conditions if condition != CLEAN]
    factors = ", ".join(dict.fromkeys(condition.factor for condition in degraded))
    severities = ", ".join(str(severity) for severity in sorted({condition.severity for condition in degraded}))
    modalities = ", ".join(dict.fromkeys(condition.modality for condition in degraded))
    note = (
        f"{setting.dataset.title}, {counted(setting.pairs, 'pair')} (content {setting.content}). P: clean pairs; mPC: "
        f"mean over {factors} at severities {severities} ({modalities} degraded), seed {setting.seed}. Full-reference "
        f"metrics compare with the clean pair. Source images alone are not ranked."
    )
    if setting.detector:
        found = setting.detector
        note += (
            f" Detector {found.name}, protocol {found.protocol}, scores from {found.confidence}; classes with at least "
            f"{setting.fewest_objects} objects."
        )
    if any(TRAINED_HERE in title for title in titles.values()):
        note += f" {TRAINED_HERE}: trained on pairs of this dataset."
    return f"{note} Setting {setting.identity}."


def _view(table: Table, entries: dict[str, Entry]) -> dict[str, Any]:
    return table_view(table, "leaderboard", names={title: _of(entry) for title, entry in entries.items()})


def _of(entry: Entry) -> str:
    """Where a row comes from, for its tooltip."""
    method, last = entry.method, entry.parts[-1]
    weights = f", weights {', '.join(sorted(method.weights))}" if method.weights else ""
    ours = f", {OURS.lower()}" if method.ours else ""
    return (
        f"{entry.name}: {method.kind}{ours}, version {method.version}{weights}. Computed {last.date[:10]} at commit "
        f"{last.commit[:12]} on {last.processor or last.platform} ({last.device}). Rows {entry.rows[:12]}, "
        f"record {entry.record[:12]}. {entry.file}"
    )
