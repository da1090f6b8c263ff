"""DnCNN: residual learning of noise, by plain stacks of convolutions whose normalisation is merged into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion.learned.layers import State, published_state, stacked
from fusion.method import rgb_to_ycbcr
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import WeightFile

REPOSITORY = "github.com/cszn/DnCNN at e93b2781, model/"
LICENCE = "none (MIT in KAIR)"


def _converted(name: str, origin: str, bytes: int, sha256: str) -> WeightFile:
    return WeightFile(
        name=name,
        bytes=bytes,
        sha256=sha256,
        licence=LICENCE,
        source=f"{REPOSITORY}{origin}, converted to PyTorch",
    )


GRAY = _converted(
    "dncnn_gray_blind.pth",
    "GD_Gray_Blind.mat",
    2676361,
    "c6da7e1a768c073fa1a8fdd72c503751522cb64e5ea762bf22f8589734b11bf1",
)
COLOR = _converted(
    "dncnn_color_blind.pth",
    "GD_Color_Blind.mat",
    2685623,
    "29089016dfd316615355442403f9868fdf612d86ee4bf88e6381095b81ec1bfd",
)
THREE = _converted(
    "dncnn3.pth",
    "DnCNN3.mat",
    2673405,
    "1e0eff9b4dfcc4cb0760849a1aaddcf07f138e413aa7889fc93bbbabeb610df3",
)


def network(state: State, image: Tensor) -> Tensor:
    """The image N×C×H×W in [0, 1] without the noise that the network sees in it (not clamped); C as in the file."""
    return image - stacked(image, state, numbered(state))


def numbered(state: State) -> list[str]:
    """Keys of the convolutions ``model.0``, ``model.2``, … of a file, in their order."""
    return sorted({key.rpartition(".")[0] for key in state}, key=lambda key: int(key.rpartition(".")[2]))


def _load_blind(weights: dict[str, Path], device: torch.device):
    states = {1: published_state(weights[GRAY.name], device), 3: published_state(weights[COLOR.name], device)}
    return lambda image: network(states[image.shape[1]], image)


def _load_three(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[THREE.name], device)

    def restore(image: Tensor) -> Tensor:
        luma = image if image.shape[1] == 1 else rgb_to_ycbcr(image)[0]
        return image + (network(state, luma) - luma)  # adding to all channels alike keeps Cb and Cr

    return restore


CITATION = r"""@article{zhang2017dncnn,
  author  = {Zhang, Kai and Zuo, Wangmeng and Chen, Yunjin and Meng, Deyu and Zhang, Lei},
  title   = {Beyond a {Gaussian} Denoiser: Residual Learning of Deep {CNN} for Image Denoising},
  journal = {IEEE Transactions on Image Processing},
  volume  = {26},
  number  = {7},
  pages   = {3142--3155},
  year    = {2017},
  doi     = {10.1109/TIP.2017.2662206},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Zhang, Zuo, Chen, Meng & Zhang, Beyond a Gaussian denoiser: residual learning of deep CNN for image "
    "denoising, IEEE TIP 26 (2017); github.com/cszn/DnCNN",
    "citation": CITATION,
    "year": 2017,
    "venue": "IEEE TIP",
    "licence": LICENCE,
    "modalities": ("ir", "vis"),
}
BLIND = Restorer(
    name="dncnn",
    title="DnCNN",
    description="Blind to the noise level (0 to 55): a grey network for infrared, a colour one for visible images.",
    removes=("noise_color", "noise_gray", "noise_correlated"),
    parameters=665_921 + 668_227,
    weights=(GRAY, COLOR),
    load=_load_blind,
    **_FACTS,
)
DNCNN3 = Restorer(
    name="dncnn3",
    title="DnCNN-3",
    description="One network for noise, JPEG blocks and enlarged images; on luma, Cb and Cr kept.",
    removes=("jpeg", "noise_gray", "low_resolution"),
    parameters=665_921,
    weights=(THREE,),
    load=_load_three,
    **_FACTS,
)
