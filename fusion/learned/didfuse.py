"""DIDFuse: each image decomposed into a base and a detail map, the maps summed."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

ENCODER = github_file(
    "Zhaozixiang1228/IVIF-DIDFuse",
    "5f287300dce7cbc90b9e08e6872455af6baa279f",
    "Models/Encoder_weight_IJCAI.pkl",
    name="DIDFuse_Encoder.pkl",
    bytes=454838,
    sha256="4d84a4e64e58469d3d4591f83c6683ead3e422498519db99bb617cb29d268471",
    licence="none",
)
DECODER = github_file(
    "Zhaozixiang1228/IVIF-DIDFuse",
    "5f287300dce7cbc90b9e08e6872455af6baa279f",
    "Models/Decoder_weight_IJCAI.pkl",
    name="DIDFuse_Decoder.pkl",
    bytes=600772,
    sha256="c6974e2a7c66ab579a77bacb086023237a229e769d459783bad8ff43e52e9986",
    licence="none",
)


def network(encoder: State, decoder: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (0, 1) of infrared and visible luma, each N×1×H×W in [0, 1]; fusion by summation."""
    first, second, base, detail = map(torch.add, _encode(ir, encoder), _encode(y, encoder))
    x = _prelu(_layer(torch.cat([base, detail], dim=1), decoder, 5), decoder, 5)
    x = _prelu(_layer(torch.cat([x, second], dim=1), decoder, 6), decoder, 6)
    return _layer(torch.cat([x, first], dim=1), decoder, 7, padded=True).sigmoid()


def _encode(x: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    first = _prelu(_layer(x, state, 1, padded=True), state, 1, padded=True)
    second = _prelu(_layer(first, state, 2), state, 2)
    return first, second, torch.tanh(_layer(second, state, 3)), torch.tanh(_layer(second, state, 4))


def _layer(x: Tensor, state: State, number: int, padded: bool = False) -> Tensor:
    """Convolution and normalisation; in the ``padded`` layers a reflecting padding comes first, also in the keys."""
    key = f"cov{number}.cov{number}"
    x = conv(x, state, f"{key}.{int(padded)}", pad="reflect" if padded else "zeros")
    return batch_norm(x, state, f"{key}.{int(padded) + 1}")


def _prelu(x: Tensor, state: State, number: int, padded: bool = False) -> Tensor:
    return F.prelu(x, state[f"cov{number}.cov{number}.{int(padded) + 2}.weight"])


def _load(weights: dict[str, Path], device: torch.device):
    encoder, decoder = (published_state(weights[file.name], device)["weight"] for file in (ENCODER, DECODER))
    return lambda ir, y: network(encoder, decoder, ir, y)


CITATION = r"""@inproceedings{zhao2020didfuse,
  author    = {Zhao, Zixiang and Xu, Shuang and Zhang, Chunxia and Liu, Junmin and Zhang, Jiangshe and Li,
             Pengfei},
  title     = {{DIDFuse}: Deep Image Decomposition for Infrared and Visible Image Fusion},
  booktitle = {International Joint Conference on Artificial Intelligence (IJCAI)},
  pages     = {970--976},
  year      = {2020},
  doi       = {10.24963/ijcai.2020/135},
}"""

METHOD = Method(
    name="didfuse",
    title="DIDFuse",
    kind="learned",
    description="Auto-encoder with base and detail maps, fused by summation; luma.",
    source="Zhao et al., DIDFuse: deep image decomposition for infrared and visible image fusion, IJCAI 2020; "
    "github.com/Zhaozixiang1228/IVIF-DIDFuse",
    citation=CITATION,
    year=2020,
    venue="IJCAI",
    licence="none",
    luma=True,
    parameters=260_935,
    weights=(ENCODER, DECODER),
    load=_load,
)
