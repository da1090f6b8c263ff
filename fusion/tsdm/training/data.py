"""Training data: random patches of pairs, degraded on the fly, the same whatever the number of workers.

A student's patches are degraded one by one in the data workers, or left with their draws for :meth:`Patches.finished`,
which degrades a whole batch on the device where it lies.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from degradation import RandomModel, degrade_ir, degrade_vis
from degradation.batched import degrade_batch, draw, usm_sharpen_batch
from degradation.kernels.sharpening import usm_sharpen
from fusion.tsdm.training.config import DataSettings

CACHED_PAIRS = 512
"""Decoded pairs that each worker keeps in memory."""

Item = dict[str, Any]
"""Tensors by name; those of a draw (:data:`degradation.batched.Draw`) one level down."""
Key = tuple[int, int]
"""Epoch and number of a patch within it: all that its random draws depend on, besides the seed."""


class TrainingPair(Protocol):
    """An aligned pair: ``read()`` gives infrared H×W and visible H×W×3 RGB, both uint8."""

    @property
    def image(self) -> str:
        """The id of the pair."""

    @property
    def read(self) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Reads the pair."""


P = TypeVar("P", bound=TrainingPair)


def split(pairs: Sequence[P], fraction: float) -> tuple[list[P], list[P]]:
    """The first pairs of a listing for training, the last ``fraction`` of it for validation.

    Listings follow the numbers of video frames, which are near-duplicates of their neighbours: one cut keeps them apart
    better than a random draw would.
    """
    kept = len(pairs) - round(fraction * len(pairs))
    return list(pairs[:kept]), list(pairs[kept:])


class Patches(Dataset):
    """Random patches: ``patches[epoch, i]`` is patch i of an epoch.

    Items hold ``ir`` 1×h×w and ``vis`` 3×h×w RGB in [0, 1]. With ``degradation`` these are sharpened (the side that
    targets are made from), and ``seen_ir``, ``seen_vis`` are the degraded patches. With ``batches`` sharpening and
    degrading are left to :meth:`finished`.
    """

    def __init__(
        self,
        pairs: Sequence[TrainingPair],
        settings: DataSettings,
        seed: int,
        degradation: RandomModel | None = None,
        batches: bool = False,
    ) -> None:
        self.pairs, self.settings, self.seed, self.degradation = list(pairs), settings, seed, degradation
        self.batches = batches and degradation is not None
        self._decoded: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.pairs) * self.settings.crops_per_pair

    def __getitem__(self, key: Key) -> Item:
        epoch, number = key
        generator = np.random.default_rng([self.seed, epoch, number])
        ir, vis = (
            _extended(image, self.settings.patch) for image in self._read(number // self.settings.crops_per_pair)
        )
        height, width = self.settings.patch
        top = generator.integers(ir.shape[0] - height, endpoint=True)
        left = generator.integers(ir.shape[1] - width, endpoint=True)
        ir, vis = (image[top : top + height, left : left + width] for image in (ir, vis))
        if self.settings.flips and generator.random() < 0.5:
            ir, vis = ir[:, ::-1], vis[:, ::-1]
        if self.settings.permute_colours:
            vis = vis[..., generator.permutation(3)]
        if self.batches:
            return _undegraded(ir, vis, generator, self.degradation)
        return item(ir, vis, generator, self.degradation)

    def finished(self, batch: Item) -> Item:
        """The batch as it is trained on: with ``batches``, sharpened and degraded here, on the device of ``batch``."""
        if not self.batches:
            return batch
        ir, vis = batch["ir"], batch["vis"]
        return {
            "ir": usm_sharpen_batch(ir.float() / 255),
            "vis": usm_sharpen_batch(vis.float() / 255),
            "seen_ir": degrade_batch(ir, batch["ir_draw"]),
            "seen_vis": degrade_batch(vis, batch["vis_draw"]),
        }

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index not in self._decoded:
            decoded = self.pairs[index].read()
            if len(self._decoded) >= CACHED_PAIRS:
                return decoded
            self._decoded[index] = decoded
        return self._decoded[index]


def item(ir: np.ndarray, vis: np.ndarray, generator: np.random.Generator, degradation: RandomModel | None) -> Item:
    """One pair (H×W, H×W×3, uint8) as tensors, degraded by one draw for each image where ``degradation`` is given."""
    ir = ir[..., None].astype(np.float32) / 255
    vis = vis.astype(np.float32) / 255
    if degradation is None:
        return {"ir": _tensor(ir), "vis": _tensor(vis)}
    return {
        "ir": _tensor(usm_sharpen(ir)),
        "vis": _tensor(usm_sharpen(vis)),
        "seen_ir": _tensor(degrade_ir(ir, generator, degradation)),
        "seen_vis": _tensor(degrade_vis(vis, generator, degradation)),
    }


def _undegraded(ir: np.ndarray, vis: np.ndarray, generator: np.random.Generator, degradation: RandomModel) -> Item:
    """The pair as uint8 tensors, with the draws that :func:`item` would degrade it by."""
    return {
        "ir": _tensor(ir[..., None]),
        "vis": _tensor(vis),
        "ir_draw": draw("ir", ir.shape[:2], generator, degradation),
        "vis_draw": draw("vis", vis.shape[:2], generator, degradation),
    }


def validation_items(
    pairs: Sequence[TrainingPair], settings: DataSettings, seed: int, degradation: RandomModel | None = None
) -> list[Item]:
    """The central part of pairs taken evenly over ``pairs``, as batches of one; the same draws every time."""
    count = min(settings.validation_pairs, len(pairs))
    chosen = [round(i * (len(pairs) - 1) / max(count - 1, 1)) for i in range(count)]
    items = []
    for index in chosen:
        ir, vis = (_centre(image, settings.validation_side) for image in pairs[index].read())
        patch = item(ir, vis, np.random.default_rng([seed, index]), degradation)
        items.append({name: value[None] for name, value in patch.items()})
    return items


class EpochOrder(Sampler):
    """Batches of patch keys of one epoch, shuffled by (seed, epoch), for one of ``world`` processes.

    Iteration starts at batch ``start``, which is how a run goes on in the middle of an epoch. What does not fill a
    batch of all processes is left for the next epoch's shuffle.
    """

    def __init__(self, count: int, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.count, self.batch, self.seed, self.rank, self.world = count, batch, seed, rank, world
        self.epoch, self.start = 1, 0

    def __len__(self) -> int:
        return self.count // (self.batch * self.world)

    def __iter__(self) -> Iterator[list[Key]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        for i in range(self.start, len(self)):
            first = (i * self.world + self.rank) * self.batch
            yield [(self.epoch, int(number)) for number in order[first : first + self.batch]]


def patch_loader(patches: Patches, order: EpochOrder, pin_memory: bool) -> DataLoader:
    """The batches of an epoch in ``order``, made by the data workers of the settings and kept alive between epochs."""
    workers = patches.settings.workers
    return DataLoader(
        patches,
        batch_sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        worker_init_fn=_quiet_worker,
    )


def _quiet_worker(_: int) -> None:
    """Ctrl-C is for the main process, which stops after the step at hand; threads are for it as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _extended(image: np.ndarray, patch: tuple[int, int]) -> np.ndarray:
    """Repeat the last row and column until a patch fits."""
    missing = [max(side - have, 0) for side, have in zip(patch, image.shape, strict=False)]
    if not any(missing):
        return image
    return np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)][: image.ndim], mode="edge")


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(have - side, 0) // 2 for have in image.shape[:2])
    return image[top : top + side, left : left + side]


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
