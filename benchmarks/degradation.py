"""Time of the degradation model on one 1024×768 RGB image, one thread: median CPU milliseconds per call.

Run as ``python -m benchmarks.degradation``; the budgets are those of ``python -m benchmarks``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.plain_degradation import plain_steps
from benchmarks.timing import Budget, machine, medians, one_thread
from degradation.jpeg import jpeg
from degradation.kernels.blur import convolve, gaussian_kernel
from degradation.kernels.sharpening import usm_sharpen
from degradation.noise import add_color_noise, add_correlated_noise, add_gray_noise, random_covariance
from degradation.photometry import brightness, contrast, to_float, to_uint8
from degradation.random_model import PAPER, apply_steps, blur_kernel, degrade_ir, degrade_vis, draw_steps

HEIGHT, WIDTH = 768, 1024
SIGMA = 10 / 255
DRAWS = 8


def test_image() -> np.ndarray:
    """Smooth fields with noise of natural size: nothing that compresses or blurs untypically fast."""
    random = np.random.default_rng(0)
    coarse = cv2.resize(random.random((24, 32, 3), dtype=np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(random.random((HEIGHT, WIDTH, 3), dtype=np.float32), (0, 0), 1.0) - 0.5
    return np.clip(0.8 * coarse + 0.4 * fine, 0, 1)


def cases() -> list[tuple[str, Callable[[], object]]]:
    """Name and call of everything that is timed."""
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
        ("brightness (with conversions)", lambda: to_float(brightness(to_uint8(image), 0.8))),
        ("contrast (with conversions)", lambda: to_float(contrast(to_uint8(image), 0.8))),
        ("JPEG, quality 80", lambda: jpeg(levels, 80)),
        ("noise, as drawn by the model", noise_of_a_draw),
        ("noise, colour", lambda: add_color_noise(image, SIGMA, generator)),
        ("noise, grey", lambda: add_gray_noise(image, SIGMA, generator)),
        ("noise, correlated", lambda: add_correlated_noise(image, covariance, generator)),
        ("blur, as drawn by the model", blur_of_a_draw),
        ("blur, isotropic 13×13", lambda: convolve(image, gaussian_kernel(13, PAPER.blur_sigma))),
        *(
            (f"blur, anisotropic {size}×{size}, widest", lambda size=size: convolve(image, widest_kernel(size)))
            for size in PAPER.kernel_sizes
        ),
        ("whole visible chain", lambda: degrade_vis(image, generator)),
        ("whole infrared chain", lambda: degrade_ir(infrared, generator)),
        ("USM sharpening", lambda: usm_sharpen(image)),
    ]


def widest_kernel(size: int) -> np.ndarray:
    """The slowest case of the model: nothing separable, no weight negligible."""
    step = {"kind": "anisotropic", "size": size, "variances": [PAPER.blur_variance, 0.8 * PAPER.blur_variance]}
    return blur_kernel(step | {"angle": 0.7})


def budgets() -> list[Budget]:
    """The visible chain of the paper against SciPy and PIL, over several draws; sharpening against OpenCV."""
    image = test_image()
    draws = [draw_steps("vis", np.random.default_rng(seed)) for seed in range(DRAWS)]

    def chains(apply: Callable[..., np.ndarray]) -> None:
        for seed, steps in enumerate(draws):
            apply(image, steps, np.random.default_rng(seed))

    return [
        Budget(
            f"visible degradation chain, {DRAWS} draws", lambda: chains(plain_steps), lambda: chains(apply_steps), 7
        ),
        Budget("USM sharpening", lambda: usm_sharpen.plain(image), lambda: usm_sharpen(image), 5),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=41, metavar="N", help="calls per line (default: 41)")
    repeats = parser.parse_args().repeats
    one_thread()
    print(machine())
    print(f"{f'{WIDTH}×{HEIGHT} RGB float32, one thread, median of {repeats}':<44}{'ms':>8}")
    for name, call in cases():
        print(f"{name:<44}{1e3 * medians([call], repeats)[0]:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
