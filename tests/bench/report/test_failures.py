"""Typical failures: which objects are shown, and what lies in their cuts."""

from __future__ import annotations

from report_files import store_pictures

from bench.plan import CLEAN, Condition
from bench.report.failures import SMALLEST, lost_objects, lost_rows
from bench.report.pictures import write_pictures
from bench.report.stored import stored_pictures

NOISE = Condition("noise_gray", 5, "both")


def test_objects_that_most_methods_lose_come_first(make_run):
    """At severity 5 each method finds two or three cars fewer: a 2 of 5 instead of 5, b 2 instead of 4, ir 0 of 3."""
    folder = make_run(found={"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8})
    store_pictures(folder)
    lost = lost_objects(stored_pictures(folder, folder.record()), NOISE, most=9)
    assert {each.image for each in lost} == {"scene a"}  # of no other are images stored
    assert [(each.box.x, each.methods, each.of) for each in lost][:1] == [(40.0, 4, 4)]
    assert lost_objects(stored_pictures(folder, folder.record()), CLEAN) == []


def test_a_cut_shows_every_method_and_the_object_in_its_place(make_run):
    folder = make_run(found={"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8})
    store_pictures(folder)
    (row, *_) = lost_rows(stored_pictures(folder, folder.record()), NOISE)
    assert list(row.images) == ["ir", "vis", "a", "b"]
    assert {image.shape[:2] for image in row.images.values()} == {(SMALLEST, SMALLEST)}
    assert row.marked in row.outcomes["a"].misses
    assert row.side == "scene a: Car, lost by 4 of 4"


def test_the_report_writes_them_where_there_are_any(make_run):
    folder = make_run(found={"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8})
    store_pictures(folder)
    lost = folder.path / "figures" / "lost-noise_gray-5-both.png"
    assert lost in write_pictures(stored_pictures(folder, folder.record()))
    made = lost.stat().st_mtime_ns
    write_pictures(stored_pictures(folder, folder.record()))
    assert lost.stat().st_mtime_ns == made  # nothing changed


def test_without_a_detector_nothing_is_lost(make_run):
    folder = make_run()
    store_pictures(folder)
    assert not [path for path in write_pictures(stored_pictures(folder, folder.record())) if "lost" in path.name]
