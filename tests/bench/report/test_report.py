"""What a report says of runs that are whole, unfinished, small, rare in objects, oddly named or old."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_files import table, text

from bench.report import write_report
from bench.report.layout import Section
from bench.report.tables import Column, Table
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}
pytestmark = pytest.mark.usefixtures("quick_curves")

DIAGNOSIS = ("diagnosis", "objects", "precision_recall", "confusions")
"""The sections that tell why detection falls."""


def no5(method: str, _: str, severity: int) -> bool:
    return method == "no5" and severity == 5


def test_a_method_without_the_hardest_condition_does_not_win(make_run: Make) -> None:
    """``full`` and ``no5`` are the same results, the folder of severity 5 is missing for the latter."""
    values = {"vis": 18.0, "average": 20.0, "full": 19.0, "no5": 19.0}
    folder = make_run(methods=("vis", "average", "full", "no5"), values=values, lost=no5)
    write_report(folder)
    degraded = table(folder, "fusion", "Degraded pairs")
    assert degraded["average"][0] == "**17.02**"
    assert degraded["full"][0] == "<u>16.02</u>"
    assert degraded["no5"][0] == "18.02 (4 of 8)"
    clean = table(folder, "fusion", "Clean pairs")
    assert [clean[name][0] for name in ("average", "full", "no5")] == ["**20.02**", "<u>19.02</u>", "<u>19.02</u>"]
    robust = table(folder, "robustness", "VIF")
    assert robust["average"][1] == "**17.015**"
    assert robust["no5"][1:] == ["18.015 (4 of 8)", "0.947 (8 of 12)", "18.015 (4 of 8)"]
    assert "no5" not in table(folder, "ranking")
    assert "Not ranked, since pairs or conditions are missing: no5." in text(folder, "tables/ranking.md")
    ranks = pd.read_csv(folder.path / "tables/ranking.csv")
    assert set(ranks["method"]) == {"average", "full"}


def test_a_method_that_failed_on_some_pairs_is_compared_on_those_that_all_have(make_run: Make) -> None:
    """``b`` is best on every pair it has; the others are measured on the same pairs."""
    folder = make_run(images=4, methods=("ir", "a", "b", "c"), lost=lambda m, image, _: m == "b" and image == "scene d")
    write_report(folder)
    clean = table(folder, "fusion", "Clean pairs")
    assert clean["c"][0] == "**23.01**"  # of scenes a, b, c: their mean is 0.01, that of all four 0.015
    assert clean["b"][0] == "<u>22.01</u>"
    assert "Mean over 3 pairs." in text(folder, "tables/fusion.md")
    page = text(folder, "index.html")
    assert "own pairs · 3 pairs in 3 scene clusters · 4 methods · 1 factor" in page
    assert (pd.read_csv(folder.path / "tables/fusion.csv")["n"] == 3).all()


def test_a_method_that_failed_on_most_pairs_is_shown_and_not_ranked(make_run: Make) -> None:
    folder = make_run(images=4, methods=("ir", "a", "b", "c"), lost=lambda m, image, _: m == "c" and image > "scene a")
    write_report(folder)
    clean = table(folder, "fusion", "Clean pairs")
    assert clean["b"][0] == "**22.02**"
    assert clean["c"][0] == "23.00 (1 of 4)"
    assert "(k of n): the mean of only k of the n values" in text(folder, "tables/fusion.md")
    assert "(1 of 4)" in text(folder, "index.html")
    assert r"23.00 & \scriptsize (1 of 4)" in text(folder, "tables/fusion.tex")


def test_an_unfinished_run_says_so_first_in_the_page_and_in_every_table(make_run: Make) -> None:
    done = {("scene a", 0), ("scene a", 1), ("scene a", 5), ("scene b", 0), ("scene b", 1), ("scene b", 5)}
    done |= {("scene c", 0)}
    folder = make_run(lost=lambda _, image, severity: (image, severity) not in done, found=FOUND)
    (folder.path / "failures.jsonl").unlink()
    write_report(folder)
    told = "INCOMPLETE 28 of 48"
    body = text(folder, "index.html").partition("<body>")[2]
    assert re.sub(r"<[^>]+>", "", body).strip().startswith(f"{told} results")
    assert body.count("<h3>") == body.count(f"<h3>{told}: ") > 5
    for path in (folder.path / "tables").glob("*.md"):
        content = path.read_text(encoding="utf-8")
        assert content.count("### ") == content.count(f"### {told}: ") > 0
    for path in set((folder.path / "tables").glob("*.tex")) - {folder.path / "tables/preview.tex"}:
        content = path.read_text(encoding="utf-8")
        assert content.count(r"\caption{") == content.count(rf"\caption{{{told}: ") > 0
    assert "2 pairs in 2 scene clusters" in body
    assert "Mean over 2 pairs" in body  # the third, of which only the clean condition was computed, takes no part
    assert "3 pairs" not in body


def test_a_whole_run_says_nothing_of_the_kind(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    write_report(folder)
    assert "INCOMPLETE" not in text(folder, "index.html")
    assert not any("INCOMPLETE" in path.read_text() for path in (folder.path / "tables").iterdir())


def test_curves_leave_out_points_over_fewer_pairs_and_name_what_is_incomplete(make_run: Make) -> None:
    folder = make_run(methods=("vis", "a", "no5"), lost=no5)
    (curve, *_) = next(section for section in write_report(folder) if section.name == "fusion").curves
    severities = curve.points.groupby("method")["severity"].agg(set).to_dict()
    assert severities == {"vis": {0, 1, 5}, "a": {0, 1, 5}, "no5": {0, 1}}
    assert curve.titles["no5"] == "no5 (incomplete)"
    assert curve.titles["a"] == "a"
    assert curve.title.startswith("INCOMPLETE 32 of 36: ")
    assert curve.title.endswith("No 95 % bands: n too small (4 clusters)")


def test_own_results_under_the_title_of_a_method_stand_beside_it(make_run: Make) -> None:
    titles = {"gff": "GFF", "GFF": "GFF", "noise_gray": "noise_gray"}
    folder = make_run(methods=tuple(titles), record={})
    record = folder.record()
    named = {name: facts.model_copy(update={"title": titles[name]}) for name, facts in record.methods.items()}
    record = record.model_copy(update={"methods": named})
    (folder.path / "run.json").write_text(record.model_dump_json(), encoding="utf-8")
    write_report(folder)
    clean = table(folder, "fusion", "Clean pairs")
    assert list(clean)[1:] == ["GFF (gff)", "GFF (GFF)", r"noise_gray"]
    assert "Noise, grey ↑" in table(folder, "robustness", "VIF")[""]  # no method gives its name to a factor


def test_methods_stand_by_their_groups_and_what_their_cards_warn_of_stands_under_their_tables(make_run: Make) -> None:
    folder = make_run(methods=("ours", "vis", "net", "a"))
    record = folder.record()
    changed = {"ours": {"kind": "learned", "ours": True, "warning": "Grey gets a tint."}, "net": {"kind": "learned"}}
    methods = {name: facts.model_copy(update=changed.get(name, {})) for name, facts in record.methods.items()}
    record = record.model_copy(update={"methods": methods})
    (folder.path / "run.json").write_text(record.model_dump_json(), encoding="utf-8")
    write_report(folder)
    assert list(table(folder, "fusion", "Clean pairs"))[1:] == ["Visible", "a", "net", "ours"]
    tables = text(folder, "tables/fusion.md").split("\n### ")[1:]
    assert len(tables) == 2
    assert all("Grey gets a tint." in of_table for of_table in tables)


ODD = r"<b>a|b</b>`\input{/etc/passwd}$x_y^2%&#~*c*[d]" + "\x1b[31m\nω"


def test_names_of_any_kind_are_shown_as_they_stand(make_run: Make) -> None:
    folder = make_run(methods=("vis", "plain", ODD), found={"vis": 0.5, "plain": 0.6, ODD: 0.7}, metrics=("psnr",))
    record = folder.record()
    classes = ("Car", "Bus", "AP", r"\input{x}")
    record = record.model_copy(update={"classes": classes})
    (folder.path / "run.json").write_text(record.model_dump_json(), encoding="utf-8")
    assert {section.name for section in write_report(folder)} >= {"detection", "fusion", "robustness"}
    page = text(folder, "index.html")
    assert "<b>a|b</b>" not in page
    assert "&lt;b&gt;a|b&lt;/b&gt;`\\input{/etc/passwd}$x_y^2%&amp;#~*c*[d]\\x1b[31m\\nω" in page
    for path in (folder.path / "tables").glob("*.md"):
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.startswith("|")]
        assert all(len(re.findall(r"(?<!\\)\|", line)) > 2 for line in lines)
    for path in (folder.path / "tables").iterdir():
        assert "\x1b" not in path.read_text(encoding="utf-8")
    tex = text(folder, "tables/detection.tex").replace(r"\hspace{0pt}", "")  # where a long word may be broken
    assert not re.search(r"(?<!\\textbackslash\{\})(?<!\w)\\input", tex)
    assert r"\textbackslash{}input\{/etc/passwd\}" in tex


def test_a_section_that_cannot_be_made_is_named_and_the_others_are_written(
    make_run: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of <nothing>")

    folder = make_run(found=FOUND, detection={"fewest_objects": 1})
    write_report(folder)
    assert (folder.path / "tables/fusion.md").exists()
    monkeypatch.setattr("bench.report.parts.fusion_section", broken)
    with caplog.at_level(logging.WARNING):
        names = [section.name for section in write_report(folder)]
    assert names == ["detection", "scenes", *DIAGNOSIS, "robustness", "agreement", "ranking"]
    assert "Fusion metrics could not be made: ZeroDivisionError: of <nothing>" in caplog.text
    assert "<b>Fusion metrics could not be made:</b> ZeroDivisionError: of &lt;nothing&gt;" in text(
        folder, "index.html"
    )
    assert not (folder.path / "tables/fusion.md").exists()  # no earlier table is taken for the present one


def test_a_table_that_cannot_be_shown_costs_its_section_alone(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Section:
        return Section("ranking", "Ranking", pd.DataFrame(), [Table("t", "", pd.DataFrame(), [Column("absent", "")])])

    monkeypatch.setattr("bench.report.parts.ranking_section", broken)
    folder = make_run()
    assert [section.name for section in write_report(folder)] == ["fusion", "robustness"]
    assert "<b>Ranking could not be made:</b> KeyError" in text(folder, "index.html")


def test_damaged_labels_cost_the_detection_part_alone(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    (folder.path / "truth.parquet").write_bytes(b"PAR1 and no more")
    assert [section.name for section in write_report(folder)] == ["fusion", "robustness", "ranking"]
    assert "<b>Detection could not be made:</b>" in text(folder, "index.html")


def test_a_class_called_all_costs_the_detection_part_alone(make_run: Make) -> None:
    folder = make_run(found=FOUND, record={"classes": ("Car", "all")})
    names = [section.name for section in write_report(folder)]
    assert names == ["fusion", "robustness", "ranking"]
    assert "a class cannot be called &#39;all&#39;" in text(folder, "index.html")


def test_sections_with_nothing_to_see_are_left_out(make_run: Make) -> None:
    folder = make_run(methods=("vis", "a"), severities=(0,), factors=())
    assert [section.name for section in write_report(folder)] == ["fusion"]
    page = text(folder, "index.html")
    assert 'id="ranking"' not in page
    assert 'id="robustness"' not in page


def test_a_run_without_the_clean_condition_or_without_sources_has_its_report(make_run: Make) -> None:
    folder = make_run(methods=("a", "b"), severities=(1, 5))
    assert "fusion" in {section.name for section in write_report(folder)}
    assert "could not be made" not in text(folder, "index.html")


def test_a_method_that_failed_everywhere_is_no_row_and_breaks_nothing(make_run: Make) -> None:
    folder = make_run(lost=lambda method, *_: method == "b", found=FOUND)
    write_report(folder)
    page = text(folder, "index.html")
    assert "could not be made" not in page
    assert "INCOMPLETE 36 of 48" in page
    assert "3 methods" in page


def test_a_method_that_failed_on_every_clean_pair_breaks_nothing(make_run: Make) -> None:
    folder = make_run(lost=lambda method, _, severity: method == "b" and severity == 0, found=FOUND, images=10)
    write_report(folder)
    assert "could not be made" not in text(folder, "index.html")
    row = table(folder, "robustness", "mAP50")["b"]
    assert row[0] == "–"


def test_values_that_are_not_finite_do_not_make_a_mean_better(make_run: Make) -> None:
    """A mean over fewer images, since one value is no number, is not ranked."""
    folder = make_run(values={"ir": 1.0, "vis": 2.0, "a": 3.0, "b": np.inf})
    write_report(folder)
    clean = table(folder, "fusion", "Clean pairs")
    assert clean["b"][0] == "–"
    assert clean["a"][0] == "3.015"  # the only one left


def test_the_report_of_an_old_run(tmp_path: Path) -> None:
    """Made by commit 895c653: no explanation of the protocol, no training sets of methods, no identities."""
    shutil.copytree(Path(__file__).parent / "old_run", tmp_path / "run")
    folder = RunFolder.existing(tmp_path / "run")
    assert [section.name for section in write_report(folder)] == ["detection", *DIAGNOSIS, "fusion"]
    assert "could not be made" not in text(folder, "index.html")
    assert table(folder, "detection")["Average"][0] == "1.000"
    assert "one detector for all methods" in text(folder, "tables/detection.md")
    assert "895c653" in text(folder, "index.html")


def test_every_stage_has_its_line_of_progress(make_run: Make, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="bench"):
        write_report(make_run(found=FOUND))
    lines = [record.getMessage() for record in caplog.records]
    stages = ["fusion metrics", "robustness", "ranking", "efficiency", "references", "pictures", "figures"]
    assert [line for line in lines if line.removeprefix("report: ") in stages] == [f"report: {name}" for name in stages]
    assert lines[-1].startswith("report: written in ")


def test_a_report_waits_for_no_torch(make_run: Make) -> None:
    folder = make_run(found=FOUND)
    code = "import sys, bench; bench.report(sys.argv[1]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, folder.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder.path / "index.html").is_file()
