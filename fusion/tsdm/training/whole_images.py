"""Patches of whole images that the teacher fused once, and whose exposure and contrast change as a whole.

The teacher takes seconds an image: it makes the targets before training starts, and patches are cut from them. And a
test degrades whole images: contrast pulls a dark corner towards the mean of the image, not of the corner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from degradation.factor import Modality
from degradation.kernels.sharpening import usm_sharpen
from degradation.mixture import draw_mixed_steps
from degradation.photometry import contrast, mean_level, to_uint8
from degradation.random_model import OPERATIONS, Step, apply_steps
from fusion.method import rgb_to_ycbcr, ycbcr_to_rgb
from fusion.tsdm.networks.lite import CELL, statistics_of
from fusion.tsdm.training.config import StudentConfig
from fusion.tsdm.training.data import Item, Key, Patches, TrainingPair

PHOTOMETRIC = ("brightness", "contrast")
"""The first steps of a degradation: those that see the whole image."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Teacher = Callable[[Tensor, Tensor], Tensor]
"""``fused luma = teacher(ir, y)``, N×1×H×W each."""


class WholeImagePatches(Patches):
    """``patches[epoch, i]``: ``seen_ir`` 1×h×w, ``seen_vis`` 3×h×w and ``target`` 3×h×w in [0, 1], and ``overview``,
    what the whole degraded images tell of their exposure and contrast.
    """

    def __init__(
        self, pairs: Sequence[TrainingPair], config: StudentConfig, teacher: Teacher, identity: str, folder: Path
    ) -> None:
        super().__init__(pairs, config.data, config.seed, config.degradation)
        self.variety = config.variety
        self.images = []
        for pair in tqdm(pairs, desc="targets", unit="pair", leave=False):
            ir, vis = (reduced(image, config.data.longest_side) for image in pair.read())
            target = fused_target(ir, vis, config.sharpen, teacher, identity, folder)
            ir = ir[..., None]
            self.images.append((ir, vis, target, _cells(ir), _cells(vis), mean_level(target)))

    def __getitem__(self, key: Key) -> Item:
        epoch, number = key
        generator = np.random.default_rng([self.seed, epoch, number])
        ir, vis, target, cells_ir, cells_vis, mean = self.images[number // self.settings.crops_per_pair]
        ir, vis, target = self._cut([ir, vis, target], generator)
        if self.settings.scene_contrast != (1, 1):
            factor = generator.uniform(*self.settings.scene_contrast)
            target = contrast(target, factor, mean)
            ir, cells_ir = (contrast(image, factor, mean_level(cells_ir)) for image in (ir, cells_ir))
            vis, cells_vis = (contrast(image, factor, mean_level(cells_vis)) for image in (vis, cells_vis))
        ir, cells_ir, rest_ir = self._expose("ir", ir, cells_ir, generator)
        vis, cells_vis, rest_vis = self._expose("vis", vis, cells_vis, generator)
        cells = np.concatenate([cells_ir, cells_vis], axis=2).astype(np.float32)
        if self.settings.permute_colours:
            order = generator.permutation(3)
            vis, target, cells = vis[..., order], _recoloured(target, order), cells[..., [0, *(1 + order)]]
        if generator.random() < self.settings.grey_probability:
            vis, target = _grey(vis), _grey(target)
            cells[..., 1:] = (cells[..., 1:] @ LUMA)[..., None]
        return {
            "seen_ir": _tensor(_seen(ir, rest_ir, generator)),
            "seen_vis": _tensor(_seen(vis, rest_vis, generator)),
            "target": _tensor(target),
            "overview": statistics_of(torch.from_numpy(cells).permute(2, 0, 1)[None] / 255)[0],
        }

    def _expose(
        self, modality: Modality, patch: np.ndarray, cells: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, list[Step]]:
        """Patch and cells after the photometric steps of a draw, and the steps that remain."""
        steps = draw_mixed_steps(modality, generator, self.variety, self.degradation)
        for step in steps:
            if step["operation"] in PHOTOMETRIC:
                operation, whole = OPERATIONS[step["operation"]], {"mean": mean_level(cells)}
                patch, cells = (operation(image, step | whole, generator) for image in (patch, cells))
        return patch, cells, [step for step in steps if step["operation"] not in PHOTOMETRIC]

    def _cut(self, images: list[np.ndarray], generator: np.random.Generator) -> list[np.ndarray]:
        """The same random window of all images, scaled to the size of a patch, and mirrored at random if asked."""
        have, patch = images[0].shape[:2], self.settings.patch
        scale = 1.0
        if self.settings.smallest_scale < 1 and generator.random() < 0.5:
            scale = generator.uniform(self.settings.smallest_scale, 1)
        # An image that is smaller than a patch is enlarged.
        scale = max(scale, *(side / available for side, available in zip(patch, have, strict=True)))
        height, width = (round(side / scale) for side in patch)
        top = generator.integers(have[0] - height, endpoint=True)
        left = generator.integers(have[1] - width, endpoint=True)
        step = -1 if self.settings.flips and generator.random() < 0.5 else 1
        windows = (np.ascontiguousarray(image[top : top + height, left : left + width][:, ::step]) for image in images)
        return [_resized(window, patch) for window in windows]


def fused_target(
    ir: np.ndarray, vis: np.ndarray, sharpen: bool, teacher: Teacher, identity: str, folder: Path
) -> np.ndarray:
    """The teacher's fusion of a clean pair (H×W and H×W×3 RGB, uint8) in the colours of the visible image, H×W×3 uint8.

    The fused luma is kept as a PNG file in ``folder``, named by the pixels of the pair and the ``identity`` of the
    teacher: what is there already is read, not computed. Rounding to 8 bits adds an error of a third of a level, which
    is a tenth of what separates a student from the target.
    """
    if sharpen:
        ir, vis = (
            to_uint8(usm_sharpen(image.reshape(*ir.shape, -1).astype(np.float32) / 255)).reshape(image.shape)
            for image in (ir, vis)
        )
    y, cb, cr = rgb_to_ycbcr(_tensor(vis)[None])
    content = hashlib.sha256(f"{identity} {ir.shape}".encode())
    for image in (ir, vis):
        content.update(np.ascontiguousarray(image))
    path = folder / f"{content.hexdigest()[:24]}.png"
    if not path.is_file():
        with torch.no_grad():
            fused = teacher(_tensor(ir[..., None])[None], y).float().clamp(0, 1).cpu()
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part.png")
        cv2.imwrite(str(temporary), (fused[0, 0] * 255).round().byte().numpy())
        temporary.replace(path)
    luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    rgb = ycbcr_to_rgb(_tensor(luma[..., None])[None], cb, cr).clamp(0, 1)
    return (rgb[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def reduced(image: np.ndarray, longest_side: int | None) -> np.ndarray:
    """``image`` (H×W or H×W×3, uint8) shrunk by averaging so that no side is longer than ``longest_side``."""
    scale = 1.0 if longest_side is None else longest_side / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _cells(image: np.ndarray) -> np.ndarray:
    """The mean levels of ``CELL``×``CELL`` pixels of H×W×C, uint8: a picture of the whole image."""
    height, width = (max(side // CELL, 1) for side in image.shape[:2])
    whole = image[: height * CELL, : width * CELL]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == tuple(size):
        return image
    way = cv2.INTER_AREA if image.shape[0] > size[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=way).reshape(*size, -1)


def _recoloured(target: np.ndarray, order: np.ndarray) -> np.ndarray:
    """What the teacher would have made of a visible image with swapped colour channels, of which the luma differs.

    Half of the difference goes into the fused luma: the teacher weighs its two sources alike.
    """
    moved = target[..., order].astype(np.float32)
    change = moved @ LUMA - target @ LUMA
    return np.clip(np.rint(moved - change[..., None] / 2), 0, 255).astype(np.uint8)


def _grey(image: np.ndarray) -> np.ndarray:
    return np.repeat(np.rint(image @ LUMA).astype(np.uint8)[..., None], 3, axis=2)


def _seen(image: np.ndarray, steps: list[Step], generator: np.random.Generator) -> np.ndarray:
    """The degraded patch as it would be stored, in 8 bits."""
    return to_uint8(apply_steps(np.ascontiguousarray(image), steps, generator))


def _tensor(image: np.ndarray) -> Tensor:
    """H×W×C uint8 to C×H×W float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
