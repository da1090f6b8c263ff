"""The weight files of TSDM-Fusion: our own, from training, and those on the drive of its authors (no hash is known)."""

from __future__ import annotations

from fusion.weights.card import WeightFile

RELEASE = "the Google Drive of the TSDM-Fusion authors (doi 10.1109/TIM.2024.3398115)"


def _file(name: str, method: str, source: str, licence: str) -> WeightFile:
    return WeightFile(name=name, bytes=0, sha256="", method=method, licence=licence, source=source)


FILES = (
    _file("tsdm_teacher.safetensors", "tsdm_teacher", "`run_bench.py train teacher`", "AGPL-3.0-or-later"),
    _file("tsdm_student.safetensors", "tsdm_student", "`run_bench.py train student`", "AGPL-3.0-or-later"),
    _file("Model_TeacherNet_epoch_50.pth", "tsdm_teacher_official", RELEASE, "none"),
    _file("GT.pth", "tsdm_student_official", RELEASE, "none"),
)
