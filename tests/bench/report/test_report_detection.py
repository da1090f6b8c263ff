"""What a report says of average precision: intervals, p values and means only where they are earned."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest
from report_files import table, text

from bench.report import write_report
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}
pytestmark = pytest.mark.usefixtures("quick_curves")


@pytest.mark.parametrize("images", [2, 9])
def test_below_ten_clusters_nothing_has_an_interval_or_a_p(make_run: Make, images: int) -> None:
    folder = make_run(images=images, found=FOUND, detection={"fewest_objects": 5})
    write_report(folder)
    for path in (folder.path / "tables").glob("*.csv"):
        numbers = pd.read_csv(path).filter(regex=r"_low|_high|^low$|^high$|^p$|_p$|^p_best$")
        assert numbers.isna().all(axis=None), path.name
    shown = re.sub(r"(?s)<(script|style).*?</\1>", "", text(folder, "index.html"))
    assert not re.search(r"\[-?\d", shown)
    assert f"n too small ({images} clusters)" in shown
    assert not re.search(r"<th[^>]*>p\b", shown)
    for name in ("detection", "robustness", "ranking", "agreement"):
        assert f"n too small ({images} clusters)" in text(folder, f"tables/{name}.md")


def test_from_ten_clusters_on_every_caption_with_an_interval_names_their_number(make_run: Make) -> None:
    folder = make_run(images=10, found=FOUND)
    write_report(folder)
    for name in ("detection", "robustness", "agreement"):
        for part in text(folder, f"tables/{name}.md").split("\n### ")[1:]:
            if re.search(r"\[-?\d", part):
                assert "(10 clusters)" in part
    difference = table(folder, "detection", "Difference to a")
    assert difference[""] == ["clean", "p", "degraded", "p"]
    assert "corrected by Holm for the 6 comparisons" in text(folder, "tables/detection.md")
    assert difference["Visible"][0] == r"-0.198 [-0.198, -0.198]"
    assert float(difference["Visible"][1]) == pytest.approx(6 * 2 / 1001, abs=6e-4)


def test_a_rare_class_is_shown_and_does_not_count(make_run: Make) -> None:
    """Every method finds the one bus; of the fifty cars each finds its share."""
    folder = make_run(images=10, found=FOUND, metrics=("psnr",))
    write_report(folder)
    rows = table(folder, "detection", "Clean pairs")
    head = [name.removesuffix(" ↑") for name in rows[""]]
    assert head == ["Car", "Bus", "mAP50", "mAP75", "mAP50:95", r"mAP50_pooled", r"mAP50_all"]
    a, b = (dict(zip(head, rows[name], strict=True)) for name in ("a", "b"))
    assert a["Bus"] == b["Bus"] == "1.000"
    assert b["mAP50"].split()[0].strip("<u>/") == b["Car"].strip("<u>/") == "0.802"
    assert b["mAP50_all"] == "0.901"
    assert a["mAP50_pooled"].startswith("**1.000**")
    note = "The mean is over the classes with at least 20 objects (Car 50); too few to count: Bus 1."
    assert note in text(folder, "tables/detection.md")
    assert note in text(folder, "tables/robustness.md")
    detection = pd.read_csv(folder.path / "tables/detection.csv").query("factor == 'clean' and method == 'b'")
    values = detection.set_index("class")["AP50"]
    assert values["counted"] == values["Car"]
    assert values["all"] == pytest.approx((values["Car"] + 1) / 2)
    robust = pd.read_csv(folder.path / "tables/robustness.csv").query("factor == 'all' and method == 'b'")
    robust = robust.set_index("metric")["P"]
    assert robust["mAP50"] == values["counted"]
    assert robust["mAP50_all"] == values["all"]
    assert robust["mAP50_pooled"] == values["pooled"]
    gain = table(folder, "detection", "Fusion gain")
    assert gain["a"][0] == "**0.198**"


def test_where_no_class_has_enough_objects_the_plain_mean_is_shown_and_nothing_ranked(make_run: Make) -> None:
    folder = make_run(images=3, found=FOUND, metrics=("psnr",))
    write_report(folder)
    clean = table(folder, "detection", "Clean pairs")
    assert [name.removesuffix(" ↑") for name in clean[""]] == [
        "Car", "Bus", "mAP50_all", "mAP75_all", "mAP50:95_all", "mAP50_pooled",
    ]  # fmt: skip
    assert clean["b"][2] == "0.901"
    content = text(folder, "tables/detection.md") + text(folder, "tables/robustness.md")
    assert "**" not in content
    assert "Too few objects: no class has 20 (Car 15, Bus 1)." in content
    assert "Difference to" not in content
    assert not (folder.path / "tables/agreement.md").exists()
    assert {path.name for path in (folder.path / "curves").glob("*.png")} == {
        "map50_all.png", "map50-95_all.png", "errors.png", "precision-recall.png", "confusions.png", "psnr-clean.png",
        "ranks.png",
    }  # fmt: skip


def test_scenes_say_how_many_pairs_objects_and_clusters_each_has(make_run: Make) -> None:
    folder = make_run(images=4, found=FOUND)
    write_report(folder)
    note = text(folder, "tables/scenes.md")
    assert "scene a 1 pair, Car 5, Bus 1, n too small (1 cluster). scene b 1 pair" in note
    assert table(folder, "scenes")["a"] == ["1.000"] * 4


def test_sources_are_never_ranked(make_run: Make) -> None:
    """The visible image has the highest precision."""
    folder = make_run(images=10, found={"ir": 0.6, "vis": 1.0, "a": 0.8, "b": 0.6}, metrics=("psnr",))
    write_report(folder)
    for name in ("detection", "robustness", "fusion"):
        for title in [line[4:] for line in text(folder, f"tables/{name}.md").split("\n") if line.startswith("### ")]:
            rows = table(folder, name, title)
            assert not any(
                "**" in cell or "<u>" in cell for cell in (*rows.get("Infrared", ()), *rows.get("Visible", ()))
            )
    assert table(folder, "detection", "Clean pairs")["a"][0] == "**0.802**"
    agreement = pd.read_csv(folder.path / "tables/agreement.csv")
    assert (agreement["methods"] == 2).all()
