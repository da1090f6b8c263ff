"""The page in headless Chromium: sorting, filtering, toggling, the divider, zooming, keys, themes, no error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from report_files import store_pictures

from bench.report import write_report
from bench.run.store import RunFolder

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.usefixtures("quick_curves"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
FOUND = {"ir": 0.4, "vis": 0.6, "a": 1.0, "b": 0.6}
AS_SHOWN = "&lt;img src=x onerror=alert(1)&gt; $x_1$ &amp; ω"
ODD = "<img src=x onerror=alert(1)> $x_1$ & ω"


@pytest.fixture
def page(make_run: Callable[..., RunFolder]) -> Iterator[Any]:
    """The page of a run, with what went wrong in it as ``page.errors``."""
    methods = ("ir", "vis", "a", "b", ODD)
    folder = make_run(methods=methods, found=FOUND | {ODD: 0.2}, images=10)
    store_pictures(folder, names=("ir", "vis", "a", "b"))
    write_report(folder)
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.errors = []
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("dialog", lambda dialog: page.errors.append("a name was run as a script"))
        page.on("request", lambda request: page.errors.append(request.url) if request.url.startswith("http") else None)
        page.goto((folder.path / "index.html").as_uri())
        yield page
        browser.close()


def test_the_page_does_what_it_offers(page: Any) -> None:
    _sort_and_filter(page)
    _read_a_definition(page)
    _toggle_a_method(page)
    _compare_pictures(page)
    _change_the_theme(page)
    assert page.errors == []


def _sort_and_filter(page: Any) -> None:
    figure = page.locator("figure", has=page.get_by_role("heading", name="Clean pairs")).last
    rows, head = figure.locator("tbody tr > th"), figure.locator("thead th", has_text="PSNR")
    figure.locator(".dt-search input").wait_for()
    page.evaluate("() => new Promise(done => requestIdleCallback(() => done()))")  # a click on what still moves is lost

    def shows(names: list[str]) -> None:
        """Sooner or later: the table is sorted after the click returns."""
        sync_api.expect(rows).to_have_text(names, use_inner_text=True)

    shows(["Infrared", "Visible", "a", "b", ODD])
    head.click()
    if figure.locator("thead th[aria-sort]").count() == 0:  # as a reader would, where the page was still loading
        head.click()
    shows([ODD, "b", "a", "Visible", "Infrared"])  # the best first
    head.click()
    shows(["Infrared", "Visible", "a", "b", ODD])
    figure.locator(".dt-search input").fill("vis")
    shows(["Visible"])


def _read_a_definition(page: Any) -> None:
    page.locator("thead span[data-tip]", has_text="rPC").first.hover()
    assert "Relative performance under degradation" in page.locator("#tip").inner_text()
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()


def _toggle_a_method(page: Any) -> None:
    page.locator("#curves").scroll_into_view_if_needed()
    page.locator("#plot .scatterlayer .trace").first.wait_for(state="attached")
    shown = "document.querySelector('#plot').data.filter(line => line.visible).map(line => line.name)"
    assert len(page.evaluate(shown)) == 5
    chip = page.locator(".chip", has_text="Visible")
    chip.click()
    assert page.evaluate(shown) == [
        "Infrared",
        "a",
        "b",
        AS_SHOWN,
    ]
    assert chip.get_attribute("aria-pressed") == "false"
    page.keyboard.press("Space")  # the chip keeps the focus
    assert len(page.evaluate(shown)) == 5
    page.select_option("#quantity", label="PSNR (clean)")
    assert page.evaluate("document.querySelector('#plot').layout.yaxis.title.text") == "PSNR (clean) ↑"


def _compare_pictures(page: Any) -> None:
    page.locator("#stage").scroll_into_view_if_needed()
    page.locator("#stage img").first.wait_for()
    assert page.evaluate(
        "[...document.querySelectorAll('#tiles img')].every(image => image.naturalWidth > 0 || !image.complete)"
    )
    style = "(name) => Number(document.querySelector('#pictures-view').style.getPropertyValue(name))"
    box = page.locator("#divider").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    stage = page.locator("#stage").bounding_box()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - stage["width"] / 4, y)
    page.mouse.up()
    assert page.evaluate(style, "--split") == pytest.approx(25, abs=1)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(style, "--split") == pytest.approx(27, abs=1)
    page.locator("#zoom-in").click()
    assert page.evaluate(style, "--zoom") == 1.5
    widths = """[...document.querySelectorAll('.scene')].map(
        (scene) => scene.getBoundingClientRect().width / scene.parentElement.clientWidth)"""
    assert page.evaluate(widths) == pytest.approx([1.5] * 5, abs=0.02)  # of all images at once
    page.locator("#stage").focus()
    page.keyboard.press("0")
    assert page.evaluate(style, "--zoom") == 1
    assert page.locator("#stage .right svg rect.miss").count() == 0  # the last method has no image
    page.locator(".tile", has_text="b · 4 found, 2 missed, 0 false").click()
    assert page.locator("#stage .right svg rect.miss").count() == 2
    assert page.locator("#stage .caption.b").inner_text() == "b · 4 found, 2 missed, 0 false"
    page.uncheck("#boxes")
    assert page.locator("#stage .right svg").is_hidden()
    page.select_option("#condition", label="Noise, grey, severity 5")
    assert page.locator("#stage .absent").count() == 0
    page.select_option("#right", label=ODD)
    assert page.locator("#stage .right").inner_text() == "not stored in this run"


def _change_the_theme(page: Any) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.locator("#theme").click()
    assert page.evaluate(background) != before
    assert page.evaluate("document.querySelector('#plot').layout.font.color") != "rgb(27, 31, 36)"
