"""Where a part of a run was computed: versions, machine, commit, command, date."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from bench.executors.pool import available_cores
from bench.run.record import Part

PACKAGES = ("torch", "torchvision", "ultralytics", "kornia", "numpy", "opencv-python", "pycocotools", "tsdm-bench")


def this_part(device: str, data_root: Path | None) -> Part:
    """The provenance of the command that is being run."""
    return Part(
        command=tuple(sys.argv),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        python=platform.python_version(),
        versions={package: _version(package) for package in PACKAGES},
        platform=platform.platform(),
        processor=processor(),
        cores=available_cores(),
        device=device,
        gpu=torch.cuda.get_device_name(device) if device.startswith("cuda") else "",
        data_root=str(data_root or ""),
    )


def processor() -> str:
    """The model of the processor and the widest vectors that torch uses on it, such as ``EPYC (AVX512)``."""
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})".strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
