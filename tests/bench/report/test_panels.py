from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from bench.datasets.pair import Box
from bench.report.panels import choose_zooms, counted, draw_panel, outcome
from detectors.detector import Detection

CAR, OTHER_CAR = Box("Car", 10, 10, 20, 10), Box("Car", 60, 40, 20, 10)
PERSON = Box("People", 50, 10, 5, 15)
FOUND = Detection("Car", 0.9, 11, 10, 20, 10)


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


def test_zooms_show_disputed_objects_inside_the_image():
    agree = outcome([CAR, PERSON], [FOUND])
    differ = outcome([CAR, PERSON], [FOUND, Detection("People", 0.7, *PERSON[1:])])
    zooms = choose_zooms([CAR, PERSON], [agree, differ], (80, 100))
    assert len(zooms) == 1
    x, y, w, h = zooms[0]
    assert x <= PERSON.x
    assert y <= PERSON.y
    assert x + w >= PERSON.x + PERSON.w
    assert y + h >= PERSON.y + PERSON.h
    assert 0 <= x <= x + w <= 100
    assert 0 <= y <= y + h <= 80
    assert choose_zooms([CAR, PERSON], [agree, agree], (80, 100)) == []


def test_panel_has_a_tile_per_image_and_a_mark_per_object():
    images = {"ir": np.zeros((80, 100), np.uint8), "vis": np.zeros((80, 100, 3), np.uint8)}
    figure = draw_panel(
        images, {"ir": [], "vis": [FOUND]}, [CAR, PERSON], titles={"ir": "Infrared"}, zooms=[], title="t"
    )
    assert len(figure.axes) == 2
    marks = [[patch for patch in axes.patches if isinstance(patch, Rectangle)] for axes in figure.axes]
    assert [len(of) for of in marks] == [2, 2]
    captions = [axes.texts[-1].get_text() for axes in figure.axes]
    assert captions == ["(a) Infrared · 0 found, 2 missed, 0 false", "(b) vis · 1 found, 1 missed, 0 false"]


def test_panel_without_labels_calls_nothing_false(tmp_path):
    images = {"vis": np.zeros((80, 100, 3), np.uint8)}
    figure = draw_panel(images, {"vis": [FOUND]}, None)
    assert figure.axes[0].texts[-1].get_text() == "(a) vis"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Car"]
    figure.savefig(tmp_path / "panel.png")
    assert (tmp_path / "panel.png").stat().st_size > 0


def test_classes_and_methods_of_any_name_are_named_as_they_are():
    labels = ("_car", "$x_1$", "bus\n")
    boxes = [Box(label, 10 + 20 * i, 10, 10, 10) for i, label in enumerate(labels)]
    images = {"_mine": np.zeros((80, 100), np.uint8)}
    found = {"_mine": [Detection(box.label, 0.9, *box[1:]) for box in boxes]}
    figure = draw_panel(images, found, boxes=boxes, title="$t$")
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["$x_1$", "_car", "bus\\n", "false alarm", "missed"]
    texts = [*figure.legends[0].get_texts(), *figure.axes[0].texts, figure._suptitle]
    assert "(a) _mine · 3 found, 0 missed, 0 false" in [text.get_text() for text in texts]
    assert not any(text.get_parse_math() for text in texts)


def test_detections_of_difficult_objects_are_not_drawn():
    hard = Box("Car", 100, 40, 20, 10)
    on_car, on_hard, elsewhere = (Detection("Car", 0.9, *sides) for sides in (CAR[1:], hard[1:], (5, 70, 20, 10)))
    person = Detection("People", 0.9, *hard[1:])
    found = counted([on_car, on_hard, elsewhere, person], [CAR], [hard])
    assert found == [on_car, elsewhere, person]
    assert counted([on_hard], [hard], [hard]) == [on_hard]
