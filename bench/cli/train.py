"""Train the teacher or the student of TSDM-Fusion, or a detector on fused images; pack a checkpoint for use.

  python run_bench.py train teacher --config teacher --data-root DIR --out runs/teacher
  python run_bench.py train export runs/teacher/best.pt --out WEIGHTS/tsdm_teacher.safetensors
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student
  python run_bench.py train student --config student --data-root DIR --weights-dir WEIGHTS --out runs/student --resume
  python run_bench.py train detector --config detector.yaml --data-root DIR --weights-dir WEIGHTS

Ctrl-C stops after the step at hand and keeps everything; --resume goes on from there. docs/training.md has the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from bench.cli.options import add_data_root, add_weights_dir
from bench.datasets import DATASETS
from bench.datasets.files import refuse_faults
from bench.datasets.pair import Pair
from bench.methods import find_method, find_weights, obtain
from bench.run.resolve import pick_device
from bench.weights import WEIGHT_FILES
from degradation import degrade
from degradation.factor import FACTORS
from detectors.training.loop import train_detector
from detectors.training.recipe import Recipe
from detectors.training.training_set import Sample, write_training_set
from fusion.method import Fuse, prepare
from fusion.tsdm.training.config import StudentConfig, TrainingConfig, config_names, load_config
from fusion.tsdm.training.data import split
from fusion.tsdm.training.hardware import Hardware
from fusion.tsdm.training.loop import Outcome, train
from fusion.tsdm.training.packing import export_checkpoint
from fusion.tsdm.training.resume import BEST, LAST
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.files import read_yaml, yaml_value
from tsdm_bench.images import ImageProblem, as_batch, quantise
from tsdm_bench.weights.location import locate

INTERRUPTED = 130


class DetectorTraining(BaseModel):
    """One detector per method, all with the same recipe: protocols ``retrain`` and ``retrain-augmented``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    split: str = "train"
    limit: int | None = Field(None, ge=1)
    methods: tuple[str, ...] = Field(min_length=1)
    factors: tuple[str, ...] = ()
    """With factors (``retrain-augmented``) each pair is fused under one of them, at a random severity 0 to 5."""
    initial: str | None = None
    """Weights of plain tensors to start from: a file, or the name of one in the weights directory."""
    recipe: Recipe = Recipe()
    seed: int = Field(0, ge=0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    for kind in ("teacher", "student"):
        _add_training(kinds.add_parser(kind, help=f"train the {kind}"), kind)
    detector = kinds.add_parser("detector", help="train one detector per method, on its fused images")
    detector.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML file, see docs/training.md")
    detector.add_argument("--out", type=Path, default=Path("runs/detector"), metavar="DIR", help="training folder")
    add_data_root(detector)
    add_weights_dir(detector)
    detector.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
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
        return {"export": _export, "detector": _train_detectors}.get(args.kind, _train)(args)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None
    except ImageProblem as error:  # a data worker adds its traceback in front
        raise UsageError(words_of(error).rpartition("ImageProblem: ")[2]) from None


def _export(args: argparse.Namespace) -> int:
    if args.out.suffix != ".safetensors":
        raise UsageError(f"--out {args.out}: expected a file name that ends in .safetensors")
    export_checkpoint(args.checkpoint, args.out, half=args.half)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.2f} MB) and {args.out.with_suffix('.md')}")
    return 0


def _train(args: argparse.Namespace) -> int:
    config = load_config(args.kind, args.config, dict(_setting(text) for text in args.set))
    folder = args.out or Path("runs") / args.kind
    train_pairs, validation_pairs, described = _pairs(config, args.data_root)
    outcome = train(
        config,
        train_pairs,
        validation_pairs,
        folder,
        resume=args.resume,
        hardware=Hardware(args.device, args.devices, args.precision),
        teacher=_weights(config.teacher, args.weights_dir) if isinstance(config, StudentConfig) else None,
        initial=_weights(config.initial, args.weights_dir) if config.initial else None,
        facts={
            "data": described,
            "kept out of training": ", ".join(pair.image for pair in validation_pairs) or "nothing",
            "command": shlex.join(["python", *sys.argv]),
        },
    )
    if outcome.rank == 0:
        _tell(outcome, config, folder)
    return 0 if outcome.finished else INTERRUPTED


