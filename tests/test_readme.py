"""The tables of the README are made from the cards; this test says how to renew them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cli.list import as_markdown, cards_of

README = Path(__file__).parents[1] / "README.md"
COLUMNS = {
    "datasets": ("name", "title", "description", "size", "licence", "layout"),
    "methods": ("name", "title", "kind", "year", "venue", "parameters", "licence"),
    "factors": ("name", "title", "modalities", "parameter", "unit", "severities"),
}


def renewed(text: str, kind: str) -> str:
    table = as_markdown(cards_of(kind), COLUMNS[kind])
    return re.sub(rf"(<!-- {kind} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


@pytest.mark.parametrize("kind", COLUMNS)
def test_readme_tables_are_those_of_the_cards(kind: str) -> None:
    text = README.read_text()
    assert renewed(text, kind) == text, "renew the tables: python -m tests.test_readme"


if __name__ == "__main__":
    page = README.read_text()
    for name in COLUMNS:
        page = renewed(page, name)
    README.write_text(page)
