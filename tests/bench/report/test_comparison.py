"""Runs side by side: what is alike is compared, what is not is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import main
from bench.comparison import compare
from bench.report.tables import markdown
from bench.run.record import DetectorFacts, FactorFacts, PairFacts, RunRecord
from bench.run.store import RunFolder
from tsdm_bench.errors import UsageError

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}


def changed(folder: RunFolder, **fields: object) -> RunFolder:
    """The same run with some fields of its record replaced."""
    record = folder.record()
    (folder.path / "run.json").write_text(record.model_copy(update=fields).model_dump_json(), encoding="utf-8")
    return folder


def paths(*folders: RunFolder) -> list[Path]:
    return [folder.path for folder in folders]


def test_runs_of_one_kind_stand_side_by_side_under_the_names_of_their_suites(make_run: Make) -> None:
    first = make_run("one", name="plain", values={"ir": 1, "vis": 2, "a": 5, "b": 4})
    second = make_run("two", name="tuned", values={"ir": 1, "vis": 2, "a": 5, "b": 6})
    found = compare(paths(first, second))
    assert [table.title for table in found.tables] == ["psnr-clean", "vif-clean"]
    lines = markdown(found.tables[0]).splitlines()
    assert lines[2] == "| method | clean · plain ↑ | clean · tuned ↑ | degraded · plain ↑ | degraded · tuned ↑ |"
    assert "| a | **5.015** | <u>5.015</u> | **2.015** | <u>2.015</u> |" in lines
    assert "| vis | 2.015 | 2.015 | -0.985 | -0.985 |" in lines
    assert lines[-1] == (
        "Mean over 4 pairs; degraded: over 2 conditions (noise_gray (both) 1, 5). Source images alone are not ranked."
    )
    assert found.left_out == ()
    assert found.notes == ()
    assert found.frame["run"].unique().tolist() == ["plain", "tuned"]


def test_a_pair_that_failed_in_one_run_takes_part_in_none(make_run: Make) -> None:
    values = {"ir": 1.0, "vis": 2.0, "a": 5.0, "b": 4.0}
    whole = make_run("one", name="whole", values=values)
    part = make_run("two", name="part", values=values, lost=lambda m, image, _: m == "a" and image == "scene d")
    found = compare(paths(whole, part))
    assert found.tables[0].title == "part INCOMPLETE 45 of 48: psnr-clean"
    assert "| a | **5.010** | **5.010** |" in markdown(found.tables[0])
    assert "Mean over 3 pairs" in found.tables[0].note


def test_a_method_that_lacks_a_condition_in_one_run_is_marked_there(make_run: Make) -> None:
    values = {"ir": 1.0, "vis": 2.0, "a": 5.0, "b": 4.0}
    whole = make_run("one", name="whole", values=values)
    part = make_run("two", name="part", values=values, lost=lambda m, _, severity: m == "a" and severity == 5)
    row = next(line for line in markdown(compare(paths(whole, part)).tables[0]).splitlines() if line.startswith("| a"))
    assert row == "| a | **5.015** | **5.015** | **2.015** | 4.015 (4 of 8) |"


def test_detection_is_compared_over_the_same_classes(make_run: Make) -> None:
    runs = [make_run(name, name=name, images=10, found=FOUND, metrics=("psnr",)) for name in ("one", "two")]
    tables = {table.title: markdown(table) for table in compare(paths(*runs)).tables}
    assert list(tables) == ["psnr-clean", "mAP50_all", "mAP50_pooled", "mAP50", "mAP50:95"]
    assert "| b | <u>0.802</u> | <u>0.802</u> |" in tables["mAP50"]
    assert "| b | 0.901 | 0.901 |" in tables["mAP50_all"]
    assert "Detector net, protocol fixed. The mean is over the classes with at least 20 objects" in tables["mAP50"]


def test_runs_that_read_their_boxes_otherwise_are_refused_unless_all_are_read_alike(make_run: Make) -> None:
    runs = [
        make_run(name, name=name, found=FOUND, metrics=("psnr",), severities=(0,), detection={"ap": ap})
        for name, ap in (("one", "coco"), ("two", "ultralytics"))
    ]
    with pytest.raises(UsageError, match=r"definition of average precision \(coco in one; ultralytics in two\)"):
        compare(paths(*runs))
    assert "mAP50_all_voc" in [table.title for table in compare(paths(*runs), ap="voc").tables]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"severities": (0, 5)}, r"severities \(0, 1, 5 in one; 0, 5 in two\)"),
        ({"factors": ("jpeg",)}, r"factors \(noise_gray in one; jpeg in two\)"),
        ({"modalities": ("ir",)}, r"modalities \(both in one; ir in two\)"),
        ({"seed": 1}, r"seed \(0 in one; 1 in two\)"),
        ({"references": ("clean", "seen")}, r"references \(clean in one; clean, seen in two\)"),
        ({"images": 3}, r"the pair list \(4 in one, 3 in two; not in all: scene d\)"),
        ({"found": FOUND}, r"detector \(none in one; net 00000000 in two\)"),
    ],
)
def test_runs_of_other_suites_are_refused(make_run: Make, fields: dict, told: str) -> None:
    with pytest.raises(UsageError, match=rf"these runs differ in .*{told}.* cannot stand in one table"):
        compare(paths(make_run("one", name="one"), make_run("two", name="two", **fields)))


def _other_detector(record: RunRecord, **fields: object) -> dict[str, DetectorFacts]:
    return {"detector": record.detector.model_copy(update=fields)}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: _other_detector(r, sha256="f" * 64), r"detector \(net 00000000 in one; net ffffffff in two\)"),
        (lambda r: _other_detector(r, image_size=320), r"input size of the detector \(64 in one; 320 in two\)"),
        (lambda r: _other_detector(r, class_map={"bus": "Car"}), "class map of the detector"),
        (lambda r: _other_detector(r, protocol="retrain"), r"protocol \(fixed in one; retrain in two\)"),
        (lambda r: {"classes": ("Bus", "Car")}, r"classes \(Car, Bus in one; Bus, Car in two\)"),
        (lambda r: {"dataset": r.dataset.model_copy(update={"version": "2"})}, "folder, version 2 in two"),
        (
            lambda r: {"pairs": r.pairs | {"scene b": PairFacts(content="other", labels="l", scene="s")}},
            "the images of scene b",
        ),
        (
            lambda r: {"pairs": r.pairs | {"scene a": PairFacts(content="c", labels="other", scene="s")}},
            "the labels of scene a",
        ),
        (
            lambda r: {"factors": {"noise_gray": FactorFacts(version="2", ladder={})}},
            "the version or ladder of noise_gray",
        ),
    ],
)
def test_runs_of_other_data_or_detectors_are_refused(make_run: Make, change: Callable, told: str) -> None:
    first = make_run("one", name="one", found=FOUND)
    second = make_run("two", name="two", found=FOUND)
    with pytest.raises(UsageError, match=f"these runs differ in .*{told}"):
        compare(paths(first, changed(second, **change(second.record()))))


def test_another_version_of_a_method_is_named_and_compared(make_run: Make) -> None:
    first, second = make_run("one", name="one"), make_run("two", name="two")
    methods = second.record().methods
    changed(second, methods=methods | {"a": methods["a"].model_copy(update={"version": "2"})})
    assert compare(paths(first, second)).notes == (
        "a is not the same method in all runs (version, weights, code or options)",
    )


def test_what_an_older_record_does_not_say_is_noted(make_run: Make) -> None:
    first, second = make_run("one", name="one"), make_run("two", name="two")
    changed(second, pairs={})
    (note,) = compare(paths(first, second)).notes
    assert note == "two: an older record, which does not say what was in the pairs"


def test_one_run_or_the_same_run_twice_is_refused(make_run: Make) -> None:
    folder = make_run()
    with pytest.raises(UsageError, match="needs at least two run folders, got 1"):
        compare(paths(folder))
    with pytest.raises(UsageError, match="the same run was named twice"):
        compare(paths(folder, folder))


def test_differences_are_paired_and_have_intervals(make_run: Make) -> None:
    """The second run is better by 0.5 in ``a`` on every pair, whatever the pairs differ in; ``b`` is as it was."""
    values = {"ir": 1.0, "vis": 2.0, "a": 5.0, "b": 4.0}
    first = make_run("one", name="one", images=12, values=values)
    second = make_run("two", name="two", images=12, values=values | {"a": 5.5})
    found = compare(paths(first, second))
    assert [table.title for table in found.differences] == [
        "Differences on clean pairs",
        "Differences on degraded pairs",
    ]
    lines = markdown(found.differences[0]).splitlines()
    assert "| a | 0.5000 [0.5000, 0.5000] | 0.5000 [0.5000, 0.5000] |" in lines
    assert "| b | 0.0000 [0.0000, 0.0000] | 0.0000 [0.0000, 0.0000] |" in lines
    clean = found.findings[0]
    assert (clean.question, clean.answer) == ("two against one, clean", "Better in 2, worse in 0 of 4 comparisons")
    assert clean.text == "a: better in 2, worse in 0 of 2; b: better in 0, worse in 0 of 2."


def test_the_best_of_either_run_is_compared_where_they_differ(make_run: Make) -> None:
    first = make_run("one", name="one", images=12, values={"ir": 1.0, "vis": 2.0, "a": 5.0, "b": 4.0})
    second = make_run("two", name="two", images=12, methods=("ir", "vis", "new"))
    found = compare(paths(first, second))
    assert "| best of each (a → new) | 17.00 [17.00, 17.00] | 17.00 [17.00, 17.00] |" in markdown(found.differences[0])


def test_differences_of_detection_share_their_resamples(make_run: Make) -> None:
    first = make_run("one", name="one", images=12, found=FOUND)
    second = make_run("two", name="two", images=12, found=FOUND | {"b": 1.0})
    lines = markdown(compare(paths(first, second)).differences[0]).splitlines()
    assert lines[2].startswith("| method | mAP50 ↑ | mAP50:95 ↑ |")
    assert any(line.startswith("| b | 0.1980 [0.1980, 0.1980] |") for line in lines)


def test_of_few_scenes_no_difference_is_called_sure(make_run: Make) -> None:
    runs = [make_run(name, name=name) for name in ("one", "two")]
    found = compare(paths(*runs))
    assert found.findings[0].answer == "Too few scenes to say"
    assert "No 95 % intervals: n too small (4 clusters)." in found.differences[0].note


def test_the_command_writes_a_page_of_its_own(make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    runs = [make_run(name, name=name, images=10, methods=("ir", "vis", "<b>")) for name in ("one", "two")]
    assert main(["compare", *map(str, paths(*runs))]) == 0
    page = (runs[0].path / "comparison.html").read_text(encoding="utf-8")
    assert f"page: {runs[0].path / 'comparison.html'}" in capsys.readouterr().out
    assert "one · two" in page
    assert "&lt;b&gt;" in page
    assert "<b><" not in page
    assert page.count("<table") == 4
    assert 'id="plotly"' not in page
    assert main(["compare", *map(str, paths(*runs)), "--page", str(tmp_path)]) == 2
    assert "--page" in capsys.readouterr().err
