"""The training of the minutes on a GPU: each network with as many epochs as fit, side by side."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.gpu_session import INTERRUPTED, LAST_WORDS_SECONDS, Session
from fusion.tsdm.training.resume import BEST, LAST, read_checkpoint

START_SECONDS, VALIDATION_SECONDS = 15, 1
"""Until a training takes its first step, and after each of its epochs; about."""
RECIPES = {
    "teacher": ("teacher", "teacher", ["data.workers=8"]),
    "student": ("student", "student_lite", [
        "network=transformer", "initial=tsdm_student.safetensors", "batch=16", "data.workers=7", "ema_decay=0.999",
        "optimiser.learning_rate=5.0e-4",
    ]),
    "lite": ("student", "student_lite", ["batch=16", "data.workers=7", "ema_decay=0.999"]),
}  # fmt: skip
"""Network → what to train, the configuration it starts from, and its settings on a GPU. The schedule of the student is
cut to the time there is, in place of the paper's 150 epochs."""
SMALL = [
    "data.sources=[msrs]",
    "data.longest_side=64",
    "data.patch=[16,16]",
    "data.workers=0",
    "batch=2",
    "data.validation_pairs=2",
]
PACE_CROPS, CROPS = (4, 1), (32, 2)
"""Patches of a pair and epoch while the pace is measured, and then; each on a GPU and in a rehearsal."""
DECAY = 0.8
"""Share of the epochs over which the learning rate falls to zero."""
HELD_BACK = 0.06
"""Share of the time that is kept for what goes slower than measured."""
MSRS = "MSRS"


def training(session: Session, until: float) -> dict:
    """All networks of ``--train`` side by side, each with as many epochs as fit; they go on where a call ended."""
    if session.data_root is None or not (session.data_root / MSRS).is_dir():
        return {"finished": False, "ok": True, "left_out": f"needs {MSRS} below --data-root"}
    last_words = min(LAST_WORDS_SECONDS, 0.2 * (until - time.monotonic()))
    with ThreadPoolExecutor(len(session.networks)) as pool:
        results = list(pool.map(lambda name: train_one(session, name, until - last_words), session.networks))
    statuses = [row["exit status"] for row in results]
    return {
        "finished": all(status == 0 for status in statuses),
        "ok": set(statuses) <= {0, *INTERRUPTED},
        "table": results,
    }


def train_one(session: Session, name: str, until: float) -> dict:
    """Measure the pace, train for the epochs that fit before ``until``, and write the weights with their card."""
    folder, crops = session.out / name, CROPS[session.small]
    found = {"network": name, "exit status": None, "steps": 0, "patches a second": "", "weights": ""}
    if not (folder / LAST).is_file():
        pace = session.out / f"{name}_pace"
        status = _train(session, name, pace, [f"data.crops_per_pair={PACE_CROPS[session.small]}", "epochs=2"], until)
        if status != 0:
            return found | {"exit status": status}
        ratio = crops / PACE_CROPS[session.small]
        epoch = read_checkpoint(pace / LAST)["progress"]["epoch_seconds"] * ratio + VALIDATION_SECONDS
        left = (until - time.monotonic()) * (1 - HELD_BACK) - START_SECONDS
        epochs = max(int(left / epoch), 1)
        # The targets that the teacher made once serve both.
        if (pace / "targets").is_dir():
            shutil.copytree(pace / "targets", folder / "targets")
        settings = [f"data.crops_per_pair={crops}", f"epochs={epochs}"]
        settings += [f"optimiser.decay_epochs={max(round(DECAY * epochs), 1)}"]
        (session.out / f"{name}.json").write_text(json.dumps(settings))
    settings = json.loads((session.out / f"{name}.json").read_text())
    found["exit status"] = _train(session, name, folder, settings, until)
    if (folder / LAST).is_file():
        progress, config = (read_checkpoint(folder / LAST)[key] for key in ("progress", "config"))
        found["steps"] = progress["step"]
        found["patches a second"] = round(progress["step"] * config["batch"] / progress["seconds"], 1)
    for checkpoint in (BEST, LAST):
        if (folder / checkpoint).is_file():
            weights = session.out / f"tsdm_{name}.safetensors"
            export = ["run_bench.py", "train", "export", str(folder / checkpoint), "--out", str(weights)]
            written = session.run(name, export, time.monotonic() + 60) == 0
            found["weights"] = weights.name if written else ""
            break
    return found


def _train(session: Session, name: str, folder: Path, settings: list[str], until: float) -> int | None:
    """Train into ``folder``, or go on there."""
    kind, config, ours = RECIPES[name]
    command = ["run_bench.py", "train", kind, "--config", config, "--out", str(folder), "--device", session.device]
    command += [*session.places(), *(["--precision", "bf16-mixed"] if session.device == "cuda" else [])]
    settings = [*ours, *(SMALL if session.small else []), *settings]
    command += [word for setting in settings for word in ("--set", setting)]
    return session.run(name, command + (["--resume"] if (folder / LAST).is_file() else []), until)
