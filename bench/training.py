"""Training with what the harness knows: TSDM-Fusion on pairs of its datasets, and the detectors of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cell.rows import Failure
from bench.datasets import DATASETS
from bench.datasets.files import refuse_faults
from bench.datasets.pair import Pair
from bench.run.resolve import Options, resolve
from bench.run.retraining import train_detectors
from bench.suite import Suite
from bench.weights import WEIGHT_FILES
from fusion.tsdm.training.config import StudentConfig, TrainingConfig
from fusion.tsdm.training.data import split
from fusion.tsdm.training.hardware import Hardware
from fusion.tsdm.training.loop import Outcome, train
from tsdm_bench.errors import UsageError
from tsdm_bench.weights.location import locate

TRAINED = "trained"
"""The folder beside the runs of a suite in which detectors lie that were trained without a run."""


def train_fusion(
    config: TrainingConfig,
    folder: Path,
    *,
    data_root: Path | None = None,
    weights_dir: Path | None = None,
    resume: bool = False,
    hardware: Hardware,
    facts: Mapping[str, Any],
) -> Outcome:
    """Train the teacher or the student of TSDM-Fusion into ``folder``, on the sources that ``config`` names.

    ``facts`` go on the model card, with the sources and the images kept out. Raises ``UsageError`` for a source that is
    not there or not whole, and what :func:`fusion.tsdm.training.loop.train` raises.
    """
    training, validation, described = _pairs(config, data_root)
    return train(
        config,
        training,
        validation,
        folder,
        resume=resume,
        hardware=hardware,
        teacher=_weights(config.teacher, weights_dir) if isinstance(config, StudentConfig) else None,
        initial=_weights(config.initial, weights_dir) if config.initial else None,
        facts={
            "data": described,
            "kept out of training": ", ".join(pair.image for pair in validation) or "nothing",
            **facts,
        },
    )


def train_suite_detectors(suite: Suite, options: Options) -> tuple[dict[str, Path], list[Failure]]:
    """Train the detectors of a ``suite`` whose protocol retrains, one for each method, without running the suite.

    They lie in ``trained/detectors`` of the suite's folder below ``options.out``: the same command finds them again,
    and so does a run of the suite. Returns the detector of each method, and the methods whose training failed. Raises
    ``UsageError`` as a run would, where the suite cannot run.
    """
    run = resolve(suite, options)
    folder = (options.out / suite.name / TRAINED).resolve()
    trained, _, failures = train_detectors(run.setup, run.training, run.record, folder)
    return trained, failures


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
