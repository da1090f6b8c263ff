"""From a training checkpoint to a weight file for use, with its model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from degradation import PAPER
from fusion.tsdm.training.checkpoints import export
from fusion.tsdm.training.resume import read_checkpoint


def export_checkpoint(path: Path, target: Path, half: bool = False) -> None:
    """Write the averaged weights of a training checkpoint to ``target`` (safetensors), and its model card beside it.

    Raises ``ValueError`` for a file that is no checkpoint and for weights that are not finite, ``FileNotFoundError``
    where there is no file.
    """
    checkpoint = read_checkpoint(path)
    config, progress = checkpoint["config"], checkpoint["progress"]
    epoch = progress["history"][-1] if progress["history"] else {}
    data = config["data"]
    low, high = data.get("scene_contrast", (1, 1))
    card = {
        "network": f"TSDM-Fusion {config['kind']}{', lite' if config.get('network') == 'lite' else ''}, "
        f"weights averaged with decay {config['ema_decay']}" + (", rounded to float16" if half else ""),
        "epoch": f"{epoch.get('epoch', 0)} of {config['epochs']}",
        "steps": f"{progress['step']} of batch {config['batch']}",
        "patch": f"{data['patch'][0]}×{data['patch'][1]}, {data['crops_per_pair']} a pair and epoch"
        + (", mirrored at random" if data["flips"] else "")
        + (", colour channels swapped at random" if data.get("permute_colours") else "")
        + (f", {data['grey_probability']:.0%} without colour" if data.get("grey_probability") else ""),
        **({"contrast of the scenes": f"times {low} to {high}, at random"} if (low, high) != (1, 1) else {}),
        **{f"degradation of {part['share']:.0%}": _in_words(part) for part in config.get("variety", ())},
        "schedule": ", ".join(f"{name} {value}" for name, value in config["optimiser"].items()),
        "loss": ", ".join(f"{name} {value}" for name, value in config["loss"].items()),
        "training time": f"{progress['seconds'] / 3600:.2f} h",
        "seed": config["seed"],
        **({"started from": config["initial"]} if config.get("initial") else {}),
        **checkpoint["facts"],
        "Metrics on the validation pairs": [
            {"metric": name.removeprefix("validation_"), "value": f"{value:.4f}"}
            for name, value in epoch.items()
            if name.startswith("validation_")
        ],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    export(checkpoint["ema"], target, half=half, card={name: value for name, value in card.items() if value != []})


def _in_words(part: Mapping[str, Any]) -> str:
    """A part of the degradations: what differs from the paper's model."""
    paper = PAPER.model_dump(mode="json")
    other = [f"{name} {value}" for name, value in part["model"].items() if value != paper[name]]
    return ", ".join([f"each step with probability {part['step_probability']}", *other])
