"""The synthetic scenes: exact boxes, two images of one geometry, thermal physics, and the same bytes every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.pair import M3FD_CLASSES, Dataset
from bench.datasets.synthetic import SYNTHETIC, render, scenes, thermal, visible
from bench.datasets.synthetic.light import backdrop_of
from bench.datasets.synthetic.scene import CONDITIONS, FRAMES_PER_STREET, compose
from bench.datasets.synthetic.solids import Sculptor, Surface
from bench.datasets.synthetic.view import SUPERSAMPLE, look, newell_normals, project

SMALL = (192, 256)


@pytest.fixture(scope="module")
def default_pairs():
    return SYNTHETIC.pairs(Path("unused"))


@pytest.fixture(scope="module")
def views():
    """One view per condition."""
    return {condition: look(compose(7, condition, 0, 0, SMALL)) for condition in CONDITIONS}


def render_view(view) -> tuple[np.ndarray, np.ndarray]:
    backdrop = backdrop_of(view)
    return thermal.render(view, backdrop), visible.render(view, backdrop)


def silhouette(view, index: int) -> np.ndarray:
    """Raster pixels on which thing ``index`` is the nearest."""
    return view.owners[view.parts] == index


def test_band_radiance_agrees_with_stefan_boltzmann_and_the_tabulated_band_fraction():
    # A 300 K black body emits sigma T^4 = 459.3 W/m2; fractions of it below 14 and 8 um (lambda T = 4200 and 2400 um K)
    # are 0.516014 and 0.140256 in the blackbody function table (Incropera, table 12.2; Modest, appendix C).
    expected = 5.670374e-8 * 300**4 * (0.516014 - 0.140256) / np.pi
    assert thermal.band_radiance(np.array(300.0)) == pytest.approx(expected, rel=2e-3)


def test_projection_agrees_with_the_pinhole_of_opencv():
    scene = compose(0, "day", 0, 0, SMALL)
    points = np.random.default_rng(0).uniform((-5, 0, 3), (5, 6, 60), (20, 3))
    camera = np.array([[scene.focal, 0, scene.centre[0]], [0, scene.focal, scene.centre[1]], [0, 0, 1]])
    down = (points - scene.eye) * (1, -1, 1)
    expected, _ = cv2.projectPoints(down, np.zeros(3), np.zeros(3), camera, None)
    np.testing.assert_allclose(project(scene, points), expected[:, 0], atol=1e-6)


def test_the_card_lists_labelled_pairs_of_all_conditions(default_pairs):
    assert isinstance(SYNTHETIC, Dataset)
    assert SYNTHETIC.synthetic
    assert len({pair.image for pair in default_pairs}) == len(default_pairs) == 24
    assert {pair.scene.rpartition("-")[0] for pair in default_pairs} == set(CONDITIONS)
    assert all(pair.boxes for pair in default_pairs)


def test_frames_of_one_street_share_their_scene(default_pairs):
    names = [pair.scene for pair in default_pairs]
    assert {names.count(name) for name in names} == {FRAMES_PER_STREET}
    frames = [pair for pair in default_pairs if pair.scene == "day-000"]
    assert len({pair.boxes for pair in frames}) == FRAMES_PER_STREET


def test_all_six_labels_appear_with_sizes_from_twelve_pixels_to_half_the_image(default_pairs):
    boxes = [box for pair in default_pairs for box in pair.boxes]
    assert {box.label for box in boxes} == set(M3FD_CLASSES)
    longer = np.array([max(box.w, box.h) for box in boxes])
    assert longer.min() >= 12
    assert longer.min() < 16
    assert any(box.h >= 384 / 2 or box.w >= 512 / 2 for box in boxes)


def test_objects_overlap(default_pairs):
    def meet(one, other) -> bool:
        across = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
        return across > 4 and min(one.y + one.h, other.y + other.h) - max(one.y, other.y) > 4

    for condition in CONDITIONS:
        boxes = next(pair.boxes for pair in default_pairs if pair.scene.startswith(condition))
        assert any(meet(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("condition", CONDITIONS)
def test_boxes_are_the_tight_rectangles_of_visible_silhouettes(views, condition):
    view = views[condition]
    height, width = SMALL
    expected = set()
    for index, thing in enumerate(view.scene.things):
        mask = silhouette(view, index)
        if thing.label and mask.any():
            rows, columns = np.nonzero(mask)
            x, y = columns.min() / SUPERSAMPLE, rows.min() / SUPERSAMPLE
            right, bottom = (columns.max() + 1) / SUPERSAMPLE, (rows.max() + 1) / SUPERSAMPLE
            expected.add((thing.label, x, y, right - x, bottom - y))
    assert view.boxes
    for box in view.boxes:
        assert tuple(box) in expected
        assert 0 <= box.x < box.x + box.w <= width
        assert 0 <= box.y < box.y + box.h <= height


def test_a_box_bounds_the_pixels_that_change_when_its_object_is_taken_away():
    scene = compose(3, "night", 1, 0, SMALL)
    view = look(scene)
    box = max((box for box in view.boxes if box.label == "People"), key=lambda box: box.h)
    owners = [index for index, thing in enumerate(scene.things) if thing.label == "People"]

    def off(index: int) -> float:
        rows, columns = np.nonzero(silhouette(view, index))
        if not len(rows):
            return np.inf
        return abs(rows.min() / SUPERSAMPLE - box.y) + abs(columns.min() / SUPERSAMPLE - box.x)

    gone = min(owners, key=off)
    things = [
        thing._replace(footprint=None) if index == gone else thing  # its contact shade would change the ground, too
        for index, thing in enumerate(scene.things)
    ]
    with_it, without_it = (
        look(scene._replace(things=chosen)) for chosen in (things, things[:gone] + things[gone + 1 :])
    )
    backdrop = backdrop_of(with_it)
    changed = np.abs(thermal.radiance(with_it, backdrop) - thermal.radiance(without_it, backdrop)) > 1e-5
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min()) == (int(box.x), int(box.y))
    assert (columns.max() + 1, rows.max() + 1) == (int(np.ceil(box.x + box.w)), int(np.ceil(box.y + box.h)))


def test_an_object_hidden_for_more_than_four_fifths_is_not_labelled():
    scene = compose(3, "day", 0, 0, SMALL)
    view = look(scene)
    screen = Sculptor(scene.eye, (0, 0, 2.0))
    screen.polygon([(-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)], Surface(), one_sided=False)
    hidden = scene._replace(
        things=[*scene.things, scene.things[0]._replace(parts=screen.parts, label="", footprint=None)]
    )
    assert view.boxes
    assert look(hidden).boxes == ()


def test_edges_of_both_images_lie_on_the_silhouettes():
    """By day both images change where the owner of a pixel changes, and no shift of either fits better."""
    view = look(compose(5, "day", 1, 0, SMALL))
    ir, vis = render_view(view)
    middle = view.parts[::SUPERSAMPLE, ::SUPERSAMPLE]
    edge = np.zeros(SMALL, bool)
    edge[:, 1:] |= view.owners[middle[:, 1:]] != view.owners[middle[:, :-1]]

    def score(image: np.ndarray, shift: int) -> float:
        step = np.zeros(SMALL)
        step[:, 1:] = np.abs(np.diff(image.astype(float), axis=1))
        inner = slice(8, -8)
        return float(np.roll(step, shift, axis=1)[:, inner][edge[:, inner]].mean())

    for image in (ir, vis.mean(axis=2)):
        scores = {shift: score(image, shift) for shift in range(-4, 5)}
        assert abs(max(scores, key=scores.get)) <= 1
        assert scores[0] > 1.5 * max(scores[-4], scores[4])


@pytest.mark.parametrize("condition", ["night", "fog", "dusk"])
def test_people_are_warmer_than_the_street_and_the_sky_is_cold(condition):
    view = look(compose(7, condition, 0, 0, SMALL))
    signal = thermal.radiance(view, backdrop_of(view))
    coarse = view.parts[::SUPERSAMPLE, ::SUPERSAMPLE]
    labels = np.array([thing.label for thing in view.scene.things] + [""])
    people = labels[view.owners[coarse]] == "People"
    street = (view.owners[coarse] < 0) & (coarse != 0)
    assert people.sum() > 30
    assert np.median(signal[people]) > np.percentile(signal[street], 90)
    assert np.median(signal[coarse == 0]) < np.percentile(signal[street], 1)
    ir = thermal.render(view, backdrop_of(view))
    assert np.median(ir[people]) > np.median(ir[street]) + 30
    assert np.median(ir[coarse == 0]) < 60


def test_skin_leaves_with_the_temperature_of_skin(views):
    kelvin = thermal.temperatures(views["night"])
    skin = views["night"].table("body") == 1.0
    assert skin.any()
    np.testing.assert_allclose(kelvin[skin], thermal.SKIN, atol=1e-3)


def test_night_and_fog_hide_people_in_the_visible_image_that_the_thermal_image_shows():
    def contrasts(image: np.ndarray, boxes) -> list[float]:
        """Difference between each person and the surroundings, as a share of the 8-bit range."""
        found = []
        for _, *rectangle in boxes:
            x, y, w, h = (int(value) for value in rectangle)
            inner = image[y : y + h, x + w // 4 : x + max(3 * w // 4, w // 4 + 1)].mean()
            found.append(abs(inner - image[y : y + h, max(x - w, 0) : x + 2 * w].mean()) / 255)
        return found

    for condition in ("night", "fog"):
        seen, warm = [], []
        for number in range(4):
            view = look(compose(11, condition, number, 0, SMALL))
            people = [box for box in view.boxes if box.label == "People"]
            ir, vis = render_view(view)
            seen += contrasts(vis.mean(axis=2), people)
            warm += contrasts(ir, people)
        assert len(warm) > 5
        assert np.mean(warm) > 2 * np.mean(seen)


def test_day_is_brighter_than_dusk_and_dusk_than_night():
    level = {
        c: np.mean([render(CONDITIONS.index(c) + 12 * n, 2, SMALL)[1].mean() for n in range(2)]) for c in CONDITIONS
    }
    assert level["day"] > level["dusk"] > level["night"]


def test_fog_takes_contrast_from_the_visible_image():
    spread = {
        c: np.mean([render(CONDITIONS.index(c) + 12 * n, 2, SMALL)[1].std() for n in range(2)]) for c in ("day", "fog")
    }
    assert spread["fog"] < 0.75 * spread["day"]


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (300, 160), (480, 640)])
def test_any_size_works(size):
    (pair,) = scenes(1, seed=4, size=size)
    ir, vis = pair.read()
    assert ir.shape == size
    assert vis.shape == (*size, 3)
    assert ir.dtype == vis.dtype == np.uint8
    assert np.ptp(ir) > 100


def digest(pairs) -> str:
    sha = hashlib.sha256()
    for pair in pairs:
        ir, vis = pair.read()
        sha.update(ir.tobytes() + vis.tobytes() + repr((pair.image, pair.scene, pair.boxes)).encode())
    return sha.hexdigest()


def test_same_bytes_in_any_order_and_in_another_process():
    forward = scenes(5, seed=9, size=SMALL)
    expected = [digest([pair]) for pair in forward]
    assert [digest([pair]) for pair in reversed(scenes(8, seed=9, size=SMALL)[:5])] == expected[::-1]
    code = (
        "import sys; sys.path.insert(0, 'tests/bench/datasets');"
        "from test_synthetic import digest, scenes, SMALL;"
        "print(*[digest([pair]) for pair in scenes(5, seed=9, size=SMALL)])"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.split() == expected


def test_another_seed_gives_other_scenes():
    assert digest(scenes(1, seed=1, size=SMALL)) != digest(scenes(1, seed=2, size=SMALL))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"count": 1, "seed": -1}, "seed is -1"),
        ({"count": 1, "size": (32, 512)}, "size is 32x512.*at least 64"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        scenes(**arguments)


def test_faces_of_a_box_point_outwards():
    sculptor = Sculptor(np.zeros(3), (1.0, 2.0, 3.0), heading=0.7)
    sculptor.box((-1, -1, -2), (1, 1, 2), Surface())
    points = np.concatenate([part.points for part in sculptor.parts])
    normals = newell_normals(points, np.arange(0, len(points), 4))
    for part, normal in zip(sculptor.parts, normals, strict=True):
        assert normal @ (part.points.mean(axis=0) - (1.0, 2.0, 3.0)) > 0.9
