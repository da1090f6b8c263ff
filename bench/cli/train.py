"""Train the teacher or the student of TSDM-Fusion, or the detectors of a suite; pack a checkpoint for use.

  python run_bench.py train teacher --config teacher --data-root DIR --out runs/teacher
  python run_bench.py train export runs/teacher/best.pt --out WEIGHTS/tsdm_teacher.safetensors
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student --resume
  python run_bench.py train detector --config m3fd --set detection.protocol=retrain --data-root DIR

Ctrl-C stops after the step at hand and keeps everything; --resume goes on from there (detectors go on when the command
is repeated). docs/training.md has the rest.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.options import add_data_root, add_weights_dir
from bench.console import as_called
from bench.suite import load_suite, suite_names
from fusion.tsdm.training.shipped import config_file, config_names
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.files import yaml_value

if TYPE_CHECKING:
    from fusion.tsdm.training.config import TrainingConfig
    from fusion.tsdm.training.loop import Outcome

INTERRUPTED = 130
NETWORK_FILES = (".ts", ".onnx")
"""What the light student is exported to besides weights: files that other programs run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    for kind in ("teacher", "student"):
        _add_training(kinds.add_parser(kind, help=f"train the {kind}"), kind)
    _add_detector(kinds.add_parser("detector", help="train one detector per method of a suite, on its fused images"))
    export = kinds.add_parser("export", help="write the weights of a checkpoint as safetensors, with a model card")
    export.add_argument(
        "checkpoint", type=Path, help="best.pt or last.pt of a training folder, or weights of tsdm_lite"
    )
    suffixes = "file to write: .safetensors; of tsdm_lite also .ts (TorchScript) or .onnx, the network with its weights"
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help=suffixes)
    export.add_argument("--half", action="store_true", help="store float16: half the size")


def _add_training(parser: argparse.ArgumentParser, kind: str) -> None:
    names = ", ".join(config_names(kind))
    parser.add_argument("--config", default=kind, metavar="FILE", help=f"{names}, or a YAML file (default: {kind})")
    _add_settings(parser, "--set epochs=10 --set data.patch=[64,64]")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"training folder (default: runs/{kind})")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the training folder")
    add_data_root(parser)
    add_weights_dir(parser)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="where to train")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="number of GPUs (more than one: DDP)")
    parser.add_argument(
        "--precision", default="32-true", choices=["32-true", "bf16-mixed", "16-mixed"], help="arithmetic of training"
    )


def _add_detector(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help=f"suite that retrains (detection.protocol): {', '.join(suite_names())}, or a YAML file",
    )
    _add_settings(parser, "--set detection.protocol=retrain --set methods=[ir,vis]")
    parser.add_argument(
        "--out", type=Path, default=Path("results"), metavar="DIR", help="where run folders go (default: results)"
    )
    add_data_root(parser)
    add_weights_dir(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")


def _add_settings(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"replace one setting, e.g. {example}; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    try:
        return {"export": _export, "detector": _train_detectors}.get(args.kind, _train)(args)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None


def _export(args: argparse.Namespace) -> int:
    if args.out.suffix not in (".safetensors", *NETWORK_FILES):
        known = ", ".join(NETWORK_FILES)
        raise UsageError(
            f"--out {args.out}: expected a file name that ends in .safetensors, or of tsdm_lite in {known}"
        )
    if args.out.suffix in NETWORK_FILES:
        from fusion.tsdm.lite import export_lite  # after the checks: this takes seconds

        export_lite(args.checkpoint, args.out)
        print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.2f} MB)")
        return 0

    from fusion.tsdm.training.packing import export_checkpoint  # after the checks: this takes seconds

    export_checkpoint(args.checkpoint, args.out, half=args.half)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.2f} MB) and {args.out.with_suffix('.md')}")
    return 0


def _train(args: argparse.Namespace) -> int:
    config_file(args.kind, args.config)
    settings = _settings(args)

    from bench.training import train_fusion  # after the checks: this takes seconds
    from fusion.tsdm.training.config import load_config
    from fusion.tsdm.training.hardware import Hardware
    from tsdm_bench.images import ImageProblem

    config = load_config(args.kind, args.config, settings)
    folder = args.out or Path("runs") / args.kind
    try:
        outcome = train_fusion(
            config,
            folder,
            data_root=args.data_root,
            weights_dir=args.weights_dir,
            resume=args.resume,
            hardware=Hardware(args.device, args.devices, args.precision),
            facts={"command": shlex.join(["python", *sys.argv])},
        )
    except ImageProblem as error:  # a data worker adds its traceback in front
        raise UsageError(words_of(error).rpartition("ImageProblem: ")[2]) from None
    if outcome.rank == 0:
        _tell(outcome, config, folder)
    return 0 if outcome.finished else INTERRUPTED


def _tell(outcome: Outcome, config: TrainingConfig, folder: Path) -> None:
    from fusion.tsdm.training.resume import BEST, LAST

    progress = outcome.progress
    if not outcome.finished:
        print(
            f"stopped at step {progress.step} in epoch {progress.epoch} of {config.epochs}; "
            f"{folder / LAST} holds it all: repeat the command with --resume to go on"
        )
        return
    for name, value in progress.history[-1].items():
        print(f"{name:36s} {value:.5g}")
    print(as_called(f"done: {folder / BEST}; pack it with `run_bench.py train export {folder / BEST} --out …`"))


def _train_detectors(args: argparse.Namespace) -> int:
    settings = _settings(args)
    try:
        suite = load_suite(args.config, settings)
    except UsageError as error:
        raise UsageError(f"{error}; `train detector` takes a suite that retrains, see docs/training.md") from None
    if not suite.retrains:
        raise UsageError(
            f"suite {suite.name} has one detector for all methods; add --set detection.protocol=retrain, or "
            f"retrain-augmented, to train one for each"
        )
    if suite.seeds:
        raise UsageError(
            f"suite {suite.name} has several seeds; add --set seeds=[] and --set seed=N to train for one, or run the "
            f"suite, which trains for all of them"
        )

    from bench.run.resolve import Options  # after the checks: this takes seconds
    from bench.training import train_suite_detectors

    options = Options(
        args.data_root, args.weights_dir, args.out, args.device, workers=1, named_methods="methods" in settings
    )
    trained, failures = train_suite_detectors(suite, options)
    for name, path in trained.items():
        print(f"{name}: {path}")
    return 1 if failures else 0


def _settings(args: argparse.Namespace) -> dict[str, object]:
    """The values of --set by their names."""
    settings = {}
    for text in args.set:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--set {text}: expected NAME=VALUE, e.g. --set epochs=10")
        settings[name.strip()] = yaml_value(value, f"--set {name.strip()}")
    return settings
