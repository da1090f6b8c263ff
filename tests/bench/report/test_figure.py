from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from bench.datasets.pair import Box
from bench.report.figure import Row, draw_figure
from bench.report.outcomes import outcome
from bench.report.zooms import Region, corners_for, differing_regions, disputed_regions
from detectors.detection import Detection
from tsdm_bench.errors import UsageError

CAR, OTHER_CAR = Box("Car", 10, 10, 20, 10), Box("Car", 60, 40, 20, 10)
PERSON = Box("People", 50, 10, 5, 15)
FOUND = Detection("Car", 0.9, 11, 10, 20, 10)
BLACK = np.zeros((80, 100, 3), np.uint8)


def test_outcome_sorts_hits_alarms_and_misses():
    alarm, faint = Detection("People", 0.5, 10, 10, 20, 10), Detection("Car", 0.1, 60, 40, 20, 10)
    of = outcome([CAR, OTHER_CAR, PERSON], [FOUND, alarm, faint])
    assert of.hits == [FOUND]
    assert of.alarms == [alarm]
    assert of.misses == [OTHER_CAR, PERSON]


def test_outcome_counts_a_second_detection_as_false_alarm():
    again = Detection("Car", 0.8, 10, 11, 20, 10)
    of = outcome([CAR], [again, FOUND])
    assert (of.hits, of.alarms, of.misses) == ([FOUND], [again], [])


def test_outcome_of_nothing():
    assert outcome([], []) == ([], [], [])
    assert outcome([], [FOUND]).alarms == [FOUND]


def test_detections_of_difficult_objects_are_not_drawn():
    hard = Box("Car", 100, 40, 20, 10)
    on_car, on_hard, elsewhere = (Detection("Car", 0.9, *sides) for sides in (CAR[1:], hard[1:], (5, 70, 20, 10)))
    person = Detection("People", 0.9, *hard[1:])
    one_of_a_crowd = Detection("Car", 0.9, 102, 42, 5, 5)
    of = outcome([CAR], [on_car, on_hard, one_of_a_crowd, elsewhere, person], [hard])
    assert (of.hits, of.alarms, of.misses) == ([on_car], [elsewhere, person], [])
    assert outcome([hard], [on_hard], [hard]).hits == [on_hard]


# --- enlarged regions ---


def test_zooms_show_disputed_objects_inside_the_image():
    agree = outcome([CAR, PERSON], [FOUND])
    differ = outcome([CAR, PERSON], [FOUND, Detection("People", 0.7, *PERSON[1:])])
    regions = disputed_regions([CAR, PERSON], [agree, differ], (80, 100))
    assert len(regions) == 1
    x, y, w, h = regions[0].box
    assert x <= PERSON.x
    assert y <= PERSON.y
    assert x + w >= PERSON.x + PERSON.w
    assert y + h >= PERSON.y + PERSON.h
    assert 0 <= x <= x + w <= 100
    assert 0 <= y <= y + h <= 80
    assert disputed_regions([CAR, PERSON], [agree, agree], (80, 100)) == []


def test_zooms_of_unlabelled_images_show_where_methods_differ_and_do_not_overlap():
    one, other = np.full((60, 90), 100, np.uint8), np.full((60, 90, 3), 100, np.uint8)
    other[40:50, 10:25], other[5:15, 60:75] = 250, 180
    first, second = differing_regions({"a": one, "b": other})
    assert (first.box, second.box) == ((10, 40, 15, 10), (60, 5, 15, 10))
    assert differing_regions({"a": one, "b": one}) == []
    assert differing_regions({"a": one}) == []


def test_an_inset_hides_no_region_and_stands_where_it_is_told_to():
    near_corner = Region((90, 70, 10, 10))
    assert corners_for([near_corner], (80, 100), 0.4) == ["upper left"]
    told = [Region((10, 10, 10, 10), "lower left"), Region((80, 10, 10, 10))]
    assert corners_for(told, (80, 100), 0.4) == ["lower left", "lower right"]
    with pytest.raises(UsageError, match="two regions cannot be shown in one corner"):
        corners_for([Region((10, 10, 10, 10), "lower left")] * 2, (80, 100), 0.4)


def test_a_region_outside_the_image_is_refused_by_name():
    Region((0, 0, 100, 80)).refuse_outside((80, 100), "7")
    with pytest.raises(UsageError, match="--zoom 90,0,20,10 leaves image 7 of 100×80 pixels"):
        Region((90, 0, 20, 10)).refuse_outside((80, 100), "7")


