"""The method cards of TSDM-Fusion: teacher and student, with our weights and with the authors'."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from degradation.citations import XUE_2024
from fusion.method import Method
from fusion.tsdm.inference import fuse_tiled, fuse_whole
from fusion.tsdm.kernels.product import PAIRS
from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import load_network
from tsdm_bench.cards import OURS
from tsdm_bench.weights.card import WeightFile

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parents[1] / "weights"
RELEASE = "the Google Drive of the TSDM-Fusion authors (doi 10.1109/TIM.2024.3398115)"

TEACHER_WEIGHTS = WeightFile(
    name="tsdm_teacher.safetensors",
    bytes=4684632,
    sha256="f3736ccc62c1302550a13b7b5f335d48359195943384d066bf37d65aecfdc18d",
    licence=OURS,
    source="this package",
    folder=FOLDER,
)
STUDENT_WEIGHTS = WeightFile(
    name="tsdm_student.safetensors",
    bytes=1306422,
    sha256="0df73933cd2e7c1433b24a5027661608e6ce8cc8de7616d65ac1f583c01630c7",
    licence=OURS,
    source="this package",
    folder=FOLDER,
)
# No hash of the authors' files is known: they are taken by their names.
OFFICIAL_TEACHER_WEIGHTS = WeightFile(name="Model_TeacherNet_epoch_50.pth", licence="none", source=RELEASE)
OFFICIAL_STUDENT_WEIGHTS = WeightFile(name="GT.pth", licence="none", source=RELEASE)


def _suitable(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """``dtype``, or float32 in place of bfloat16 on a processor where that is slower: twice, with AVX2 only."""
    slower = dtype == torch.bfloat16 and device.type == "cpu" and not PAIRS
    if dtype == torch.bfloat16:
        log.info("bfloat16 asked for: computing in %s", "float32, which is faster here" if slower else "bfloat16")
    return torch.float32 if slower else dtype


def load_teacher(path: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Callable[..., Tensor]:
    """``fuse(ir, y) -> fused luma`` (N×1×H×W each) by the teacher whose weights lie in ``path``.

    On a CPU without bfloat16 instructions float32 stands in for bfloat16.
    """
    dtype = _suitable(dtype, device)
    network = load_network(Teacher(), path).to(device, dtype, memory_format=torch.channels_last)

    def fuse(ir: Tensor, y: Tensor) -> Tensor:
        return network(ir.to(dtype), y.to(dtype)).float()

    return fuse


def load_student(
    path: Path, device: torch.device, dtype: torch.dtype = torch.float32, tiled: bool = False
) -> Callable[..., Tensor]:
    """``fuse(ir, vis) -> fused RGB`` by the student whose weights lie in ``path``, for images of any size.

    With another ``dtype`` the matrix products and convolutions are computed in it; normalisation and the residual
    stream stay in float32. On a CPU without bfloat16 instructions float32 stands in for bfloat16.
    """
    dtype = _suitable(dtype, device)
    network = load_network(Student(), path).to(device, memory_format=torch.channels_last).requires_grad_(False)
    run = fuse_tiled if tiled else fuse_whole

    def fuse(ir: Tensor, vis: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return run(network, ir, vis).float()

    return fuse


def _teacher(weights: WeightFile, dtype: torch.dtype = torch.float32):
    return lambda paths, device: load_teacher(paths[weights.name], device, dtype)


def _student(weights: WeightFile, dtype: torch.dtype = torch.float32, tiled: bool = False):
    return lambda paths, device: load_student(paths[weights.name], device, dtype, tiled)


_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Xue, Liu, Wang, He & Zhuang, A Novel Teacher–Student Framework With Degradation Model for "
    "Infrared–Visible Image Fusion, IEEE TIM 73, 5020512 (2024), doi 10.1109/TIM.2024.3398115",
    "year": 2024,
    "venue": "IEEE TIM",
    "citation": XUE_2024,
}
_OURS = _FACTS | {"trained_on": ("roadscene", "msrs")}
_TEACHER = _OURS | {"parameters": 2_341_728, "luma": True}
_STUDENT = _OURS | {"parameters": 634_707}
TINT = "TSDM-Fusion (our weights) may give grey pairs a slight tint."

TEACHER = Method(
    name="tsdm_teacher",
    title="TSDM-Fusion teacher (our weights)",
    description="Convolutional auto-encoder trained on clean pairs; luma. Makes the student's targets.",
    weights=(TEACHER_WEIGHTS,),
    load=_teacher(TEACHER_WEIGHTS),
    **_TEACHER,
)
STUDENT = Method(
    name="tsdm_student",
    title="TSDM-Fusion (our weights)",
    description="Swin transformer that fuses and restores degraded pairs in one pass; colour, padded as in the paper.",
    weights=(STUDENT_WEIGHTS,),
    load=_student(STUDENT_WEIGHTS),
    warning=TINT,
    **_STUDENT,
)
TEACHER_BF16 = Method(
    name="tsdm_teacher_bf16",
    title="TSDM-Fusion teacher (our weights, bfloat16)",
    description="The teacher computed in bfloat16 on GPUs and processors that have it, in float32 on others.",
    weights=(TEACHER_WEIGHTS,),
    load=_teacher(TEACHER_WEIGHTS, torch.bfloat16),
    **_TEACHER,
)
STUDENT_BF16 = Method(
    name="tsdm_student_bf16",
    title="TSDM-Fusion (our weights, bfloat16)",
    description="The student with matrix products in bfloat16, the rest in float32; all of it on other processors.",
    weights=(STUDENT_WEIGHTS,),
    load=_student(STUDENT_WEIGHTS, torch.bfloat16),
    warning=TINT,
    **_STUDENT,
)
STUDENT_TILED = Method(
    name="tsdm_student_tiled",
    title="TSDM-Fusion (our weights, tiled)",
    description="The student on overlapping tiles, for images whose activations do not fit in memory; same result.",
    weights=(STUDENT_WEIGHTS,),
    load=_student(STUDENT_WEIGHTS, tiled=True),
    warning=TINT,
    **_STUDENT,
)
OFFICIAL_TEACHER = Method(
    name="tsdm_teacher_official",
    title="TSDM-Fusion teacher (authors' weights)",
    description="The teacher with the checkpoint of the authors' release.",
    weights=(OFFICIAL_TEACHER_WEIGHTS,),
    load=_teacher(OFFICIAL_TEACHER_WEIGHTS),
    **_TEACHER | {"licence": "none", "trained_on": ()},
)
OFFICIAL_STUDENT = Method(
    name="tsdm_student_official",
    title="TSDM-Fusion (authors' weights)",
    description="The student with the checkpoint of the authors' release.",
    weights=(OFFICIAL_STUDENT_WEIGHTS,),
    load=_student(OFFICIAL_STUDENT_WEIGHTS),
    **_STUDENT | {"licence": "none", "trained_on": ()},
)
