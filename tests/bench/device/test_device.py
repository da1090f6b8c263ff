"""Metrics, methods, degradation and detection give on a device what they give on the CPU, and mix nothing of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from bench.methods import find_weights
from bench.metrics import METRICS, evaluate, plane_of
from degradation.batched import degrade_batch, draw, usm_sharpen_batch
from degradation.random_model import PAPER
from detectors.backends.conventions import ANCHORED, RTDETR, ULTRALYTICS, ULTRALYTICS_END_TO_END, YOLOX, Conventions
from detectors.backends.letterbox import letterbox, letterbox_levels
from detectors.backends.network import Network
from detectors.class_map import COCO_CLASSES
from detectors.detector import Detector
from fusion.method import METHODS, prepare
from fusion.restoration.restorer import RESTORERS, weights_of
from tsdm_bench.errors import UsageError
from tsdm_bench.tensors import as_batch, as_float, as_pixels
from tsdm_bench.weights.location import locate

HEIGHT, WIDTH = 104, 208
"""The least that every metric takes (NIQE compares blocks of 96×96), and that no side of a network divides."""
METRICS_AGREE, NETWORKS_AGREE, ROUNDED_AGREE = 1e-5, 1e-4, 2e-2
"""Metrics relative to their value; networks in [0, 1], in float32 and in bfloat16."""
LEVELS_APART = 1e-3
"""Share of pixels that a degradation may give one level apart."""


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Infrared, visible and fused, uint8, with flat areas, edges and noise."""
    random = np.random.default_rng(2)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ir = 40 + 150 * np.exp(-((y - 50) ** 2 + (x - 70) ** 2) / 400) + random.integers(0, 6, (HEIGHT, WIDTH))
    vis = 128 + 90 * np.sin(y / 7)[..., None] * np.cos(x[..., None] / np.array([9, 11, 14]))
    vis = vis + random.normal(0, 6, vis.shape)
    vis[:20], ir[-20:] = 255, 20
    fused = 0.5 * np.maximum(vis, ir[..., None]) + 0.3 * vis + 20
    return [np.clip(image, 0, 255).round().astype(np.uint8) for image in (ir, vis, fused)]


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric(name: str, device: torch.device, images: list[np.ndarray]) -> None:
    def value(place: torch.device | str) -> float:
        planes = [plane_of(as_batch(image, device=place)) for image in images]
        (found,) = evaluate([name], *planes).values()
        assert found.dtype == torch.float64
        return found.item()

    try:
        expected = value("cpu")
    except (UsageError, ValueError) as error:
        pytest.skip(f"not here: {error}")
    assert value(device) == pytest.approx(expected, rel=METRICS_AGREE, abs=METRICS_AGREE)


@pytest.mark.parametrize("name", list(METHODS))
def test_a_method(name: str, device: torch.device, images: list[np.ndarray], request: pytest.FixtureRequest) -> None:
    method = METHODS[name]
    try:
        weights = find_weights(method, None)
    except UsageError:
        try:
            weights = find_weights(method, request.getfixturevalue("weights_dir"))
        except UsageError as error:
            pytest.skip(f"not here: {error}")
    side = 32 if name.startswith("tsdm_student") else 64  # the plain student takes seconds for more
    ir, vis = (as_float(as_batch(image[:side, :side].copy())) for image in images[:2])
    expected = prepare(method, weights)(ir.clone(), vis.clone())
    found = prepare(method, weights, device)(ir.to(device), vis.to(device))
    assert found.device.type == device.type
    assert found.dtype == torch.float32
    most = ROUNDED_AGREE if "bf16" in name else NETWORKS_AGREE
    assert (found.cpu() - expected).abs().max() <= most


@pytest.mark.parametrize("name", list(RESTORERS))
def test_a_restorer(name: str, device: torch.device, images: list[np.ndarray], weights_dir: Path) -> None:
    restorer = RESTORERS[name]
    try:
        weights = {file.name: locate(file, weights_dir) for file in weights_of(restorer)}
    except FileNotFoundError as error:
        pytest.skip(f"not here: {error}")
    extra = ((),) if restorer.knows_condition else ()  # nothing was done to the image
    for modality in restorer.modalities:
        image = as_float(as_batch(images[modality == "vis"][:48, :64].copy()))
        expected = restorer.load(weights, torch.device("cpu"))(image, *extra)
        found = restorer.load(weights, device)(image.to(device), *extra)
        assert found.device.type == device.type
        assert (found.cpu() - expected).abs().max() <= NETWORKS_AGREE


