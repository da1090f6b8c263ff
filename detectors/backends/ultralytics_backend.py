"""Ultralytics networks (YOLOv5u, v8, v9, v10, 11, 12, 26, RT-DETR; ``.pt`` and its exports), kept quiet and offline."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from detectors.backends.conventions import RTDETR, ULTRALYTICS, ULTRALYTICS_END_TO_END
from detectors.backends.network import Network
from tsdm_bench.errors import words_of

QUIET = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false", "ULTRALYTICS_SAFE_LOAD": "true"}
"""No connectivity check and no telemetry, no installing of packages, no banner, and checkpoints without free code."""

DETECTION_FAMILIES = ("yolov5", "yolov8", "yolov9", "yolov10", "yolo11", "yolo12", "yolo26", "rtdetr")
OTHER_TASKS = ("-cls", "-seg", "-pose", "-obb", "-sem", "-depth", "-reid", "-world", "-worldv2", "-grayscale")


def import_ultralytics() -> Any:
    """The ultralytics package, imported with telemetry and installs off and its settings in a temporary place.

    The environment variables must be there before the first import, since ultralytics reads them once. That import
    replaces functions of PIL and torch for the whole process (an unreadable image would ask for a plug-in): they are
    put back.
    """
    opened, saved = Image.open, torch.save
    if "ultralytics" not in sys.modules:
        settings = tempfile.TemporaryDirectory(prefix="ultralytics-")
        import_ultralytics.settings = settings  # type: ignore[attr-defined]  # kept here, removed with the process
        os.environ.update(QUIET, YOLO_CONFIG_DIR=settings.name)
    import ultralytics
    from ultralytics.utils import LOGGER

    Image.open, torch.save = opened, saved
    LOGGER.setLevel("ERROR")
    # Kept in memory alone: a settings file that lies elsewhere, from an earlier import by the caller, stays as it is.
    switches = {name: False for name, value in ultralytics.SETTINGS.items() if isinstance(value, bool)}
    dict.update(ultralytics.SETTINGS, switches)  # telemetry and the reporting to other services
    return ultralytics


def download_named(name: str, folder: Path) -> Path | None:
    """Fetch an official ultralytics detector such as ``yolo11n.pt`` into ``folder``; None if ``name`` is not one.

    Raises ``FileNotFoundError`` with the manual route where the network does not deliver it.
    """
    name = name if name.endswith(".pt") else name + ".pt"
    if not name.startswith(DETECTION_FAMILIES) or any(task in name for task in OTHER_TASKS):
        return None
    import_ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    if name not in GITHUB_ASSETS_NAMES:
        return None
    target = folder / name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            attempt_download_asset(target, progress=False, retry=1)
        except Exception as error:  # refused, unreachable, or cut off: the remedy is the same
            raise FileNotFoundError(
                f"{name} is not here and could not be downloaded: put the file from "
                f"https://github.com/ultralytics/assets/releases into {folder} (or the weights directory)"
            ) from error
    return target


def open_ultralytics(path: Path, *, device: str, image_size: int) -> Network:
    """Open anything that ultralytics loads; ``ValueError`` with one line where it is damaged or no detector."""
    import_ultralytics()
    from ultralytics.nn.autobackend import AutoBackend

    with contextlib.redirect_stdout(sys.stderr):
        model, rtdetr, channels = (
            _checkpoint(path) if path.suffix == ".pt" else (str(path), "rtdetr" in path.name.casefold(), 3)
        )
        try:
            backend = AutoBackend(model, device=torch.device(device), verbose=False)
        except Exception as error:
            raise ValueError(f"{path.name}: ultralytics cannot open it: {words_of(error, 200)}") from error
    backend.eval()
    if (task := getattr(backend, "task", None) or "detect") != "detect":
        raise ValueError(f"{path.name} is a {task} network; expected a detector")
    stride = int(backend.stride) if path.suffix == ".pt" and not rtdetr else None
    fixed = None if path.suffix == ".pt" else getattr(backend, "imgsz", None)
    size = tuple(fixed) if fixed else (image_size, image_size)

    @torch.inference_mode()
    def run(batch: torch.Tensor) -> list[torch.Tensor]:
        output = backend(batch.to(device))
        output = output[0] if isinstance(output, (list, tuple)) else output
        return list(output.float())

    if rtdetr:
        conventions = RTDETR
    else:
        end_to_end = run(torch.full((1, channels, *size), 0.45))[0].shape[-1] == 6
        conventions = ULTRALYTICS_END_TO_END if end_to_end else ULTRALYTICS
    return Network(dict(backend.names), conventions, run, size, stride, path.suffix == ".pt", True, channels)


def _checkpoint(path: Path) -> tuple[torch.nn.Module, bool, int]:
    """The network of a checkpoint, whether it is an RT-DETR, and how many channels its images have."""
    from ultralytics.nn.tasks import RTDETRDetectionModel, load_checkpoint

    try:
        model = load_checkpoint(path)[0].float().eval()
    except Exception as error:
        raise ValueError(f"{path.name} is not a loadable ultralytics checkpoint: {words_of(error, 200)}") from error
    channels = next((weight.shape[1] for weight in model.parameters() if weight.ndim == 4), 3)
    return model, isinstance(model, RTDETRDetectionModel), channels
