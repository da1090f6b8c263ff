"""The weight files of TSDM-Fusion: our own, which come with the package, and those on the drive of its authors (no hash
is known)."""

from __future__ import annotations

from tsdm_bench.weights.card import WeightFile

RELEASE = "the Google Drive of the TSDM-Fusion authors (doi 10.1109/TIM.2024.3398115)"


def _ours(name: str, size: int, sha256: str, method: str) -> WeightFile:
    return WeightFile(
        name=name,
        bytes=size,
        sha256=sha256,
        method=method,
        licence="AGPL-3.0-or-later",
        source="this package",
        packaged=True,
    )


def _theirs(name: str, method: str) -> WeightFile:
    return WeightFile(name=name, bytes=0, sha256="", method=method, licence="none", source=RELEASE)


FILES = (
    _ours(
        "tsdm_teacher.safetensors",
        4684632,
        "f3736ccc62c1302550a13b7b5f335d48359195943384d066bf37d65aecfdc18d",
        "tsdm_teacher",
    ),
    _ours(
        "tsdm_student.safetensors",
        1306422,
        "0df73933cd2e7c1433b24a5027661608e6ce8cc8de7616d65ac1f583c01630c7",
        "tsdm_student",
    ),
    _theirs("Model_TeacherNet_epoch_50.pth", "tsdm_teacher_official"),
    _theirs("GT.pth", "tsdm_student_official"),
)
