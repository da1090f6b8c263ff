"""The page of a comparison of runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.page import render, table_view
from bench.report.page.findings import Finding
from bench.report.tables import Table


def comparison_page(
    names: Sequence[str],
    quantities: Sequence[Table],
    differences: Sequence[Table],
    findings: Sequence[Finding],
    notes: Sequence[str],
) -> str:
    """One self-contained HTML page: what changed, the paired differences, and every quantity side by side."""
    parts = (("differences", "Paired differences", differences), ("quantities", "Side by side", quantities))
    sections = [
        {
            "name": name,
            "heading": heading,
            "tables": [table_view(table, f"{name}-{place}") for place, table in enumerate(tables, start=1)],
        }
        for name, heading, tables in parts
        if tables
    ]
    return render(
        title=" · ".join(names),
        subtitle="runs side by side, on the pairs and conditions that their methods have in common",
        sections=sections,
        findings=findings,
        notes=notes,
        problems={},
        left_out={},
    )