# --- the figure ---


def captions(figure) -> list[str]:
    return [axes.texts[-1].get_text() for axes in figure.axes]


def test_a_figure_has_a_tile_per_image_and_a_mark_per_object():
    of = {"ir": outcome([CAR, PERSON], []), "vis": outcome([CAR, PERSON], [FOUND])}
    row = Row({"ir": BLACK[..., 0], "vis": BLACK}, of, labelled=True)
    figure = draw_figure([row], titles={"ir": "Infrared"}, title="t")
    assert len(figure.axes) == 2
    marks = [[patch for patch in axes.patches if isinstance(patch, Rectangle)] for axes in figure.axes]
    assert [len(of) for of in marks] == [2, 2]
    assert captions(figure) == ["(a) Infrared · 0 found, 2 missed, 0 false", "(b) vis · 1 found, 1 missed, 0 false"]


def test_nothing_is_missed_in_an_image_that_no_detector_looked_at():
    row = Row({"ir": BLACK, "gff": BLACK}, {"gff": outcome([CAR], [])}, labelled=True)
    figure = draw_figure([row])
    assert captions(figure) == ["(a) ir", "(b) gff · 0 found, 1 missed, 0 false"]
    assert [len(axes.patches) for axes in figure.axes] == [0, 1]
    plain = draw_figure([Row({"ir": BLACK, "gff": BLACK}, labelled=True)])
    assert not plain.legends
    assert [len(axes.patches) for axes in plain.axes] == [0, 0]


def test_a_figure_without_labels_calls_nothing_false():
    figure = draw_figure([Row({"vis": BLACK}, {"vis": outcome([], [FOUND])})])
    assert captions(figure) == ["(a) vis"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Car"]


def test_a_figure_has_the_width_that_is_asked_for_whatever_its_rows(tmp_path):
    tall = np.zeros((120, 100), np.uint8)
    rows = [Row({"a": BLACK, "b": BLACK}, side="one"), Row({"a": tall, "b": tall}, regions=[Region((5, 5, 20, 20))])]
    figure = draw_figure(rows, width_mm=88)
    assert figure.get_figwidth() * 25.4 == pytest.approx(88)
    assert [text.get_text() for text in figure.texts] == ["one", ""]
    named = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert named == ["(a) a", "(b) b"]  # below the last row alone
    figure.savefig(tmp_path / "figure.pdf")


def test_tiles_are_broken_into_lines_of_about_one_length():
    images = {str(number): BLACK for number in range(6)}
    lefts = [round(axes.get_position().x0, 3) for axes in draw_figure([Row(images)]).axes]
    assert len(set(lefts)) == 3


def test_classes_and_methods_of_any_name_are_named_as_they_are():
    labels = ("_car", "$x_1$", "bus\n")
    boxes = [Box(label, 10 + 20 * i, 10, 10, 10) for i, label in enumerate(labels)]
    found = outcome(boxes, [Detection(box.label, 0.9, *box[1:]) for box in boxes])
    figure = draw_figure([Row({"_mine": BLACK}, {"_mine": found}, labelled=True)], title="$t$")
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["$x_1$", "_car", "bus\\n", "false alarm", "missed"]
    texts = [*figure.legends[0].get_texts(), *figure.axes[0].texts, figure._suptitle]
    assert "(a) _mine · 3 found, 0 missed, 0 false" in [text.get_text() for text in texts]
    assert not any(text.get_parse_math() for text in texts)


def test_names_of_many_narrow_tiles_do_not_meet():
    """Ten methods in 180 mm: captions and what stands beside the rows are broken into lines, boxes lose their names."""
    names = [f"a method of a long name, number {number}" for number in range(10)]
    found = {name: outcome([CAR], [FOUND]) for name in names}
    row = Row(dict.fromkeys(names, BLACK), found, labelled=True, side="one pair, under noise of severity 3")
    figure = draw_figure([row, row])
    figure.canvas.draw()
    captions = [text for axes in figure.axes for text in axes.texts]
    assert len(captions) == len(names)  # and no name of a box
    places = sorted((text.get_window_extent() for text in captions), key=lambda box: box.x0)
    assert all(one.x1 <= other.x0 for one, other in pairwise(places))
    beside = [text.get_window_extent() for text in figure.texts]
    assert beside[0].y0 >= beside[1].y1
    assert min(box.x0 for box in beside) >= 0
