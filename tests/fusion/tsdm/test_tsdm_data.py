from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from degradation import PAPER
from degradation.kernels.sharpening import usm_sharpen
from fusion.tsdm.training.config import DataSettings
from fusion.tsdm.training.data import EpochOrder, Patches, patch_loader, split, validation_items


def pair(number: int, height: int = 40, width: int = 56) -> SimpleNamespace:
    generator = np.random.default_rng(number)
    ir = generator.integers(0, 256, (height, width), dtype=np.uint8)
    vis = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return SimpleNamespace(image=f"{number:05d}", read=lambda: (ir, vis))


def smooth_pair(number: int) -> SimpleNamespace:
    noise = np.random.default_rng(number).integers(0, 256, (40, 56, 4), dtype=np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 3)
    return SimpleNamespace(image=f"{number:05d}", read=lambda: (image[..., 0], image[..., 1:]))


def settings(**changes) -> DataSettings:
    fields = {"sources": ("test",), "patch": (24, 32), "crops_per_pair": 3, "workers": 0}
    return DataSettings(**fields | changes)


def find(patch: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """Where ``patch`` lies in ``image``."""
    height, width = patch.shape[:2]
    for top in range(image.shape[0] - height + 1):
        for left in range(image.shape[1] - width + 1):
            if np.array_equal(image[top : top + height, left : left + width], patch):
                return top, left
    raise AssertionError("the patch is not a part of the image")


def test_patches_cut_both_images_at_the_same_random_place():
    pairs = [pair(0), pair(1)]
    patches = Patches(pairs, settings(), seed=0)
    assert len(patches) == 6
    places = set()
    for epoch in (1, 2, 3):
        for number in range(len(patches)):
            item = patches[epoch, number]
            assert item["ir"].shape == (1, 24, 32)
            assert item["vis"].shape == (3, 24, 32)
            ir, vis = pairs[number // 3].read()
            place = find((item["ir"][0] * 255).round().byte().numpy(), ir)
            assert place == find((item["vis"] * 255).round().byte().permute(1, 2, 0).numpy(), vis)
            places.add(place)
    assert len(places) > 12


def test_colours_are_swapped_in_all_orders_and_nothing_else_changes():
    plain = Patches([pair(0)], settings(), 0)
    swapped = Patches([pair(0)], settings(permute_colours=True), 0)
    orders = set()
    for epoch in range(1, 21):
        before, after = plain[epoch, 0], swapped[epoch, 0]
        assert torch.equal(before["ir"], after["ir"])
        match = [[torch.equal(a, b) for b in before["vis"]].index(True) for a in after["vis"]]
        orders.add(tuple(match))
    assert len(orders) == 6


def test_a_patch_depends_on_seed_epoch_and_number_alone():
    first, again = (Patches([pair(0), pair(1)], settings(), 3, PAPER) for _ in range(2))
    first[1, 0], first[1, 4]
    for name, value in first[2, 5].items():
        assert torch.equal(value, again[2, 5][name])
    for other in (Patches([pair(0), pair(1)], settings(), 4, PAPER)[2, 5], again[3, 5], again[2, 4]):
        assert not torch.equal(other["seen_vis"], again[2, 5]["seen_vis"])


def test_student_patches_hold_the_sharpened_and_the_degraded_side():
    clean = Patches([pair(0)], settings(), 0)[1, 0]
    item = Patches([pair(0)], settings(), 0, PAPER)[1, 0]
    assert set(item) == {"ir", "vis", "seen_ir", "seen_vis"}
    sharp = usm_sharpen(clean["vis"].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(item["vis"].permute(1, 2, 0), sharp, atol=1e-6)
    assert item["seen_ir"].shape == (1, 24, 32)
    assert (item["seen_vis"] - clean["vis"]).abs().mean() > 0.02
    for value in item.values():
        assert value.dtype == torch.float32
        assert value.min() >= 0
        assert value.max() <= 1


@pytest.mark.parametrize("patch", [(24, 32), (16, 16)])
def test_batches_degraded_on_the_device_are_those_of_the_workers(patch):
    pairs = [smooth_pair(i) for i in range(3)]
    batches = {}
    for form in (False, True):
        patches = Patches(pairs, settings(patch=patch, flips=True, permute_colours=True), 0, PAPER, batches=form)
        loader = patch_loader(patches, EpochOrder(len(patches), 3, seed=0), pin_memory=False)
        batches[form] = [patches.finished(batch) for batch in loader]
    for single, batched in zip(batches[False], batches[True], strict=True):
        assert single.keys() == batched.keys()
        for name, value in single.items():
            assert value.shape == batched[name].shape
            difference = (value - batched[name]).abs() * 255
            assert (difference > 1).float().mean() <= 1e-3, name


def test_images_smaller_than_a_patch_are_extended_by_their_border():
    small = pair(0, 10, 20)
    item = Patches([small], settings(), 0)[1, 0]
    ir = small.read()[0]
    assert torch.equal((item["ir"][0] * 255).round().byte()[:10, :20], torch.from_numpy(ir))
    assert (item["ir"][0, 9:, 19:] == item["ir"][0, 9, 19]).all()


def test_mirrored_patches_are_half_of_them_and_mirror_both_images():
    rows = np.tile(np.arange(56, dtype=np.uint8), (40, 1))
    ramp = SimpleNamespace(image="ramp", read=lambda: (rows, np.stack([rows] * 3, axis=-1)))
    patches = Patches([ramp], settings(flips=True, crops_per_pair=200), 0)
    slopes = [
        (
            torch.sign(item["ir"][0, 0, 1] - item["ir"][0, 0, 0]).item(),
            (item["vis"][0, 0, 1] - item["vis"][0, 0, 0]).sign().item(),
        )
        for item in (patches[1, i] for i in range(200))
    ]
    assert all(ir == vis for ir, vis in slopes)
    assert 70 < sum(ir < 0 for ir, _ in slopes) < 130


def test_any_number_of_workers_gives_the_same_batches():
    batches = {}
    for workers in (0, 2):
        patches = Patches([pair(i) for i in range(3)], settings(workers=workers), 0, PAPER)
        batches[workers] = list(patch_loader(patches, EpochOrder(len(patches), 2, seed=0), pin_memory=False))
    assert len(batches[0]) == 4
    for a, b in zip(batches[0], batches[2], strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_an_epoch_shows_every_patch_once_and_each_epoch_in_another_order():
    order = EpochOrder(12, 3, seed=0)
    first = list(order)
    assert sorted(key for batch in first for key in batch) == [(1, i) for i in range(12)]
    order.epoch = 2
    assert [[number for _, number in batch] for batch in order] != [[number for _, number in batch] for batch in first]


def test_an_epoch_goes_on_in_the_middle():
    order = EpochOrder(12, 3, seed=0)
    whole = list(order)
    order.start = 2
    assert list(order) == whole[2:]


def test_processes_share_an_epoch_without_overlap():
    shares = [list(EpochOrder(13, 2, seed=5, rank=rank, world=3)) for rank in range(3)]
    keys = [key for share in shares for batch in share for key in batch]
    assert [len(share) for share in shares] == [2, 2, 2]
    assert len(set(keys)) == len(keys) == 12


def test_validation_takes_the_end_of_a_listing():
    train, validation = split([pair(i) for i in range(10)], 0.2)
    assert [p.image for p in train + validation] == [f"{i:05d}" for i in range(10)]
    assert [p.image for p in validation] == ["00008", "00009"]
    assert split([pair(0)], 0.0)[1] == []


def test_validation_items_are_the_centre_of_pairs_spread_over_those_kept_out():
    pairs = [pair(i) for i in range(9)]
    items = validation_items(pairs, settings(validation_pairs=3, validation_side=16), 0)
    assert len(items) == 3
    for item, source in zip(items, (pairs[0], pairs[4], pairs[8]), strict=True):
        assert torch.equal((item["ir"][0, 0] * 255).round().byte(), torch.from_numpy(source.read()[0][12:28, 20:36]))
    again = validation_items(pairs, settings(validation_pairs=3, validation_side=16), 0, PAPER)
    for a, b in zip(
        again, validation_items(pairs, settings(validation_pairs=3, validation_side=16), 0, PAPER), strict=True
    ):
        assert torch.equal(a["seen_vis"], b["seen_vis"])
    assert validation_items([], settings(), 0) == []


@pytest.mark.parametrize("count", [0, 5])
def test_more_validation_pairs_than_there_are_is_all_of_them(count):
    assert len(validation_items([pair(i) for i in range(count)], settings(validation_pairs=99), 0)) == count
