"""What each compiled loop earns over its plain form: the ratios that the docstrings of the kernels state."""

from __future__ import annotations

import numpy as np
import torch

from bench.metrics.kernels.edges import polar, preserved_sums
from bench.metrics.kernels.feature_windows import score_windows
from bench.metrics.kernels.filters import filter_inside, gaussian_kernel, sobel
from bench.metrics.kernels.phase import SCALES, accumulate, congruency, median_power
from benchmarks.metrics import triple
from benchmarks.timing import Budget
from fusion.tsdm.kernels.blocks import swin_blocks
from fusion.tsdm.networks.student import DIM, Student

LEAST = 2.4
"""The house asks for 3; a busy machine takes a fifth, and for small images of the student the gain is smaller."""
LEAST_OF_FILTERS = 1.3


def budgets() -> list[Budget]:
    """One for each kernel; that of sharpening is with the degradations."""
    random = np.random.default_rng(0)
    images = triple()
    maps = [image[:, 0].double()[:, :256] for image in images]
    height, width = images[0].shape[-2:]
    parts = random.normal(0, 20, (2, SCALES, height, width)).astype(np.float32)
    responses = torch.complex(*map(torch.from_numpy, parts))
    sums = torch.from_numpy(random.random((5, height, width), np.float32))
    edges = [polar(*sobel(image)) for image in images]
    group = Student().eval().requires_grad_(False).layers[0].residual_group
    tokens = torch.from_numpy(random.normal(0, 1, (1, 384, 512, DIM)).astype(np.float32))
    window = gaussian_kernel(17, 3.4)
    arguments = {
        polar: sobel(images[0]),
        preserved_sums: edges,
        accumulate: (sums, responses, 0.3, 0.5),
        congruency: (sums,),
        median_power: (responses[0],),
        score_windows: maps,
        filter_inside: (images[0], window, window),
        swin_blocks: (tokens, group.blocks, group.drop_path),
    }
    return [
        Budget(
            f"kernel {kernel.__name__}",
            lambda kernel=kernel, given=given: kernel.plain(*given),
            lambda kernel=kernel, given=given: kernel(*given),
            LEAST_OF_FILTERS if kernel is filter_inside else LEAST,
        )
        for kernel, given in arguments.items()
    ]
