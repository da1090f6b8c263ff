"""Train the teacher or the student of TSDM-Fusion, or pack a trained checkpoint for use.

  python run_bench.py train teacher --config teacher --data-root DIR --out runs/teacher
  python run_bench.py train export runs/teacher/best.pt --out WEIGHTS/tsdm_teacher.safetensors
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student --resume

Ctrl-C stops after the step at hand and keeps everything; --resume goes on from there. docs/training.md has the rest.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import yaml

from bench.cli.run import add_data_root, add_weights_dir
from bench.datasets import DATASETS
from bench.datasets.files import ImageProblem
from bench.datasets.pair import Pair
from bench.errors import UsageError
from fusion.tsdm import training
from fusion.tsdm.config import StudentConfig, TrainingConfig, config_names, load_config
from fusion.tsdm.data import split
from fusion.weights.location import locate

HELP = "train the teacher or the student, export their weights"
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    for kind in ("teacher", "student"):
        _add_training(kinds.add_parser(kind, help=f"train the {kind}"), kind)
    export = kinds.add_parser("export", help="write the weights of a checkpoint as safetensors, with a model card")
    export.add_argument("checkpoint", type=Path, help="best.pt or last.pt of a training folder")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write (.safetensors)")
    export.add_argument("--half", action="store_true", help="store float16: half the size")


def _add_training(parser: argparse.ArgumentParser, kind: str) -> None:
    names = ", ".join(config_names(kind))
    parser.add_argument("--config", default=kind, metavar="FILE", help=f"{names}, or a YAML file (default: {kind})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace one setting, e.g. --set epochs=10 --set data.patch=[64,64]; may be repeated",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"training folder (default: runs/{kind})")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the training folder")
    add_data_root(parser)
    add_weights_dir(parser)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="where to train")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="number of GPUs (more than one: DDP)")
    parser.add_argument(
        "--precision", default="32-true", choices=["32-true", "bf16-mixed", "16-mixed"], help="arithmetic of training"
    )


def run(args: argparse.Namespace) -> int:
    try:
        return _export(args) if args.kind == "export" else _train(args)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None
    except ImageProblem as error:  # a data worker adds its traceback in front
        raise UsageError(str(error).strip().splitlines()[-1].rpartition("ImageProblem: ")[2]) from None


def _export(args: argparse.Namespace) -> int:
    if args.out.suffix != ".safetensors":
        raise UsageError(f"--out {args.out}: expected a file name that ends in .safetensors")
    training.export_checkpoint(args.checkpoint, args.out, half=args.half)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.2f} MB) and {args.out.with_suffix('.md')}")
    return 0


def _train(args: argparse.Namespace) -> int:
    config = load_config(args.kind, args.config, dict(_setting(text) for text in args.set))
    folder = args.out or Path("runs") / args.kind
    train_pairs, validation_pairs, described = _pairs(config, args.data_root)
    outcome = training.train(
        config,
        train_pairs,
        validation_pairs,
        folder,
        resume=args.resume,
        hardware=training.Hardware(args.device, args.devices, args.precision),
        teacher=_teacher(config, args.weights_dir),
        facts={
            "data": described,
            "kept out of training": ", ".join(pair.image for pair in validation_pairs) or "nothing",
            "command": shlex.join(["python", *sys.argv]),
        },
    )
    progress = outcome.progress
    if not outcome.finished:
        print(
            f"stopped at step {progress.step} in epoch {progress.epoch} of {config.epochs}; "
            f"{folder / training.LAST} holds it all: repeat the command with --resume to go on"
        )
        return INTERRUPTED
    for name, value in (progress.history[-1] if progress.history else {}).items():
        print(f"{name:36s} {value:.5g}")
    print(f"done: {folder / training.BEST}; pack it with `run_bench.py train export {folder / training.BEST} --out …`")
    return 0


def _setting(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--set {text}: expected NAME=VALUE, e.g. --set epochs=10")
    return name.strip(), yaml.safe_load(value)


def _teacher(config: TrainingConfig, weights_dir: Path | None) -> Path | None:
    if not isinstance(config, StudentConfig):
        return None
    return Path(config.teacher) if Path(config.teacher).is_file() else locate(config.teacher, weights_dir)


def _pairs(config: TrainingConfig, data_root: Path | None) -> tuple[list[Pair], list[Pair], str]:
    """Pairs to train on, pairs kept out, and both counted in words."""
    train_pairs: list[Pair] = []
    validation_pairs: list[Pair] = []
    counts = []
    for source in config.data.sources:
        used, kept = split(_source(source, data_root), config.data.validation_fraction)
        train_pairs += used
        validation_pairs += kept
        counts.append(f"{source} {len(used)} + {len(kept)}")
    for source in config.data.validation_sources:
        kept = _source(source, data_root)
        validation_pairs += kept
        counts.append(f"{source} 0 + {len(kept)}")
    return train_pairs, validation_pairs, f"{', '.join(counts)} (pairs for training + kept out)"


def _source(name: str, data_root: Path | None) -> list[Pair]:
    """The pairs of a dataset by name, or of a folder (as it is, or below the data root)."""
    root = None if data_root is None else Path(data_root)
    folders = [Path(name)] if root is None else [Path(name), root / name]
    if name in DATASETS and name != "folder":
        if root is None:
            raise UsageError(f"training on {name} needs --data-root, the folder of the datasets")
        pairs = DATASETS[name].pairs(root)
    else:
        folder = next((folder for folder in folders if folder.is_dir()), None)
        if folder is None:
            known = ", ".join(sorted(set(DATASETS) - {"folder"}))
            raise UsageError(
                f"data source {name!r} is neither a dataset ({known}) nor a folder here or below --data-root; "
                f"correct data.sources"
            )
        pairs = DATASETS["folder"].pairs(folder)
    problems = [pair.problem for pair in pairs if pair.problem]
    if problems:
        raise UsageError(f"data source {name}: {problems[0]} ({len(problems)} such pairs); add or remove those files")
    return pairs
