"""Fused images against those that VIFB publishes (JPEG, which limits the agreement to 40 to 50 dB)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

PAIRS = ("fight", "manCar")
LUMA = (0.299, 0.587, 0.114)


def read(folder: Path, stem: str) -> np.ndarray:
    (path,) = folder.glob(f"{stem}.*")
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a - b) ** 2))


def fused_and_published(fuse, root: Path, folder: str, stem: str) -> tuple[np.ndarray, np.ndarray]:
    ir = cv2.cvtColor(read(root / "ir", stem), cv2.COLOR_RGB2GRAY)
    vis = torch.from_numpy(read(root / "vi", stem)).permute(2, 0, 1)[None].float() / 255
    fused = fuse(torch.from_numpy(ir)[None, None].float() / 255, vis)[0].permute(1, 2, 0).numpy()
    return np.round(fused * 255), read(root / folder, stem).astype(float)


@pytest.mark.parametrize("stem", PAIRS)
@pytest.mark.parametrize(("name", "folder"), [("seafusion_official", "SeAFusion"), ("ifcnn", "IFCNN")])
def test_colour_images_are_those_of_vifb(name, folder, stem, methods, prepared, data_root):
    fused, published = fused_and_published(prepared(methods[name]), data_root / "VIFB_published", folder, stem)
    assert psnr(fused, published) > 39


@pytest.mark.parametrize("stem", PAIRS)
@pytest.mark.parametrize(("name", "folder"), [("u2fusion", "U2Fusion"), ("ydtr", "YDTR")])
def test_luma_is_that_of_vifb_after_its_stretch(name, folder, stem, methods, prepared, data_root):
    """VIFB's images of these two are stretched; one gain and offset per image undoes it."""
    fused, published = fused_and_published(prepared(methods[name]), data_root / "VIFB_published", folder, stem)
    fused, published = fused @ LUMA, published @ LUMA
    gain, offset = np.polyfit(fused.ravel(), published.ravel(), 1)
    assert psnr(gain * fused + offset, published) > 40
