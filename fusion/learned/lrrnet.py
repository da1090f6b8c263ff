"""LRRNet: unrolled optimisation of a low-rank and sparse representation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.learned.planes import from_plane, gathered, neighbours, to_plane
from fusion.learned.saving import stretched
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "hli1221/imagefusion-LRRNet",
    "e489fc325ea6acb9b7327b1de2c0cc4a09172ba4",
    "model/final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model",
    name="LRRNet.model",
    bytes=218515,
    sha256="1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",
    licence="none",
)
STEPS = 4
STRETCH_EPSILON = 1e-5
PIXELS_AT_ONCE = {"cpu": 4096, "cuda": 1 << 18}
"""How many pixels of the representation (256 channels: 128 low-rank, 128 sparse) are held at a time: on a CPU, what
fits its cache."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Thousands of operations of a millisecond each: waiting for a second thread takes longer than the work that it
    does as soon as something else runs on the machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma (about 0.03 to 0.25) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    low_ir, high_ir = _decompose(ir, state, "get_ls1", ("decoder.conv_ReZx", "decoder.conv_ReUx"))
    low_vis, high_vis = _decompose(y, state, "get_ls2", ("decoder.conv_ReZy", "decoder.conv_ReUy"))
    low = conv(torch.cat([low_ir, low_vis], dim=1), state, "decoder.conv_ReL.conv2d", pad="reflect")
    return low + conv(torch.cat([high_ir, high_vis], dim=1), state, "decoder.conv_ReH.conv2d", pad="reflect")


def _decompose(x: Tensor, state: State, key: str, decoders: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """What the decoder makes of the low-rank and of the sparse part of an image, each N×1×H×W like the image.

    The representation z of a pixel follows from the neighbours of that pixel in the planes of the steps so far (the
    image, then the residuals), and is worked out anew in every step instead of being stored (0.8 GB at 1024×768). It is
    held in units of the threshold of each channel, so that all channels share the threshold 1 (−1 if it is negative).
    """
    threshold, decay = state[f"{key}.lamj"].T, state[f"{key}.lamz"].item()
    unit = threshold.abs()
    negative = (threshold[:, 0] < 0).nonzero()[:, 0].tolist()
    synthesis, planes = [_with_bias(state, f"{key}.conv_W00") / unit], [_with_ones(x)]
    for i in range(STEPS):
        analysis = f"{key}.lrrblock{i}.conv_Wdz.conv2d"
        kernels = to_plane(state[f"{analysis}.weight"]) * unit.T
        products = _project(planes, synthesis, negative, decay, kernels)
        residual = x - gathered(products, len(x), *x.shape[-2:]) - state[f"{analysis}.bias"]
        planes.append(_with_ones(residual))
        synthesis.append(_with_bias(state, f"{key}.lrrblock{i}.conv_Wdtz") / unit)
    low, high = (to_plane(state[f"{decoder}.conv2d.weight"]) for decoder in decoders)
    kernels = torch.block_diag(low, high) * unit.T  # one reads the first half of the channels, one the second
    parts = _project(planes, synthesis, negative, decay, kernels).chunk(2)
    first, second = (
        gathered(part, len(x), *x.shape[-2:]) + state[f"{decoder}.conv2d.bias"]
        for part, decoder in zip(parts, decoders, strict=True)
    )
    return first, second


def _project(
    planes: list[Tensor], synthesis: list[Tensor], negative: list[int], decay: float, kernels: Tensor
) -> Tensor:
    """``kernels`` (K×256) times the representation after ``len(planes)`` steps: K×NHW."""
    products = planes[0].new_empty(len(kernels), planes[0].shape[1])
    pixels_at_once = PIXELS_AT_ONCE.get(products.device.type, PIXELS_AT_ONCE["cpu"])
    buffer = products.new_empty(kernels.shape[1], min(pixels_at_once, products.shape[1]))
    for start in range(0, products.shape[1], pixels_at_once):
        pixels = slice(start, start + pixels_at_once)
        z = buffer[:, : products[:, pixels].shape[1]].zero_()
        for matrix, plane in zip(synthesis, planes, strict=True):
            torch.addmm(z, matrix, plane[:, pixels], beta=decay, out=z)
            _shrink(z, negative)
        products[:, pixels] = kernels @ z
    return products


def _shrink(z: Tensor, negative: list[int]) -> None:
    """Soft thresholding of z at 1, in place: new memory costs more than the sums.

    One published threshold is negative: it moves values away from 0, as the formula has it.
    """
    away = [z[channel] + z[channel].sign() for channel in negative]
    torch.ops.aten.softshrink.out(z, 1.0, out=z)
    for channel, values in zip(negative, away, strict=True):
        z[channel] = values


def _with_ones(plane: Tensor) -> Tensor:
    """The neighbours of every pixel, and a row of ones that the bias is multiplied by: 10×NHW."""
    rows = neighbours(plane)
    return torch.cat([rows, torch.ones_like(rows[:1])])


def _with_bias(state: State, key: str) -> Tensor:
    """A convolution 1→256 as a matrix 256×10."""
    return torch.cat([from_plane(state[f"{key}.conv2d.weight"]), state[f"{key}.conv2d.bias"][:, None]], dim=1)


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)

    def fuse(ir: Tensor, y: Tensor) -> Tensor:
        fused = network(state, stretched(ir, STRETCH_EPSILON), stretched(y, STRETCH_EPSILON))
        return stretched(fused, STRETCH_EPSILON)

    return fuse


CITATION = r"""@article{li2023lrrnet,
  author  = {Li, Hui and Xu, Tianyang and Wu, Xiao-Jun and Lu, Jiwen and Kittler, Josef},
  title   = {{LRRNet}: A Novel Representation Learning Guided Fusion Network for Infrared and Visible Images},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume  = {45},
  number  = {9},
  pages   = {11040--11052},
  year    = {2023},
  doi     = {10.1109/TPAMI.2023.3268209},
}"""

METHOD = Method(
    name="lrrnet",
    title="LRRNet",
    kind="learned",
    description="Unrolled low-rank representation learning; luma, both sources and the result stretched to their own "
    "minimum and maximum as in the authors' script (without it the image is nearly black).",
    source="Li, Xu, Wu, Lu & Kittler, LRRNet: a novel representation learning guided fusion network for infrared and "
    "visible images, IEEE TPAMI (2023); github.com/hli1221/imagefusion-LRRNet",
    citation=CITATION,
    year=2023,
    venue="IEEE TPAMI",
    licence="none",
    luma=True,
    parameters=49_204,
    weights=(WEIGHTS,),
    load=_load,
)
