"""The dual-tree complex wavelet transform: exact inverse, shift invariance, directions."""

from __future__ import annotations

import cv2
import numpy as np
import pywt

from fusion.classical import wavelet


def test_dual_tree_reconstructs_perfectly():
    image = np.random.default_rng(0).random((64, 96))
    np.testing.assert_allclose(wavelet.inverse_dual_tree(*wavelet.dual_tree(image)), image, atol=1e-12)


def test_dual_tree_energy_hardly_depends_on_where_things_are():
    """Shift invariance, what the transform is for (Kingsbury 2001); the plain wavelet transform is the control."""
    disc = np.zeros((256, 256))
    cv2.circle(disc, (128, 128), 40, 1, -1)

    def dual_tree_energies(image):
        details = wavelet.dual_tree(image)[1]
        bands = [
            wavelet.to_complex(*(details[tree][level][band] for tree in wavelet.TREES))
            for level in range(wavelet.LEVELS)
            for band in range(3)
        ]
        return [np.sum(np.abs(z) ** 2) for pair in bands for z in pair]

    def plain_energies(image):
        levels = pywt.wavedec2(image, "bior2.2", "periodization", wavelet.LEVELS)[1:]
        return [np.sum(band**2) for level in levels for band in level]

    def variation(energies):
        table = np.array([energies(np.roll(disc, (shift, shift), (0, 1))) for shift in range(16)])
        return (table.std(axis=0) / table.mean(axis=0)).max()

    assert variation(dual_tree_energies) < 0.05
    assert variation(plain_energies) > 0.2


def test_dual_tree_tells_the_two_diagonals_apart():
    y, x = np.mgrid[:128, :128]
    details = wavelet.dual_tree(np.cos(2 * np.pi * 0.1 * (x + y) / np.sqrt(2)))[1]
    plus, minus = wavelet.to_complex(*(details[tree][2][2] for tree in wavelet.TREES))
    assert np.sum(np.abs(plus) ** 2) > 20 * np.sum(np.abs(minus) ** 2)


def test_complex_coefficients_invert():
    trees = np.random.default_rng(0).normal(size=(4, 5, 6))
    np.testing.assert_allclose(wavelet.from_complex(*wavelet.to_complex(*trees)), trees, atol=1e-12)