@pytest.mark.parametrize("modality", ["ir", "vis"])
def test_the_batched_degradation(modality: str, device: torch.device, images: list[np.ndarray]) -> None:
    levels = as_batch(images[0] if modality == "ir" else images[1]).expand(8, -1, -1, -1).contiguous()
    draws = default_collate([draw(modality, (HEIGHT, WIDTH), np.random.default_rng(i), PAPER) for i in range(8)])
    there = {name: value.to(device) for name, value in draws.items()}
    for apply in (degrade_batch, lambda images, of: usm_sharpen_batch(degrade_batch(images, of))):
        expected, found = apply(levels, draws), apply(levels.to(device), there).cpu()
        apart = (expected - found).abs() * 255
        assert (apart > 0.5).float().mean() <= LEVELS_APART
        assert (apart > 1.5).float().mean() <= LEVELS_APART / 10


@pytest.mark.parametrize("size", [(64, 96), (416, 416), (52, 104), (208, 416)])
@pytest.mark.parametrize("fit", ["centre", "top_left", "stretch"])
def test_images_are_placed_level_for_level(fit: str, size: tuple, device: torch.device, images: list) -> None:
    pair = images[1], images[2]
    for stride in (None, 32):
        placed, placement = letterbox_levels(as_batch(*pair, device=device), size, fit, stride)
        for image, found in zip(pair, placed, strict=True):
            expected, known = letterbox(image, size, fit, stride)
            np.testing.assert_array_equal(as_pixels(found), expected)
            assert placement == known


def rows(count: int, columns: int) -> np.ndarray:
    """What a network may give: centre boxes of all sizes and scores."""
    random = np.random.default_rng(4)
    boxes = np.concatenate([random.uniform(0, 128, (count, 2)), random.uniform(5, 60, (count, 2))], axis=1)
    return np.concatenate([boxes, random.random((count, columns - 4)) ** 4], axis=1).astype(np.float32)


CELLS = (96 // 8) * (128 // 8) + (96 // 16) * (128 // 16) + (96 // 32) * (128 // 32)
OUTPUTS: list[tuple[Conventions, np.ndarray]] = [
    (ANCHORED, rows(900, 85)),
    (ULTRALYTICS, rows(900, 84).T),
    (ULTRALYTICS_END_TO_END, np.concatenate([rows(100, 5), np.arange(100)[:, None] % 80], axis=1)),
    (RTDETR, rows(100, 84) / 128),
    (YOLOX, rows(CELLS, 85) * np.array([0.02] * 4 + [1] * 81)),
]


@pytest.mark.parametrize(("conventions", "output"), OUTPUTS, ids=lambda case: getattr(case, "name", ""))
def test_what_a_network_gives_is_read(
    conventions: Conventions, output: np.ndarray, device: torch.device, images: list[np.ndarray]
) -> None:
    """A network that sees the same in every image, but for its brightness; all before and after it is our own."""

    def network(place: torch.device | str) -> Network:
        raw = torch.from_numpy(np.ascontiguousarray(output, np.float32)).to(place)
        run: Callable[[Tensor], list[Tensor]] = lambda batch: [raw + 0 * image.mean() for image in batch]  # noqa: E731
        return Network(dict(enumerate(COCO_CLASSES)), conventions, run, (96, 128), None, batched=True, on_device=True)

    def detector(place: torch.device | str) -> Detector:
        settings = {"name": "d", "path": None, "sha256": "", "image_size": 128, "max_detections": 50}
        mapped = {"car": "Car", "truck": "Car", "person": "People"}
        return Detector(
            class_map=mapped, classes=("People", "Car"), confidence=0.001, iou=0.5, device=str(place),
            network=network(place), **settings,
        )  # fmt: skip

    levels = as_batch(images[1], images[2])
    expected = detector("cpu").detect_levels(levels)
    found = detector(device).detect_levels(levels.to(device))
    assert all(expected)
    assert len(found) == len(expected) == 2
    for ours, theirs in zip(found, expected, strict=True):
        assert [each.label for each in ours] == [each.label for each in theirs]
        np.testing.assert_allclose([each[1:] for each in ours], [each[1:] for each in theirs], rtol=1e-5, atol=1e-4)
