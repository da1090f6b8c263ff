"""Entries of a leaderboard: what a run becomes, what is refused, and what the page shows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.cli import main
from bench.leaderboard import checksum, entries, read_entries, read_entry, record_of, write_entries
from bench.leaderboard.page import leaderboard_page, setting_table
from bench.report.parts import read_parts
from bench.report.summary import selected
from bench.run.store import RunFolder
from detectors.evaluation import ALL

RESULTS = Path(__file__).parents[3] / "results"
FILES = sorted((RESULTS / "leaderboard").glob("*.json"))
Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}


def entered(folder: RunFolder, place: Path) -> list[Path]:
    parts = read_parts(folder)
    assert parts is not None
    return write_entries(entries(folder, record_of(folder), parts.sections), place)


@pytest.fixture
def files(make_run: Make, tmp_path: Path) -> list[Path]:
    return entered(make_run(found=FOUND, images=10, methods=tuple(FOUND)), tmp_path / "board")


def test_report_enters_every_method_with_its_scores(make_run: Make, tmp_path: Path, capsys, quick_curves) -> None:
    folder = make_run()
    place = tmp_path / "board"
    assert main(["report", str(folder.path), "--leaderboard", str(place)]) == 0
    assert f"leaderboard: {place}" in capsys.readouterr().out
    found = {entry.name: entry for entry in read_entries(place)}
    assert list(found) == ["a", "b", "ir", "vis"]
    score = found["a"].score("vif", "clean")
    assert (score.clean, score.degraded) == (pytest.approx(22.015), pytest.approx(19.015))
    assert found["a"].record == hashlib.sha256((folder.path / "run.json").read_bytes()).hexdigest()
    assert len({entry.setting.identity for entry in found.values()}) == 1
    assert len({entry.rows for entry in found.values()}) == 4
    table = bench.report(folder.path).table("robustness")
    own = table[(table["method"] == "b") & (table["factor"] == ALL)].set_index("metric")
    assert own.loc["psnr", "mPC"] == pytest.approx(found["b"].score("psnr", "clean").degraded, abs=1e-9)


def test_another_seed_or_another_pair_is_another_setting(make_run: Make, tmp_path: Path) -> None:
    runs = [make_run(), make_run("seeded", seed=1), make_run("more", images=5), make_run("again")]
    settings = [read_entry(entered(folder, tmp_path / folder.path.name)[0]).setting.identity for folder in runs]
    assert len(set(settings[:3])) == 3
    assert settings[0] == settings[3]


def test_only_complete_runs_of_photographs_at_a_commit_are_entered(make_run: Make) -> None:
    synthetic = {"dataset": {"name": "synthetic", "title": "S", "synthetic": True}}
    part = make_run("p").record().parts[0]
    for place, more, told in (
        ("lost", {"lost": lambda method, image, severity: severity == 5}, "is not complete"),
        ("drawn", {"record": synthetic}, "is of synthetic scenes"),
        ("loose", {"record": {"parts": (part.model_copy(update={"commit": ""}),)}}, "not computed by a commit"),
        ("clean", {"severities": (0,)}, "lacks clean or degraded pairs"),
    ):
        with pytest.raises(Exception, match=told):
            record_of(make_run(place, **more))


CANNOT_BE: tuple[tuple[Callable[[dict], object], str], ...] = (
    (lambda entry: entry.update(note="x"), "note: extra inputs are not permitted"),
    (lambda entry: entry.update(version=2), "version: input should be 1"),
    (lambda entry: entry.update(record="abc"), "record: string should match pattern"),
    (lambda entry: entry.update(name="../a"), "a name is no path"),
    (lambda entry: entry.update(name="mine"), "its content belongs into own-"),
    (lambda entry: entry["scores"][-1].update(degraded=1.5), r"mAP\w+ \(none\) is 1.5, outside of 0 to 1"),
    (lambda entry: entry["scores"].append(entry["scores"][0]), "a quantity is there twice"),
    (lambda entry: entry["scores"][0].update(quantity="vif2"), "is no metric of its setting"),
    (lambda entry: entry["parts"][0].update(commit="main"), "was not computed by a commit"),
    (lambda entry: entry["setting"]["dataset"].update(synthetic=True), "its content belongs into own-"),
)


def test_a_file_that_cannot_be_is_refused(files: list[Path], capsys) -> None:
    sound = files[0].read_text()
    for change, told in CANNOT_BE:
        entry = json.loads(sound)
        change(entry)
        files[0].write_text(json.dumps(entry))
        assert main(["leaderboard", str(files[0].parent)]) == 2, told
        line = capsys.readouterr().err.strip()
        assert re.search(told, line)
        assert str(files[0]) in line
        assert "\n" not in line


def test_the_page_sorts_and_says_what_its_rows_rest_on(files: list[Path], tmp_path: Path, capsys) -> None:
    assert main(["leaderboard", str(files[0].parent), "--out", str(tmp_path / "board.html")]) == 0
    assert "entries: 4, all of them sound" in capsys.readouterr().out
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert page.count('<table class="data">') == 1
    assert not re.findall(r"(?:src|href)=\"?https?:", page)
    table, of = setting_table(read_entries(files[0].parent))
    assert next(iter(of)) == "a"  # most is found in its images
    heads = [column.head for column in table.columns]
    assert heads[:4] == ["mAP50 (mPC)", "mAP50 (P)", "mAP50:95 (mPC)", "mAP50:95 (P)"]
    assert table.unranked == {"Infrared", "Visible"}
    assert "Detector net, protocol fixed" in table.note
    assert f"at commit {'0' * 12}" in page


def test_settings_stand_in_tables_of_their_own(make_run: Make, tmp_path: Path) -> None:
    for name, more in (("one", {}), ("two", {"seed": 1})):
        entered(make_run(name, **more), tmp_path / "board")
    page = leaderboard_page(read_entries(tmp_path / "board"))
    assert page.count('<table class="data">') == 2


def test_an_empty_folder_says_how_entries_are_made(tmp_path: Path, capsys) -> None:
    assert main(["leaderboard", str(tmp_path)]) == 2
    assert "has no entries (*.json); `report RUN --leaderboard" in capsys.readouterr().err


@pytest.mark.skipif(not FILES, reason="there are no entries yet")
def test_every_entry_is_sound_and_is_that_of_its_published_rows() -> None:
    published = {
        hashlib.sha256(path.read_bytes()).hexdigest(): RunFolder(path.parent)
        for path in (RESULTS / "published").glob("*/run.json")
    }
    stored: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    for entry in read_entries(RESULTS / "leaderboard"):
        folder = published.get(entry.record)
        if folder is None:
            continue
        if entry.record not in stored:
            suite, images = folder.record().suite, folder.pairs()["image"]
            rows, found = (selected(frame, suite, images) for frame in (folder.rows(), folder.detections()))
            stored[entry.record] = rows.drop(columns="seconds"), found
        for frame, told in zip(stored[entry.record], (entry.rows, entry.detections), strict=True):
            assert checksum(frame[frame["method"] == entry.name]) == told, entry.file
        table = pd.read_csv(folder.path / "tables" / "robustness.csv")
        own = table[(table["method"] == entry.name) & (table["factor"] == ALL)]
        told = {(score.quantity, score.reference): score for score in entry.scores}
        for row in own.itertuples():
            score = told[(row.metric, row.reference)]
            assert score.degraded is None or score.degraded == pytest.approx(row.mPC, abs=1e-9, rel=1e-9), entry.file
            assert score.clean is None or score.clean == pytest.approx(row.P, abs=1e-9, rel=1e-9), entry.file
