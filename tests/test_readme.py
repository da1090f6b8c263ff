"""The tables of the README are made from the cards and from a published run; this test says how to renew them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cli.list import cards_of
from bench.columns import as_markdown
from bench.report.published import PAGE, main_part

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
IN_THE_TREE = re.compile(r"\b(?:bench|benchmarks|degradation|detectors|docs|fusion|tests|tsdm_bench)/[\w./-]*\w")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
COLUMNS = {
    "datasets": ("name", "title", "description", "size", "licence", "layout"),
    "methods": ("name", "title", "kind", "year", "venue", "parameters", "licence"),
    "factors": ("name", "title", "modalities", "parameter", "unit", "severities"),
}


def renewed(text: str, kind: str) -> str:
    table = as_markdown(cards_of(kind), COLUMNS[kind])
    return re.sub(rf"(<!-- {kind} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


PUBLISHED = re.compile(r"(<!-- published ([\w./-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
"""What was found: the main part of the page of a published folder, which is named in front."""


def told_again(text: str) -> str:
    def told(found: re.Match[str]) -> str:
        part = main_part((ROOT / found[2] / PAGE).read_text(encoding="utf-8"), found[2])
        return f"{found[1]}{part}\n{found[3]}"

    return PUBLISHED.sub(told, text)


def test_readme_says_what_a_published_run_found() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(PUBLISHED.findall(text)) == 1
    assert told_again(text) == text, "renew what was found: python -m tests.test_readme"


@pytest.mark.parametrize("kind", COLUMNS)
def test_readme_tables_are_those_of_the_cards(kind: str) -> None:
    text = README.read_text()
    assert renewed(text, kind) == text, "renew the tables: python -m tests.test_readme"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    absent = [path for path in IN_THE_TREE.findall(text) if not (ROOT / path).exists()]
    absent += [path for path in LINK.findall(text) if not (page.parent / path).exists()]
    assert not absent


def test_pages_that_code_names_exist() -> None:
    rooms = ("bench", "degradation", "detectors", "fusion", "tsdm_bench", "benchmarks")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"docs/\w+\.md", path.read_text(encoding="utf-8"))}
    assert not [name for name in named if not (ROOT / name).exists()]


if __name__ == "__main__":
    page = README.read_text()
    for name in COLUMNS:
        page = renewed(page, name)
    README.write_text(told_again(page))
