"""How results show in a notebook: tables in their own style, and curves as pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report.escape import html_text
from bench.report.tables import Table, as_html

STYLE = (
    "<style>.tsdm-bench table{border-collapse:collapse;font-size:90%;margin:.3em 0}"
    ".tsdm-bench th,.tsdm-bench td{padding:.15em .6em;text-align:right;white-space:nowrap}"
    ".tsdm-bench tbody th{text-align:left;font-weight:normal}.tsdm-bench tr.source{opacity:.65}"
    ".tsdm-bench small{opacity:.7}.tsdm-bench p{margin:.2em 0}.tsdm-bench summary{cursor:pointer}</style>"
)


@dataclass(frozen=True)
class Picture:
    """A PNG file that a notebook shows where it is the value of a cell."""

    path: Path

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


def shown(heading: str, lines: Iterable[str], tables: Sequence[Table]) -> str:
    """HTML of a heading, lines that a reader should know, and tables; of several, all but the first are folded."""
    parts = [f"<p><b>{html_text(heading)}</b></p>", *(f"<p>{html_text(line)}</p>" for line in lines)]
    for index, table in enumerate(tables):
        body = f"{as_html(table)}<p><small>{html_text(table.caption)}</small></p>"
        title = html_text(table.title)
        if len(tables) == 1:
            parts.append(body)
        else:
            parts.append(f"<details{' open' * (index == 0)}><summary>{title}</summary>{body}</details>")
    return f'{STYLE}<div class="tsdm-bench">{"".join(parts)}</div>'
