"""Discrete Fourier transforms of maps."""

from __future__ import annotations

from typing import Any

from tsdm_bench.torch_later import Tensor, torch


def fourier(kind: str, x: Tensor, **options: Any) -> Tensor:
    """``torch.fft.<kind>(x, **options)``, ``kind`` being ``fft2``, ``ifft2``, ``rfft2`` or ``irfft2``.

    On the CPU SciPy's transform of that name runs, on as many threads as torch uses: the faster one, and it can work in
    place. The input of an inverse transform is lost there.
    """
    if x.device.type != "cpu":
        return getattr(torch.fft, kind)(x, **options)
    import scipy.fft  # a sixth of a second, needed by a few metrics only

    settings = {"workers": torch.get_num_threads(), "overwrite_x": kind.startswith("i")}
    return torch.from_numpy(getattr(scipy.fft, kind)(x.numpy(), **settings, **options))
