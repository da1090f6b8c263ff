"""The weights that come with the package do what they were trained for, on pairs that they have never seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from bench.datasets import DATASETS
from bench.methods import find_method
from degradation.condition import degrade
from degradation.factor import FACTORS
from fusion.method import prepare
from tsdm_bench.images import as_batch
from tsdm_bench.weights.location import is_intact, locate

LARGEST = {"tsdm_student": 3_000_000, "tsdm_teacher": 10_000_000}
SIDE = 128
PAIRS = 4


@pytest.mark.parametrize("method", LARGEST)
def test_packaged_weights_are_those_of_their_card_and_small(method):
    (file,) = find_method(method).weights
    path = locate(file)
    assert path.parent == file.folder
    assert file.sha256
    assert is_intact(path, file)
    assert path.stat().st_size <= LARGEST[method]
    assert path.with_suffix(".md").read_text().startswith(f"# {method}")


@pytest.mark.parametrize("dataset", ["synthetic", "tno"])
def test_the_student_restores_what_the_teacher_would_have_fused(dataset, request):
    """Mean over the centres of some pairs, under the composite degradation of the training at severity 3."""
    root = request.getfixturevalue("data_root") if dataset == "tno" else None
    fuse = {
        name: prepare(find_method(name), {file.name: locate(file) for file in find_method(name).weights})
        for name in ("tsdm_teacher", "tsdm_student")
    }
    pairs = DATASETS[dataset].pairs(root)
    psnr, ssim = {"student": [], "teacher": []}, {"student": [], "teacher": []}
    for pair in pairs[:: len(pairs) // PAIRS][:PAIRS]:
        place = {"seed": 0, "dataset": dataset, "image": pair.image}
        clean = [_centre(image) for image in pair.read()]
        seen = degrade(*clean, FACTORS["tsdm"], 3, "both", **place)[:2]
        target = _fused(fuse["tsdm_teacher"], clean)
        for who, method in (("student", "tsdm_student"), ("teacher", "tsdm_teacher")):
            fused = _fused(fuse[method], seen)
            psnr[who].append(-10 * torch.log10((fused - target).square().mean()).item())
            greys = [image.mean(dim=(0, 1)).numpy() for image in (fused, target)]
            ssim[who].append(structural_similarity(*greys, data_range=1.0))
    assert np.mean(psnr["student"]) > np.mean(psnr["teacher"])
    assert np.mean(ssim["student"]) > np.mean(ssim["teacher"])


def _centre(image: np.ndarray) -> np.ndarray:
    top, left = ((side - SIDE) // 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])


def _fused(fuse, sources) -> torch.Tensor:
    ir, vis = (as_batch(image).float() / 255 for image in sources)
    return fuse(ir, vis)
