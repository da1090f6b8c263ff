"""The report page: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from bench.cell.rows import Failure
from bench.report.tables import Table, as_html

OPEN_CURVES = ("map50", "map50-95", "vif-clean", "qabf-clean")
"""Curves that the page shows at once; the others unfold on a click."""


@dataclass
class Section:
    """One part of the page and one family of files."""

    name: str
    heading: str
    tidy: pd.DataFrame
    tables: list[Table] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)


def write_page(
    info: dict, sections: Sequence[Section], failures: Sequence[Failure], pictures: Sequence[Path] = ()
) -> str:
    """The report as one self-contained HTML page: tables, curves and pictures as embedded PNG, and what the run was."""
    suite = info["suite"]
    template = jinja2.Environment(autoescape=True).from_string(files("bench.report").joinpath("page.html").read_text())
    return template.render(
        title=suite["title"] or suite["name"],
        subtitle=f"{info['dataset']['title']} · {info['pairs']['count']} pairs · {len(suite['methods'])} methods · "
        f"{len(suite['factors'])} factors · seed {suite['seed']} · {info['date']}",
        synthetic=info["dataset"]["synthetic"],
        failures=[f"{failure.image} {failure.method}: {failure.error}" for failure in failures],
        left_out=info["left_out"],
        trained_here=", ".join(
            of["title"]
            for name in suite["methods"]
            if info["dataset"]["name"] in (of := info["methods"][name]).get("trained_on", ())
        ),
        sections=[_view(section) for section in sections],
        pictures=[_picture(path) for path in pictures],
        facts=_facts(info),
    )


def _view(section: Section) -> dict:
    figures = [_picture(path) | {"open": path.stem in OPEN_CURVES} for path in section.figures]
    tables = [{"title": table.title, "note": table.note, "body": as_html(table)} for table in section.tables]
    return {"name": section.name, "heading": section.heading, "tables": tables, "figures": figures}


def _picture(path: Path) -> dict:
    return {"alt": path.stem, "data": base64.b64encode(path.read_bytes()).decode()}


def _facts(info: dict) -> dict[str, str]:
    suite = info["suite"]
    facts = {
        "suite": suite["name"],
        "dataset": info["dataset"]["title"],
        "pairs": f"{info['pairs']['count']} (sha256 of the list {info['pairs']['sha256'][:12]}…)",
        "metrics": ", ".join(info["metrics"]),
        "severities": ", ".join(map(str, suite["severities"])),
        "degraded modality": ", ".join(suite["modalities"]),
        "seed": str(suite["seed"]),
        "device": f"{info['device']} {info['machine']['gpu']}".strip() + f", {info['machine']['cores']} cores",
        "computing time": f"{info['seconds'] / 60:.1f} min",
        "code": info["commit"][:12] or "not under version control",
        "versions": ", ".join(f"{name} {number}" for name, number in info["versions"].items() if number),
    }
    if "detector" in info:
        facts["detector"] = f"{info['detector']['name']} (sha256 {info['detector']['sha256'][:12]}…)"
    return facts
