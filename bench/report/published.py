"""The report of a published run: tables, main curves, and a page that a code host shows with the folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.datasets import DATASETS
from bench.report import drawings_of
from bench.report.curves import ONE_COLUMN
from bench.report.drawing import NOTES, Drawing, draw_all
from bench.report.escape import markdown_text
from bench.report.layout import Run
from bench.report.page import facts
from bench.report.page.findings import Finding, findings
from bench.report.parts import Parts
from bench.report.robustness import main_table
from bench.report.tables import markdown
from bench.run.objects import STATEMENT, TRUTH
from bench.run.record import RunRecord
from bench.run.store import RunFolder
from tsdm_bench.files import write_csv, write_text
from tsdm_bench.places import DATA_VARIABLE
from tsdm_bench.words import counted

PAGE = "README.md"
MAIN, END = "<!-- main -->", "<!-- end of main -->"
"""Around the part of the page that the README of the project repeats."""
NOTHING = ("Not measured", "Too few objects to say")
"""Answers that find nothing."""
ORDER = ("detection", "robustness", "ranking", "diagnosis")
"""Sections in the order in which their findings are told."""
TOLD = 3
"""Findings of the page."""
ADDED = ("index.html", "comparison.html", "export/", "figures/", "tables/*.bib", "tables/*.tex")
"""What other commands write into a run folder, beside curves that are not the main ones: git leaves it alone."""
THUMBNAIL = 260
"""Width in pixels."""


def write_short_report(folder: RunFolder, parts: Parts, *, draw: bool = True) -> None:
    """Write ``tables/*.{csv,md}``, the main curves and the page of a published folder.

    ``draw=False`` leaves the curves out; the page is the same.
    """
    drawings = list(_main_drawings(parts, folder.path / "curves"))
    for section in parts.sections:
        place = folder.path / "tables" / section.name
        if section.tables:
            write_text(place.with_suffix(".md"), section.markdown)
        if not section.tidy.empty:
            write_csv(place.with_suffix(".csv"), section.tidy)
    if draw:
        draw_all(drawings)
        (folder.path / "curves" / NOTES).unlink(missing_ok=True)
    write_text(folder.path / PAGE, _page(folder, parts, drawings))
    kept = [f"!curves/{file.name}" for drawing in drawings for file in drawing.files]
    write_text(folder.path / ".gitignore", "\n".join([*ADDED, "curves/*", *kept]) + "\n")


def main_part(page: str, folder: str) -> str:
    """The main part of the page of a published folder, its links as they are seen from where ``folder`` is.

    >>> main_part("<!-- main -->![c](curves/a.png)<!-- end of main -->", "results/published/tno")
    '![c](results/published/tno/curves/a.png)'
    """
    part = page.partition(MAIN)[2].partition(END)[0].strip()
    return part.replace("](curves/", f"]({folder}/curves/").replace("](run.json)", f"]({folder}/run.json)")


def _main_drawings(parts: Parts, place: Path) -> Iterator[Drawing]:
    """The curves that a paper prints, and figures that are no curves, as PNG alone."""
    for section in parts.sections:
        main = replace(section, curves=[curve for curve in section.curves if curve.main])
        for drawing in drawings_of(main, parts.run, place):
            if drawing.arguments.get("width") != ONE_COLUMN:
                yield replace(drawing, endings=(".png",))


def _page(folder: RunFolder, parts: Parts, drawings: list[Drawing]) -> str:
    run, record = parts.run, parts.run.record
    title = markdown_text(run.suite.title or run.suite.name)
    names = [drawing.files[0].name for drawing in drawings]
    blocks = [f"# {title}", MAIN, *_main(parts, names), END, "## All that is here", _contents(folder)]
    if names:
        blocks += ["## Curves", "\n".join(map(_thumbnail, names))]
    lines = {name: text for name, text in facts(run).items() if text} | _provenance(record) | _objects(folder)
    table = ["| | |", "|---|---|", *(f"| {name} | {markdown_text(text)} |" for name, text in lines.items())]
    return "\n\n".join([*blocks, "## How it was made", "\n".join(table)]) + "\n"


def _thumbnail(name: str) -> str:
    place = f"curves/{name}"
    return f'<a href="{place}"><img src="{place}" alt="{name}" width="{THUMBNAIL}"></a>'


def _main(parts: Parts, names: list[str]) -> list[str]:
    run = parts.run
    found = findings(parts.sections, parts.precision, run)
    blocks = ["\n".join(f"* {_sentence(finding)}" for finding in _chosen(found))]
    shown = [name for name in names if name.startswith(("map50", "vif"))] or names
    if shown:
        blocks.append(f"![{markdown_text(_caption(run))}](curves/{shown[0]})")
    robustness = next((section for section in parts.sections if section.name == "robustness"), None)
    table = main_table(robustness.tidy, parts.precision, run) if robustness else None
    if table is not None:
        blocks.append(markdown(table).partition("\n\n")[2].strip())
    return [*blocks, _made(run.record)]


def _chosen(found: list[Finding]) -> list[Finding]:
    """The findings that a reader should know first."""
    known = [finding for finding in found if finding.answer not in NOTHING]
    return sorted(known, key=lambda finding: ORDER.index(finding.section))[:TOLD]


def _sentence(finding: Finding) -> str:
    question, answer, rest = map(markdown_text, (finding.question, finding.answer, f"{finding.text} {finding.sure}"))
    return f"**{question.removesuffix('?')}: {answer}.** {rest.strip()}"


def _caption(run: Run) -> str:
    return f"{run.record.dataset.title}: {counted(run.pairs, 'pair')}, {counted(len(run.shown), 'method')}"


def _made(record: RunRecord) -> str:
    """When and by what the numbers were made."""
    last = record.parts[-1]
    commits = ", ".join(dict.fromkeys(part.commit[:12] for part in record.parts if part.commit))
    made = f"Computed {last.date[:10]} at commit {commits or 'unknown'} by `{_command(record)}` ([record](run.json))."
    detector = record.suite.detector
    return made if detector is None else f"{made} AP counts detections of a score of at least {detector.confidence:g}."


def _command(record: RunRecord) -> str:
    return shlex.join(record.parts[-1].command).replace("`", "'")


def _contents(folder: RunFolder) -> str:
    """What lies in the folder, and how it is repeated."""
    place = f"results/published/{folder.path.name}"
    stated = folder.objects.statement is not None
    lines = [
        "* [`tables/`](tables): all tables, as CSV in full precision and as Markdown.",
        "* [`run.json`](run.json): the record, with an identity of everything that decides a row; `rows/`, "
        f"`detections/`, `pairs.parquet` and `{STATEMENT if stated else TRUTH}`: what the tables are made of.",
        f"* `python run_bench.py report {place}` makes the whole report from them; `compare` and `export` read it.",
        f"* `make published SUITE={folder.path.name}` repeats it from the record; `git diff` shows what differs.",
    ]
    if stated:
        lines.append(
            f"* The labelled boxes belong to the dataset and are not here: [`{STATEMENT}`]({STATEMENT}) states their "
            f"number and their checksum. `report`, `compare` and `export` read them where the dataset is "
            f"(`--data-root`, `{DATA_VARIABLE}`), and leave average precision out where it is not."
        )
    return "\n".join(lines)


def _provenance(record: RunRecord) -> dict[str, str]:
    part = record.parts[-1]
    card = DATASETS.get(record.dataset.name)
    commands = "; ".join(dict.fromkeys(shlex.join(part.command) for part in record.parts))
    return {
        "date": ", ".join(dict.fromkeys(part.date[:10] for part in record.parts)),
        "command": commands,
        "machine": ", ".join(filter(None, [part.processor, counted(part.cores, "core"), part.platform])),
        "dataset": f"{record.dataset.title}; licence: {card.licence}" if card else record.dataset.title,
        "images": "none of the dataset is here",
    }


def _objects(folder: RunFolder) -> dict[str, str]:
    """What is stated of boxes that are not here."""
    statement = folder.objects.statement
    if statement is None:
        return {}
    numbers = ", ".join(f"{name} {number}" for name, number in statement.objects.items())
    ignored = sum(statement.difficult.values())
    also = f", and {ignored} that count neither way" if ignored else ""
    return {"boxes": f"none of the dataset is here; of its objects {numbers}{also} (sha256 {statement.sha256[:12]}…)"}
