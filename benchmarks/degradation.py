"""Time of the degradation model on one 1024×768 RGB image, one thread: median CPU milliseconds per call.

Run as ``python -m benchmarks.degradation``. The last column is the budget; the plain implementation (scipy convolution,
PIL) that it is measured against takes blur 109, noise 36, JPEG 25, contrast 18, brightness 17, USM 62 and 172 ms for
the whole visible chain on a 2-core machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from degradation.jpeg import jpeg
from degradation.kernels.blur import convolve, gaussian_kernel
from degradation.kernels.sharpening import usm_sharpen
from degradation.noise import add_color_noise, add_correlated_noise, add_gray_noise, random_covariance
from degradation.photometry import brightness, contrast, to_float, to_uint8
from degradation.random_model import PAPER, apply_steps, blur_kernel, degrade_ir, degrade_vis, draw_steps

HEIGHT, WIDTH = 768, 1024
SIGMA = 10 / 255


def test_image() -> np.ndarray:
    """Smooth fields with noise of natural size: nothing that compresses or blurs untypically fast."""
    random = np.random.default_rng(0)
    coarse = cv2.resize(random.random((24, 32, 3), dtype=np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(random.random((HEIGHT, WIDTH, 3), dtype=np.float32), (0, 0), 1.0) - 0.5
    return np.clip(0.8 * coarse + 0.4 * fine, 0, 1)


def cases() -> list[tuple[str, Callable[[], object], float | None]]:
    """(name, call, budget in ms) of everything that is timed."""
    image = test_image()
    levels, infrared = to_uint8(image), np.ascontiguousarray(image[..., :1])
    generator = np.random.default_rng(1)
    covariance = random_covariance(20 / 255, generator)

    def blur_of_a_draw() -> object:
        step = next(step for step in draw_steps("vis", generator) if step["operation"] == "blur")
        return convolve(image, blur_kernel(step))

    def noise_of_a_draw() -> object:
        step = next(step for step in draw_steps("vis", generator) if step["operation"] == "noise")
        return apply_steps(image, [step], generator)

    return [
        ("brightness (with conversions)", lambda: to_float(brightness(to_uint8(image), 0.8)), None),
        ("contrast (with conversions)", lambda: to_float(contrast(to_uint8(image), 0.8)), None),
        ("JPEG, quality 80", lambda: jpeg(levels, 80), None),
        ("noise, as drawn by the model", noise_of_a_draw, 8),
        ("noise, colour", lambda: add_color_noise(image, SIGMA, generator), 8),
        ("noise, grey", lambda: add_gray_noise(image, SIGMA, generator), 8),
        ("noise, correlated", lambda: add_correlated_noise(image, covariance, generator), 8),
        ("blur, as drawn by the model", blur_of_a_draw, 12),
        ("blur, isotropic 13×13", lambda: convolve(image, gaussian_kernel(13, PAPER.blur_sigma)), 12),
        *(
            (f"blur, anisotropic {size}×{size}, widest", lambda size=size: convolve(image, widest_kernel(size)), 12)
            for size in PAPER.kernel_sizes
        ),
        ("whole visible chain", lambda: degrade_vis(image, generator), 35),
        ("whole infrared chain", lambda: degrade_ir(infrared, generator), None),
        ("USM sharpening", lambda: usm_sharpen(image), 12),
    ]


def widest_kernel(size: int) -> np.ndarray:
    """The slowest case of the model: nothing separable, no weight negligible."""
    step = {"kind": "anisotropic", "size": size, "variances": [PAPER.blur_variance, 0.8 * PAPER.blur_variance]}
    return blur_kernel(step | {"angle": 0.7})


def median_milliseconds(call: Callable[[], object], repeats: int) -> float:
    """Median CPU time: unlike wall time it does not count what other processes do meanwhile."""
    call()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=41, metavar="N", help="calls per line (default: 41)")
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(f"{f'{WIDTH}×{HEIGHT} RGB float32, one thread, median of {repeats}':<44}{'ms':>8}{'budget':>8}")
    for name, call, budget in cases():
        print(f"{name:<44}{median_milliseconds(call, repeats):>8.1f}{budget or '':>8}", flush=True)


if __name__ == "__main__":
    main()
