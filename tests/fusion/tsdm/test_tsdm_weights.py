"""The weights that come with the package do what they were trained for, on pairs that they have never seen."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from kornia.filters import gaussian_blur2d
from skimage.metrics import structural_similarity

from bench.datasets import DATASETS
from bench.methods import find_method
from degradation.condition import degrade
from degradation.factor import FACTORS
from fusion.method import prepare
from tsdm_bench.tensors import as_batch
from tsdm_bench.weights.location import is_intact, locate

LARGEST = {"tsdm_lite": 600_000, "tsdm_student": 3_000_000, "tsdm_teacher": 10_000_000}
SIDE = 128
PAIRS = 4
HALO = 6.0
"""Grey levels by which the light student may overshoot beside a step of 102 levels."""


@pytest.mark.parametrize("method", LARGEST)
def test_packaged_weights_are_those_of_their_card_and_small(method):
    (file,) = find_method(method).weights
    path = locate(file)
    assert path.parent == file.folder
    assert file.sha256
    assert is_intact(path, file)
    assert path.stat().st_size <= LARGEST[method]
    assert path.with_suffix(".md").read_text().startswith(f"# {method}")


@pytest.mark.parametrize(
    ("student", "dataset"), [("tsdm_student", "synthetic"), ("tsdm_student", "tno"), ("tsdm_lite", "tno")]
)
def test_a_student_restores_what_the_teacher_would_have_fused(student, dataset, request):
    """Mean over the centres of some pairs, under the composite degradation of the training at severity 3."""
    root = request.getfixturevalue("data_root") if dataset == "tno" else None
    fuse = {
        "teacher": _packaged("tsdm_teacher"),
        "student": _packaged(student),
    }
    pairs = DATASETS[dataset].pairs(root)
    psnr, ssim = {"student": [], "teacher": []}, {"student": [], "teacher": []}
    for pair in pairs[:: len(pairs) // PAIRS][:PAIRS]:
        place = {"seed": 0, "dataset": dataset, "image": pair.image}
        clean = [_centre(image) for image in pair.read()]
        seen = degrade(*clean, FACTORS["tsdm"], 3, "both", **place)[:2]
        target = _fused(fuse["teacher"], clean)
        for who in fuse:
            fused = _fused(fuse[who], seen)
            psnr[who].append(-10 * torch.log10((fused - target).square().mean()).item())
            greys = [image.mean(dim=(0, 1)).numpy() for image in (fused, target)]
            ssim[who].append(structural_similarity(*greys, data_range=1.0))
    assert np.mean(psnr["student"]) > np.mean(psnr["teacher"])
    assert np.mean(ssim["student"]) > np.mean(ssim["teacher"])


def test_the_light_student_keeps_greys_grey_and_leaves_no_halo_beside_a_step():
    fuse = _packaged("tsdm_lite")
    step = torch.full((1, 1, 96, 96), 0.3)
    step[..., 48:] = 0.7
    seen = gaussian_blur2d(step, (9, 9), (1.2, 1.2))
    fused = fuse(seen, seen.expand(-1, 3, -1, -1)) * 255
    assert (fused.amax(1) - fused.amin(1)).max() < 0.5
    line = fused[0, 1, 48]
    dark, bright = line[8:24].mean(), line[-24:-8].mean()
    assert max(dark - line.min(), line.max() - bright) < HALO


@pytest.mark.parametrize("suffix", [".ts", ".onnx"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_packaged_network_files_are_those_of_the_packaged_weights(suffix):
    path = locate(find_method("tsdm_lite").weights[0]).with_suffix(suffix)
    assert path.stat().st_size <= 1_500_000
    pair = DATASETS["synthetic"].pairs(None)[0].read()
    ir, vis = (as_batch(image[:90, :110]).float() / 255 for image in pair)
    if suffix == ".ts":
        fused = torch.jit.load(path)(ir, vis)
    else:
        session = onnxruntime.InferenceSession(path)
        fused = torch.from_numpy(session.run(None, {"ir": ir.numpy(), "vis": vis.numpy()})[0])
    torch.testing.assert_close(fused, _packaged("tsdm_lite")(ir, vis), atol=1e-4, rtol=0)


def _packaged(name: str):
    method = find_method(name)
    return prepare(method, {file.name: locate(file) for file in method.weights})


def _centre(image: np.ndarray) -> np.ndarray:
    top, left = ((side - SIDE) // 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])


def _fused(fuse, sources) -> torch.Tensor:
    ir, vis = (as_batch(image).float() / 255 for image in sources)
    return fuse(ir, vis)
