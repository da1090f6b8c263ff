"""What the page shows and says; what it does is tried in a browser (test_page_in_a_browser.py)."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from report_files import NOISE, store_pictures, text

from bench.cell.rows import Picture
from bench.plan import CLEAN
from bench.report import write_report
from bench.report.page.pictures import picture_data
from bench.report.stored import stored_pictures
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.4, "vis": 0.6, "a": 1.0, "b": 0.6}
pytestmark = pytest.mark.usefixtures("quick_curves")


def told(page: str) -> dict[str, list[str]]:
    """Question → answer, text and how sure, as the page shows them."""
    cards = re.findall(
        r"<li><small class=\"sure\">(.*?)</small><b>(.*?)</b><p>(.*?)</p><p class=\"sure\">(.*?) <a", page
    )
    return {question: rest for question, *rest in cards}


def test_findings_name_the_winners_and_how_sure_they_are(make_run: Make) -> None:
    folder = make_run(images=12, found=FOUND)
    write_report(folder)
    found = told(text(folder, "index.html"))
    clean, degraded = found["Best fusion metrics, clean"], found["Best fusion metrics, degraded"]
    assert clean[:2] == ["b", "Mean rank 1.00 of 2 methods over 2 metrics; next a, 2.00."]
    assert "b is alone at the top in 2 and not told apart from the best in 2" in clean[2]
    assert "12 scene clusters" in clean[2]
    assert degraded[1] == "Mean rank 1.00 of 2 methods over 2 metrics and 2 conditions; next a, 2.00."
    assert found["Most detected"][0] == "a"
    assert found["Most detected"][1].startswith("Clean a, mAP50 1.000")
    helps = found["Does fusing help the detector?"]
    assert helps[0] == (
        "Better than the better source: clean 1 of 2 methods (1 for sure), degraded 1 of 2 methods (1 for sure)"
    )
    assert "at best +0.396" in helps[1]
    assert "95 % intervals over 12 resampled scene clusters." in helps[2]
    assert found["Up to which severity?"][0] == "Kept to severity 5"


def test_methods_that_harm_for_sure_are_counted(make_run: Make) -> None:
    write_report(folder := make_run(images=12, found=FOUND | {"b": 0.3}))
    answer, numbers, _ = told(text(folder, "index.html"))["Does fusing help the detector?"]
    assert answer.startswith("Better than the better source: clean 1 of 2 methods (1 for sure, 1 worse for sure),")
    assert "For sure: the interval leaves out 0." in numbers


def test_of_few_scenes_findings_say_that_they_are_not_sure(make_run: Make) -> None:
    folder = make_run(images=4, found=FOUND)
    write_report(folder)
    found = told(text(folder, "index.html"))
    assert found["Best fusion metrics, clean"][2].startswith("Not sure: 4 scene clusters only")
    assert found["Does fusing help the detector?"][2] == "Not sure: 4 scene clusters only, too few for an interval."


def test_without_a_detector_nothing_is_said_of_detecting_but_how_much_of_a_metric_is_left(make_run: Make) -> None:
    folder = make_run(values={"ir": 9.0, "vis": 9.0, "a": 20.0, "b": 10.0})
    write_report(folder)
    found = told(text(folder, "index.html"))
    answer, numbers, _ = found["How much is left under degradation?"]
    assert answer == "80 % of VIF"  # severities 1 and 5 cost 3 of 15 on average
    assert "15.015 clean, 12.015 degraded. Highest degraded: a, 17.015 (clean 20.015); it loses" in numbers
    assert found["Does fusing help the detector?"][0] == "Not measured"
    assert "Most detected" not in found


def test_too_few_objects_answer_nothing(make_run: Make) -> None:
    folder = make_run(images=2, found=FOUND)
    write_report(folder)
    assert told(text(folder, "index.html"))["Does fusing help the detector?"][0] == "Too few objects to say"


def test_the_page_needs_no_network_and_holds_each_library_once(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    write_report(folder)
    page = text(folder, "index.html")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "default-src 'none'" in page
    assert page.count('id="plotly"') == page.count('id="datatables"') == 1
    assert len(page) < 4_000_000


def test_tables_of_the_page_are_csv_files_one_click_away(make_run: Make) -> None:
    folder = make_run(found=FOUND, values={"ir": 1.0, "vis": 2.0, "a": 3.0, "b": 1 / 3})
    write_report(folder)
    page = text(folder, "index.html")
    links = re.findall(r'download="(.*?)" href="data:text/csv;charset=utf-8;base64,(.*?)"', page)
    assert len(links) == page.count("<table")
    clean = pd.read_csv(io.BytesIO(base64.b64decode(dict(links)["fusion-1.csv"])))
    assert clean["method"].tolist() == ["Infrared", "Visible", "a", "b"]
    assert clean["PSNR"].iloc[-1] == pytest.approx(1 / 3 + 0.015)  # as precise as it is known, not as it is shown


def test_heads_and_methods_carry_their_definitions(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    write_report(folder)
    page = text(folder, "index.html")
    assert re.search(r'data-tip="Peak signal-to-noise ratio \(id psnr\), 0 to 100 dB. Higher is better.', page)
    assert 'data-tip="Relative performance under degradation: mPC / P. 1: nothing is lost. Higher is better."' in page
    assert 'data-tip="a: classical, version 1."' in page


# --- pictures ---


def test_pictures_are_shown_with_what_the_detector_made_of_them(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    store_pictures(folder, ("scene b",))
    facts, tiles = picture_data(stored_pictures(folder, folder.record()))
    assert facts["pairs"] == ["scene b"]
    assert facts["conditions"] == ["clean", "Noise, grey, severity 5"]
    assert facts["size"] == [(120, 90)]
    assert set(tiles) == {f"0/{condition}/{name}" for condition in (0, 1) for name in ("ir", "vis", "a", "b")}
    assert [box[0] for box in facts["boxes"]["0/0/a"]] == ["hit"] * 5
    assert [box[0] for box in facts["boxes"]["0/0/b"]] == ["hit"] * 3 + ["miss"] * 2
    picture = Image.open(io.BytesIO(base64.b64decode(tiles["0/0/a"].partition(",")[2])))
    assert (picture.format, picture.size) == ("WEBP", (120, 90))


def test_pictures_keep_to_their_budget(make_run: Make) -> None:
    folder = make_run()
    store_pictures(folder)
    whole = sum(map(len, picture_data(stored_pictures(folder, folder.record()))[1].values()))
    _, tiles = picture_data(stored_pictures(folder, folder.record()), budget=1)
    assert sum(map(len, tiles.values())) <= whole  # not below the smallest side


def test_without_a_detector_no_picture_has_boxes(make_run: Make) -> None:
    folder = make_run()
    store_pictures(folder)
    facts, _ = picture_data(stored_pictures(folder, folder.record()))
    assert facts["boxes"] == {}
    assert facts["judged"] == [False]


def test_an_image_that_is_missing_or_damaged_leaves_its_place_empty(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    store_pictures(folder)
    folder.picture_path(Picture("scene a", *CLEAN, "a", b"")).unlink()
    folder.picture_path(Picture("scene a", *NOISE, "b", b"")).write_bytes(b"no image")
    facts, tiles = picture_data(stored_pictures(folder, folder.record()))
    assert len(tiles) == 6
    assert set(facts["boxes"]) <= set(tiles)
    write_report(folder)
    assert "could not be made" not in text(folder, "index.html")


def test_a_run_without_images_has_a_page_without_pictures(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    write_report(folder)
    page = text(folder, "index.html")
    assert 'id="pictures"' not in page
    assert 'id="tiles-data"' not in page


def test_a_figure_is_drawn_again_only_where_something_of_it_changed(make_run: Make) -> None:
    folder = make_run(found=FOUND, severities=(0, 5))
    store_pictures(folder)
    write_report(folder)
    panels = sorted((folder.path / "figures").glob("*.png"))
    assert [path.name for path in panels] == [
        "lost-noise_gray-5-both.png",
        "panel-clean_scene a.png",
        "panel-noise_gray-5-both_scene a.png",
    ]
    before = [path.stat().st_mtime_ns for path in panels]
    picture: Path = folder.picture_path(Picture("scene a", *NOISE, "a", b""))
    picture.write_bytes(picture.read_bytes())
    write_report(folder)
    after = [path.stat().st_mtime_ns for path in panels]
    assert after[1] == before[1]
    assert after[0] > before[0]
    assert after[2] > before[2]