def _tell(outcome: Outcome, config: TrainingConfig, folder: Path) -> None:
    progress = outcome.progress
    if not outcome.finished:
        print(
            f"stopped at step {progress.step} in epoch {progress.epoch} of {config.epochs}; "
            f"{folder / LAST} holds it all: repeat the command with --resume to go on"
        )
        return
    for name, value in progress.history[-1].items():
        print(f"{name:36s} {value:.5g}")
    print(f"done: {folder / BEST}; pack it with `run_bench.py train export {folder / BEST} --out …`")


def _setting(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--set {text}: expected NAME=VALUE, e.g. --set epochs=10")
    return name.strip(), yaml_value(value, f"--set {name.strip()}")


def _weights(name: str, weights_dir: Path | None) -> Path:
    """A file by its path, else by its name in the weights directory or in this package."""
    return Path(name) if Path(name).is_file() else locate(WEIGHT_FILES[name], weights_dir)


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
    refuse_faults("folder", pairs, with_labels=False)
    problems = [pair.problem for pair in pairs if pair.problem]
    if problems:
        raise UsageError(f"data source {name}: {problems[0]} ({len(problems)} such pairs); add or remove those files")
    return pairs


def _train_detectors(args: argparse.Namespace) -> int:
    config = _detector_config(args.config)
    dataset = DATASETS[config.dataset]
    if args.data_root is None and not dataset.synthetic:
        raise UsageError(f"training on {config.dataset} needs --data-root, the folder of the datasets")
    pairs = [pair for pair in dataset.pairs(args.data_root) if pair.split == config.split]
    refuse_faults(dataset.name, pairs, with_labels=True)
    pairs = [pair for pair in pairs if pair.boxes is not None]
    pairs = pairs[: config.limit]
    if not pairs:
        raise UsageError(f"{config.dataset} has no labelled pairs of the split {config.split!r} under {args.data_root}")
    classes = dataset.classes or tuple(sorted({box.label for pair in pairs for box in pair.boxes}))
    initial = None if config.initial is None else _weight_file(config.initial, args.weights_dir)
    device = pick_device(args.device)
    for spec in config.methods:
        method = find_method(spec)
        for reason in obtain([method], args.weights_dir).values():
            raise UsageError(reason)
        fuse = prepare(method, find_weights(method, args.weights_dir), device)
        content = [config.model_dump(mode="json", exclude={"recipe", "initial", "methods"}), method.version]
        key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]
        samples = _fused_samples(pairs, fuse, config, device)
        images = write_training_set(samples, classes, args.out / "images" / f"{method.name}-{key}")
        print(f"{method.name}: {train_detector(images, config.recipe, args.out, initial=initial, device=str(device))}")
    return 0


def _detector_config(path: Path) -> DetectorTraining:
    if not path.is_file():
        raise UsageError(f"no configuration {path}; give a YAML file as in docs/training.md")
    return read_yaml(path, DetectorTraining)


def _weight_file(name: str, weights_dir: Path | None) -> Path:
    places = [Path(name)] if weights_dir is None else [Path(name), Path(weights_dir) / name]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise UsageError(f"no initial weights {name}, here or in --weights-dir; correct `initial`, or leave it out")
    return found


def _fused_samples(
    pairs: list[Pair], fuse: Fuse, config: DetectorTraining, device: torch.device | str
) -> Iterator[Sample]:
    for pair in tqdm(pairs, unit="pair", leave=False):
        ir, vis = pair.read()
        factor, severity, hit = "clean", 0, "both"
        if config.factors:
            generator = np.random.default_rng([config.seed, zlib.crc32(pair.image.encode())])
            factor = config.factors[generator.integers(len(config.factors))]
            severity = int(generator.integers(6))
            modalities = FACTORS[factor].modalities
            hit = "both" if len(modalities) == 2 else modalities[0]
            place = {"seed": config.seed, "dataset": config.dataset, "image": pair.image}
            ir, vis, _ = degrade(ir, vis, FACTORS[factor], severity, hit, **place)
        key = {"dataset": config.dataset, "image": pair.image, "factor": factor, "severity": severity, "modality": hit}
        fused = fuse(as_batch(ir, device).float() / 255, as_batch(vis, device).float() / 255, key)
        yield Sample(pair.image, quantise(fused), pair.boxes)
