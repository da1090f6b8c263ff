"""Tables of the page: what heads and methods mean, and each table as a CSV file."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping

from bench.metrics import METRICS
from bench.metrics.metric import Metric
from bench.report.flat import csv_of
from bench.report.layout import Run
from bench.report.tables import Column, Table, as_html
from detectors.evaluation import DEFINITION_NAMES
from detectors.evaluation.definitions import DEFINITIONS

TERMS = {
    "P (clean)": "Performance on clean pairs (Michaelis et al. 2019).",
    "mPC": "Mean performance under degradation: over all factors, and over the severities from 1 that were run.",
    "rPC": "Relative performance under degradation: mPC / P. 1: nothing is lost.",
    "fusion gain": "What the method has more than the better single source under the same condition.",
    "mAP50": "Mean over the classes of average precision, where a detection counts from an overlap (IoU) of 0.5 on.",
    "mAP75": "Mean over the classes of average precision at an overlap (IoU) of 0.75.",
    "mAP50:95": "Mean over the classes and over the overlaps (IoU) 0.50, 0.55 … 0.95 of average precision, as in COCO.",
    "mAP50_pooled": "Average precision of the detections of all classes together, each matched within its class.",
    "p": "Bootstrap probability that there is no difference, corrected for the number of comparisons (Holm).",
    "parameters (thousands)": "Learned numbers of the network.",
}
BETTER = {"higher": "Higher is better.", "lower": "Lower is better.", "zero": "Nearer to zero is better.", "": ""}


def html_table(table: Table, run: Run | None = None, names: Mapping[str, str] | None = None) -> str:
    """A ``<table>`` whose heads carry their definitions, and so do its methods: those of ``run``, or ``names``."""
    heads = {column.head: _definition(column) for column in table.columns}
    names = {run.titles[name]: _of_method(name, run) for name in run.suite.methods} if run else names
    return as_html(table, heads, names)


def csv_address(table: Table) -> str:
    """The table as a CSV file, in an address that needs no server."""
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(csv_of(table).encode()).decode()}"


def _definition(column: Column) -> str:
    """What a head means, where a card or the list of terms says so."""
    metric = str(column.key).partition(" ")[0].partition("-")[0]
    if metric in METRICS and column.head.partition(" (")[0] == METRICS[metric].symbol:
        return of_metric(METRICS[metric])
    head, words = column.head, ""
    for name, definition in DEFINITIONS.items():
        if definition.suffix and head.endswith(definition.suffix):
            head, words = head.removesuffix(definition.suffix), f" AP {DEFINITION_NAMES[name]}."
    term = TERMS.get(head) or TERMS.get(head.partition("_")[0], "")
    if term:
        term += words
    return f"{term} {BETTER[column.direction]}".strip() if term else ""


def of_metric(card: Metric) -> str:
    """A metric in a few sentences: its name, id, unit, direction and formula."""
    low, high = ("−∞" if bound == -math.inf else "∞" if bound == math.inf else f"{bound:g}" for bound in card.range)
    unit = f" {card.unit}" if card.unit else ""
    return f"{card.title} (id {card.name}), {low} to {high}{unit}. {BETTER[card.direction]} {card.definition}"


def _of_method(name: str, run: Run) -> str:
    facts = run.record.methods[name]
    weights = f", weights {', '.join(sorted(facts.weights))}" if facts.weights else ""
    trained = " Trained on pairs of this dataset." if run.record.dataset.name in facts.trained_on else ""
    return f"{name}: {facts.kind}, version {facts.version}{weights}.{trained}"
