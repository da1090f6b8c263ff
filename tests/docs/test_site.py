"""The site of the docs builds without a network, holds every page, and fetches nothing from elsewhere."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FETCHED = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?https?:|<link[^>]*\shref=[\"']?https?:")


class _Texts(yaml.SafeLoader):
    """Reads tags of Python as nothing."""


_Texts.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings_handlers.python")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    place = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.chdir(ROOT)
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(place), strict=True)
        level = logging.getLogger("mkdocs").level
        build(config)
        logging.getLogger("mkdocs").setLevel(level)
    return place


def test_every_page_is_in_the_menu() -> None:
    def pages(part: object) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [page for each in (part.values() if isinstance(part, dict) else part) for page in pages(each)]

    menu = pages(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Texts)["nav"])
    assert sorted(menu) == sorted([*map(str, PAGES), "notebook.md"])


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = {path.relative_to(site): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert {path.with_suffix(".html") for path in PAGES} < set(pages)
    assert not [page for page, html in pages.items() if FETCHED.search(html)]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_search_works_for_pages_that_are_read_from_the_disk(site: Path) -> None:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    wrong = []
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 800})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        page.goto((site / "api" / "bench.html").as_uri())
        page.get_by_placeholder("Search").fill("rPC")
        page.locator(".md-search-result__link[href*='detection.html']").first.wait_for()
        browser.close()
    assert wrong == []


def test_tables_are_those_of_the_cards_and_formulas_are_pictures(site: Path) -> None:
    assert "m3fd72" in (site / "datasets.html").read_text(encoding="utf-8")
    assert "tsdm_student" in (site / "methods.html").read_text(encoding="utf-8")
    metrics = (site / "metrics.html").read_text(encoding="utf-8")
    assert metrics.count('class="formula"') > 50
    assert not re.findall(r"\$[^$<\n]*\\[a-z]+[^$<\n]*\$", metrics)


def test_pages_of_functions_have_their_arguments_and_no_marks_of_another_tool(site: Path) -> None:
    run = (site / "api" / "bench.html").read_text(encoding="utf-8")
    assert "what is missing of it" in run
    assert "data_root" in run
    assert not [page.name for page in (site / "api").glob("*.html") if ":class:" in page.read_text(encoding="utf-8")]


def test_links_out_of_the_docs_are_no_dead_links(site: Path) -> None:
    dead = []
    for page in site.rglob("*.html"):
        for link in re.findall(r'<a[^>]*\shref="([^"#]+)', page.read_text(encoding="utf-8")):
            if not link.startswith(("http", "mailto", "data:", "javascript:")) and not (page.parent / link).exists():
                dead.append(f"{page.relative_to(site)}: {link}")
    assert not [link for link in dead if not link.startswith("404.html")]
