"""The report page: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import jinja2

from bench.cell.rows import Failure
from bench.report.layout import Run, Section
from bench.report.tables import as_html
from tsdm_bench.errors import printable
from tsdm_bench.words import counted

OPEN_CURVES = ("map50", "map50-95", "map50_all", "vif-clean", "qabf-clean")
"""Curves that the page shows at once; the others unfold on a click."""


def write_page(
    run: Run,
    sections: Sequence[Section],
    failures: Sequence[Failure],
    problems: Mapping[str, str],
    pictures: Sequence[Path] = (),
) -> str:
    """The report as one self-contained HTML page: tables, curves and pictures as embedded PNG, and what the run was.

    ``problems`` says of parts that could not be made why not.
    """
    record, suite = run.record, run.suite
    environment = jinja2.Environment(autoescape=True, finalize=_shown)
    template = environment.from_string(files("bench.report").joinpath("page.html").read_text(encoding="utf-8"))
    factors = {factor for factor, severity, _ in run.basis.conditions if severity}
    counts = [
        record.dataset.title,
        f"{counted(run.pairs, 'pair')} in {counted(run.clusters, 'scene cluster')}",
        counted(len(run.shown), "method"),
        counted(len(factors), "factor"),
        f"seed {suite.seed}",
        record.parts[-1].date if record.parts else "",
    ]
    return template.render(
        title=suite.title or suite.name,
        incomplete=run.incomplete,
        subtitle=" · ".join(filter(None, counts)),
        synthetic=record.dataset.synthetic,
        failures=[f"{failure.image} {failure.method}: {failure.error}" for failure in failures],
        problems=problems,
        left_out=record.left_out,
        trained_here=", ".join(
            record.methods[name].title
            for name in suite.methods
            if record.dataset.name in record.methods[name].trained_on
        ),
        sections=[_view(section) for section in sections],
        pictures=[_picture(path) for path in pictures],
        facts=_facts(run),
    )


def _shown(value: object) -> object:
    """Text from outside as it may stand on a page; what is HTML already stays as it is."""
    return printable(value) if type(value) is str else value


def _view(section: Section) -> dict:
    figures = [_picture(path) | {"open": path.stem in OPEN_CURVES} for path in section.figures]
    tables = [{"title": table.title, "note": table.caption, "body": as_html(table)} for table in section.tables]
    return {"name": section.name, "heading": section.heading, "tables": tables, "figures": figures}


def _picture(path: Path) -> dict:
    return {"alt": path.stem, "data": base64.b64encode(path.read_bytes()).decode()}


def _facts(run: Run) -> dict[str, str]:
    """What the run was, as far as its record says."""
    record, suite = run.record, run.suite
    facts = {
        "suite": suite.name,
        "dataset": record.dataset.title,
        "pairs": f"{run.pairs} (content {record.content})" if record.pairs else str(run.pairs),
        "results": f"{run.done} of {run.planned} (pair × condition × method)",
        "metrics": ", ".join(record.metrics),
        "severities": ", ".join(map(str, suite.severities)),
        "degraded modality": ", ".join(suite.modalities),
        "seed": str(suite.seed),
        "computing time": f"{record.seconds / 60:.1f} min",
    }
    if record.parts:
        last = record.parts[-1]
        facts["device"] = f"{last.device} {last.gpu}".strip() + f", {last.cores} cores"
        facts["code"] = ", ".join(dict.fromkeys(part.commit[:12] for part in record.parts if part.commit))
        facts["code"] = facts["code"] or "not under version control"
        facts["versions"] = ", ".join(f"{name} {number}" for name, number in last.versions.items() if number)
    if record.detector:
        facts["detector"] = f"{record.detector.name} (sha256 {record.detector.sha256[:12]}…)"
    return facts
