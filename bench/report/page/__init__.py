"""The report page: one HTML file that needs nothing beside it, and no network."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from bench.cell.rows import Failure
from bench.report.layout import Run, Section
from bench.report.page.curves import curve_data
from bench.report.page.findings import Finding
from bench.report.page.pictures import QUALITY
from bench.report.page.tables import csv_address, html_table
from bench.report.tables import Table
from tsdm_bench.errors import printable
from tsdm_bench.words import counted

LIBRARIES = {"datatables": ("itables", "html/dt_bundle.js"), "plotly": ("plotly", "package_data/plotly.min.js")}
"""Scripts of others, as their Python packages bring them; they are unpacked when what they serve comes near."""
PLACE = files("bench.report.page")
SCRIPTS = ("page.js", "curves.js", "pictures.js")


@dataclass(frozen=True)
class Contents:
    """What a page shows of a run."""

    sections: Sequence[Section]
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    problems: Mapping[str, str] | None = None
    """Why a part could not be made."""
    pictures: tuple[dict[str, Any], dict[str, str]] | None = None
    """Of :func:`bench.report.page.pictures.picture_data`."""


def write_page(run: Run, contents: Contents) -> str:
    """The report of a run as one self-contained HTML page; it loads nothing and text of the run is shown as it is."""
    record, suite = run.record, run.suite
    factors = {factor for factor, severity, _ in run.basis.conditions if severity}
    counts = [
        record.dataset.title,
        f"{counted(run.pairs, 'pair')} in {counted(run.clusters, 'scene cluster')}",
        counted(len(run.shown), "method"),
        counted(len(factors), "factor"),
        f"seed {suite.seed}",
        record.parts[-1].date if record.parts else "",
    ]
    return render(
        title=suite.title or suite.name,
        incomplete=run.incomplete,
        subtitle=" · ".join(filter(None, counts)),
        synthetic=record.dataset.synthetic,
        findings=contents.findings,
        failures=[f"{failure.image} {failure.method}: {failure.error}" for failure in contents.failures],
        problems=contents.problems or {},
        left_out=record.left_out,
        trained_here=", ".join(
            record.methods[name].title
            for name in suite.methods
            if record.dataset.name in record.methods[name].trained_on
        ),
        sections=[_view(section, run) for section in contents.sections],
        curves=curve_data(contents.sections, run),
        pictures=contents.pictures,
        facts=facts(run),
    )


def render(**fields: Any) -> str:
    """The template with its ``fields`` (those that are absent show nothing), styles and scripts."""
    environment = jinja2.Environment(autoescape=True, finalize=_shown)
    template = environment.from_string(_own("page.html"))
    scripts = [name for name in SCRIPTS if name == "page.js" or fields.get(name.removesuffix(".js"))]
    wanted = {"datatables": True, "plotly": bool(fields.get("curves"))}
    return template.render(
        style=_own("page.css"),
        scripts=[_own(name) for name in scripts],
        libraries={name: _packed(*LIBRARIES[name]) for name, is_wanted in wanted.items() if is_wanted},
        **fields,
    )


def table_view(
    table: Table, name: str, run: Run | None = None, names: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What the template shows of one table; ``name`` is that of its CSV file, ``names`` as for ``html_table``."""
    return {
        "title": table.title,
        "note": table.caption,
        "body": html_table(table, run, names),
        "csv": csv_address(table),
        "file": f"{name}.csv",
    }


def _view(section: Section, run: Run) -> dict[str, Any]:
    several = len(section.tables) > 1
    names = [f"{section.name}-{number}" if several else section.name for number in range(1, len(section.tables) + 1)]
    tables = [table_view(table, name, run) for table, name in zip(section.tables, names, strict=True)]
    overviews = [path for path in section.figures if path.stem in {drawing.path.stem for drawing in section.drawings}]
    figures = [_drawing(path) for path in overviews if path.is_file()]
    figures += [_photograph(path) for path in section.pictures if path.is_file()]
    return {"name": section.name, "heading": section.heading, "tables": tables, "figures": figures}


def _drawing(path: Path) -> dict[str, str]:
    return _figure(path.stem, "png", path.read_bytes())


def _photograph(path: Path) -> dict[str, str]:
    """Images with noise take a fifth of the bytes as WebP."""
    file = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(file, "WEBP", quality=QUALITY)
    return _figure(path.stem, "webp", file.getvalue())


def _figure(name: str, form: str, content: bytes) -> dict[str, str]:
    return {"alt": name, "address": f"data:image/{form};base64,{base64.b64encode(content).decode()}"}


def _shown(value: object) -> object:
    """Text from outside as it may stand on a page; what is HTML already stays as it is."""
    return printable(value) if type(value) is str else value


def _own(name: str) -> str:
    return PLACE.joinpath(name).read_text(encoding="utf-8")


@cache
def _packed(package: str, path: str) -> str:
    """A script of an installed package, compressed, as text that may stand within an element."""
    spec = find_spec(package)  # the package need not be imported
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the page needs the package {package}: pip install {package}")
    return base64.b64encode(gzip.compress((Path(spec.origin).parent / path).read_bytes(), mtime=0)).decode()


def facts(run: Run) -> dict[str, str]:
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
