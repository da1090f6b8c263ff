"""``tsdm_lite`` as a method, and as a file that other programs run (TorchScript, ONNX)."""

from __future__ import annotations

import importlib.util
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from degradation.citations import XUE_2024
from fusion.method import Method
from fusion.tsdm.inference import fuse_padded
from fusion.tsdm.methods import FOLDER
from fusion.tsdm.networks.lite import CELL, LiteStudent
from fusion.tsdm.training.checkpoints import load_network
from tsdm_bench.cards import OURS
from tsdm_bench.errors import UsageError
from tsdm_bench.weights.card import WeightFile

WEIGHTS = WeightFile(
    name="tsdm_lite.safetensors",
    bytes=470892,
    sha256="ff0678d4bffd233746f144943799b2511a971b4f8516cc243a44d1aa41cc91fc",
    licence=OURS,
    source="this package",
    folder=FOLDER,
)
EXPORTED = (".ts", ".onnx")
OPSET = 17
INPUTS, OUTPUT = ("ir", "vis"), "fused"


class AnySize(nn.Module):
    """The network for pairs of any size, its result in [0, 1]: what an exported file holds."""

    def __init__(self, network: LiteStudent) -> None:
        super().__init__()
        self.network = network

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse a pair of any size; in [0, 1]."""
        return fuse_padded(self.network, ir, vis).clamp(0, 1)


def load_lite(path: Path, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """``fuse(ir, vis) -> fused RGB`` by the weights in ``path``; sides are multiples of 16."""
    return load_network(LiteStudent(), path).to(device).requires_grad_(False)


def export_lite(weights: Path, target: Path) -> None:
    """Write the network with its weights as TorchScript (``.ts``) or ONNX (``.onnx``, needs the package ``onnx``).

    The file maps ir N×1×H×W and vis N×3×H×W RGB in [0, 1] to fused N×3×H×W RGB in [0, 1], any N, H and W.

    Raises ``ValueError`` for another suffix and for weights that are not those of ``tsdm_lite``, and ``UsageError``
    where the package is not there that writes ONNX.
    """
    if target.suffix not in EXPORTED:
        raise ValueError(f"{target}: expected a file name that ends in {' or '.join(EXPORTED)}")
    if target.suffix == ".onnx" and importlib.util.find_spec("onnx") is None:
        raise UsageError(f"writing {target} needs the package onnx: pip install 'tsdm-bench[train]', or write .ts")
    module = AnySize(load_network(LiteStudent(), weights)).eval().requires_grad_(False)
    example = torch.zeros(1, 1, 40, 50), torch.zeros(1, 3, 40, 50)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both ways are marked as old; the new ones need one more package
        if target.suffix == ".ts":
            torch.jit.save(torch.jit.trace(module, example), buffer)
        else:
            axes = {name: {0: "n", 2: "height", 3: "width"} for name in (*INPUTS, OUTPUT)}
            names = {"input_names": [*INPUTS], "output_names": [OUTPUT]}
            torch.onnx.export(module, example, buffer, dynamo=False, dynamic_axes=axes, opset_version=OPSET, **names)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(buffer.getvalue() if target.suffix == ".onnx" else _without_source_places(buffer))


def _without_source_places(archive: io.BytesIO) -> bytes:
    """A TorchScript archive without the records that say on which line of which file an operation was traced."""
    result = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(result, "w") as new:
        for item in old.infolist():
            if not item.filename.endswith(".debug_pkl"):
                new.writestr(zipfile.ZipInfo(item.filename), old.read(item))
    return result.getvalue()


LITE = Method(
    name="tsdm_lite",
    title="TSDM-Fusion lite (our weights)",
    kind="learned",
    description="Small U-shaped network that fuses and restores degraded pairs; a grey pair stays grey.",
    source="this project, with targets and degradations of TSDM-Fusion (Xue et al., IEEE TIM 2024)",
    citation=XUE_2024,
    year=2026,
    multiple=CELL,
    parameters=233_926,
    weights=(WEIGHTS,),
    trained_on=("roadscene", "msrs"),
    load=lambda paths, device: load_lite(paths[WEIGHTS.name], device),
)
