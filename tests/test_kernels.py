"""Every kernel: the compiled form gives what the plain form, which defines it, gives. And what both must be."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bench.metrics.kernels
import degradation.kernels
import fusion.tsdm.kernels
from bench.metrics.kernels.edges import RIGHT_ANGLE, polar, preserved_sums
from bench.metrics.kernels.feature_windows import score_windows
from bench.metrics.kernels.filters import filter_inside, gaussian_kernel
from bench.metrics.kernels.phase import ORIENTATIONS, SCALES, accumulate, congruency, median_power
from degradation.kernels.sharpening import usm_sharpen
from fusion.tsdm.kernels.blocks import swin_blocks
from fusion.tsdm.networks.student import DIM, SwinBlock
from tsdm_bench.compiled import KERNELS, Kernel, numba

needs_numba = pytest.mark.skipif(numba is None, reason="without numba there are only plain forms")

ROOMS = (bench.metrics.kernels, degradation.kernels, fusion.tsdm.kernels)
for room in ROOMS:
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)

SIZES = ((7, 5), (1, 9), (40, 3), (31, 70), (129, 18))


def gradients(random: np.random.Generator) -> Iterator[tuple]:
    for height, width in SIZES:
        for dtype in (np.float32, np.float64):
            along, down = random.integers(-4, 5, (2, 2, 1, height, width)).astype(dtype) * 100
            yield torch.from_numpy(along), torch.from_numpy(down)


def edge_maps(random: np.random.Generator) -> Iterator[tuple]:
    for height, width in SIZES:
        parts = random.integers(-1020, 1021, (3, 2, 2, 1, height, width)) * random.integers(
            0, 2, (3, 1, 2, 1, height, width)
        )
        parts[2, :, :, :, :, ::3] = parts[0, :, :, :, :, ::3]  # as strong as a source
        yield tuple(polar.plain(*(torch.from_numpy(each.astype(np.float64)) for each in image)) for image in parts)


def responses(random: np.random.Generator, *shape: int) -> torch.Tensor:
    parts = random.normal(size=(2, *shape)) * random.exponential(30, shape)
    return torch.from_numpy((parts[0] + 1j * parts[1]).astype(np.complex64))


def orientations(random: np.random.Generator) -> Iterator[tuple]:
    for size in SIZES:
        sums = torch.from_numpy(random.random((5, *size), np.float32))
        for index in range(0, ORIENTATIONS, 2):
            yield sums, responses(random, SCALES, *size), 0.3 * index, index * np.pi / ORIENTATIONS


def orientation_sums(random: np.random.Generator) -> Iterator[tuple]:
    for size in SIZES:
        yield (torch.from_numpy(random.random((5, *size), np.float32)),)


def numbers(random: np.random.Generator) -> Iterator[tuple]:
    for size in (*SIZES, (40, 25), (2, 1), (1, 1)):
        yield (responses(random, *size),)
    yield (torch.zeros(6, 4, dtype=torch.complex64),)
    yield (torch.ones(5, 7, dtype=torch.complex64),)


def windows(random: np.random.Generator) -> Iterator[tuple]:
    for height, width in (*SIZES, (40, 61)):
        for dtype in (np.float32, np.float64):
            x = torch.from_numpy(255 * random.random((2, 1, height, width)).astype(dtype))
            for taps in ((1.0,), (0.1, 0.3, 0.2, 0.3, 0.1), gaussian_kernel(17, 3.4)):
                for others in ((-1.0, 0.5, 1.0), (0.3, 0.5)):
                    if len(taps) <= height and len(others) <= width:
                        yield x, taps, others
                        means = torch.rand(2, 2, 1, height - len(taps) + 1, width - len(others) + 1).double()
                        yield x, taps, others, tuple(means)


def feature_maps(random: np.random.Generator) -> Iterator[tuple]:
    for height, width in ((3, 3), (3, 9), (31, 17)):
        maps = [torch.from_numpy(random.integers(0, levels, (2, height, width)) * 1.0) for levels in (2, 7, 256)]
        yield tuple(maps)
        yield maps[0], maps[2], maps[2]
        yield torch.zeros_like(maps[0]), maps[1], maps[0]


def images(random: np.random.Generator) -> Iterator[tuple]:
    for height, width in (*SIZES, (1, 1), (300, 171)):
        for channels in (1, 3):
            noise = random.random((height, width, channels), np.float32)
            yield (np.clip(2 * noise - 0.5, 0, 1),)


def swin(random: np.random.Generator) -> Iterator[tuple]:
    torch.manual_seed(0)
    blocks = torch.nn.ModuleList(SwinBlock() for _ in range(3)).eval().requires_grad_(False)
    for parameter in blocks.parameters():
        parameter.copy_(0.2 * torch.randn_like(parameter))
    for size in ((1, 8, 8), (2, 8, 24), (2, 24, 16)):
        for count in (2, 3):
            yield torch.randn(*size, DIM), blocks[:count], [0.1] * count


INPUTS: dict[Kernel, tuple[Callable[[np.random.Generator], Iterator[tuple]], float, float]] = {
    polar: (gradients, 1e-15, 1e-15),
    preserved_sums: (edge_maps, 1e-13, 0),
    accumulate: (orientations, 2e-5, 2e-5),  # single precision; a difference of two sums
    congruency: (orientation_sums, 1e-6, 1e-6),
    median_power: (numbers, 1e-6, 0),
    score_windows: (feature_maps, 1e-9, 1e-9),
    filter_inside: (windows, 0, 1e-11),
    usm_sharpen: (images, 0, 1e-6),
    swin_blocks: (swin, 0, 1e-4),
}
"""Kernel: random arguments, relative and absolute tolerance."""


def test_every_kernel_is_tested_here() -> None:
    assert {kernel.__name__ for kernel in INPUTS} == {kernel.__name__ for kernel in KERNELS}


def arrays(values: object) -> list[np.ndarray]:
    return [np.asarray(each) for each in (values if isinstance(values, tuple) else (values,))]


@needs_numba
@pytest.mark.parametrize("kernel", INPUTS, ids=lambda kernel: kernel.__name__)
def test_both_forms_give_the_same(kernel: Kernel) -> None:
    make, rtol, atol = INPUTS[kernel]
    for arguments in make(np.random.default_rng(0)):
        copies = [each.clone() if isinstance(each, torch.Tensor) else each for each in arguments]
        expected, found = kernel.plain(*arguments), kernel.compiled(*copies)
        for ours, theirs in zip(arrays(found), arrays(expected), strict=True):
            assert ours.shape == theirs.shape
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    assert not kernel.failed


@needs_numba
@pytest.mark.parametrize(
    "kernel", [polar, accumulate, median_power, score_windows, swin_blocks], ids=lambda kernel: kernel.__name__
)
def test_any_number_of_threads_gives_the_same_bits(kernel: Kernel) -> None:
    arguments = list(INPUTS[kernel][0](np.random.default_rng(1)))[-2]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            copies = [each.clone() if isinstance(each, torch.Tensor) else each for each in arguments]
            found.append(arrays(kernel.compiled(*copies)))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_median_power_is_that_of_numpy() -> None:
    for (values,) in numbers(np.random.default_rng(2)):
        power = (values.numpy().astype(np.complex128) * values.numpy().conj()).real.astype(np.float32)
        assert median_power(values) == pytest.approx(np.median(power), rel=1e-6)


def test_angles_are_those_of_the_arctangent() -> None:
    levels = torch.arange(-1020, 1021, 17, dtype=torch.float64)
    along, down = (each[None, None].contiguous() for each in torch.meshgrid(levels, levels, indexing="ij"))
    strength, angle = polar(along, down)
    torch.testing.assert_close(strength, torch.hypot(along, down), rtol=1e-15, atol=0)
    expected = torch.where(along == 0, RIGHT_ANGLE, torch.atan(-down / along))
    torch.testing.assert_close(angle, expected, rtol=0, atol=1e-15)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "kernel", [k for k in INPUTS if k not in (preserved_sums, usm_sharpen, swin_blocks)], ids=lambda k: k.__name__
)
def test_plain_forms_give_the_same_on_a_gpu(kernel: Kernel) -> None:
    make, rtol, atol = INPUTS[kernel]
    for arguments in make(np.random.default_rng(0)):
        there = [each.cuda() if isinstance(each, torch.Tensor) else each for each in arguments]
        found, expected = kernel(*there), kernel.plain(*arguments)
        for ours, theirs in zip(found if isinstance(found, tuple) else (found,), arrays(expected), strict=True):
            ours = ours.cpu() if isinstance(ours, torch.Tensor) else ours
            np.testing.assert_allclose(ours, theirs, rtol=10 * rtol, atol=10 * atol)


@needs_numba
def test_the_vectors_of_another_processor_give_the_same(tmp_path: Path) -> None:
    image = np.clip(np.random.default_rng(4).normal(0.5, 0.3, (150, 70, 3)), 0, 1).astype(np.float32)
    np.save(tmp_path / "in.npy", image)
    script = """
import sys
import numpy
from degradation.kernels.sharpening import usm_sharpen
from tsdm_bench.vectors import LANES
assert LANES == 8
numpy.save(sys.argv[2], usm_sharpen(numpy.load(sys.argv[1])))
assert not usm_sharpen.failed
"""
    command = [sys.executable, "-c", script, tmp_path / "in.npy", tmp_path / "out.npy"]
    processor = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run(command, env=os.environ | processor, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), usm_sharpen(image), atol=1e-6)
