"""The protocols ``retrain`` and ``retrain-augmented``: one detector per method, trained before the cells are run.

Every method gets the same pairs, conditions, network, start, recipe and seed; only its fused images differ. What is
trained lies in ``detectors/`` of the run folder under a name made from its content, so that it is never trained twice.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from bench.cell.rows import Failure
from bench.cell.setup import Setup
from bench.cell.sources import Bench
from bench.cell.work import fuse_seen
from bench.datasets.clusters import LARGEST_GAP
from bench.datasets.pair import Pair
from bench.methods import find_method
from bench.plan import CLEAN, Cell, Condition, conditions, factors_of, near_training
from bench.run.identities import file_hash, result_identity
from bench.run.record import DetectorFacts, PairFacts, RunRecord
from bench.suite import PROTOCOLS, DetectorSettings, Suite
from bench.unfused import UNFUSED
from degradation.condition import condition_generator
from detectors.detector import find_weights
from detectors.training.loop import detector_path, train_detector
from detectors.training.training_set import (
    COMPLETE,
    Sample,
    TrainingSet,
    forget_images,
    read_training_set,
    write_training_set,
)
from tsdm_bench.errors import UsageError, one_line
from tsdm_bench.files import write_atomically
from tsdm_bench.images import ImageProblem
from tsdm_bench.tensors import as_pixels

FEWEST_PAIRS = 8
"""Below this a detector has nothing to learn from."""
log = logging.getLogger(__name__)


def prepare_retraining(setup: Setup, pairs: Sequence[Pair], training: Sequence[Pair]) -> Setup:
    """The set-up with everything settled that the detectors depend on; they are all trained from the same start.

    Raises ``UsageError`` where there is too little to train on, nothing to test on, or no file to start from.
    """
    suite, detection = setup.suite, setup.suite.detection
    if len(training) < FEWEST_PAIRS:
        raise UsageError(
            f"protocol {detection.protocol} has {len(training)} labelled training pairs of {setup.dataset}; expected "
            f"at least {FEWEST_PAIRS}: add pairs, raise detection.limit, or use --protocol fixed"
        )
    if not any(pair.boxes for pair in pairs):
        raise UsageError(
            f"protocol {detection.protocol}: none of the {len(pairs)} pairs of {setup.dataset} that are held out from "
            f"training has a labelled object; add labels, raise --limit, or use --protocol fixed"
        )
    recipe = replace(detection.recipe, seed=suite.seed)
    initial = _first_to_be_had(detection.initial, setup.weights_dir)
    if near := near_training(pairs, training):
        log.warning(
            "%d of %d held-out pairs of %s are within %d frames of a training pair: their precision flatters; "
            "detection.split: scenes keeps such frames together",
            len(near), len(pairs), setup.dataset, LARGEST_GAP,
        )  # fmt: skip
    read = {"weights": (recipe.architecture,), "image_size": recipe.image_size, "class_map": None}
    settled = {
        "detection": detection.model_copy(update={"recipe": recipe, "initial": initial}),
        "detector": _asked(suite).model_copy(update=read),
    }
    return replace(setup, suite=suite.model_copy(update=settled))


def describe_retraining(
    setup: Setup, pairs: Sequence[Pair], training: Sequence[Pair], facts: Mapping[str, PairFacts]
) -> DetectorFacts:
    """What the record says of the detectors before they are trained; ``sha256`` is that of what they share.

    ``facts`` holds the identities of the training pairs.
    """
    suite, detection = setup.suite, setup.suite.detection
    recipe, initial = detection.recipe, _initial(setup)
    identities = [(pair, (facts[pair.image].content, facts[pair.image].labels)) for pair in training]
    images = sum(len(training_conditions(pair.image, setup)) for pair in training)
    shared = {
        "recipe": asdict(recipe),
        "initial": {"name": initial.name, "sha256": file_hash(initial)} if initial else None,
        "training": {
            "pairs": len(training),
            "images": images,
            "sha256": _digest(
                [(pair.image, training_conditions(pair.image, setup), seen) for pair, seen in identities]
            ),
            "split": detection.split,
            "factors": _factors(suite),
            "severities": list(detection.severities) if _factors(suite) else [],
        },
    }
    return DetectorFacts(
        name=f"{Path(recipe.architecture).stem} ({recipe.epochs} epochs at {recipe.image_size} pixels on {images} "
        "images)",
        sha256=_digest(shared),
        class_map={name: name for name in setup.classes},
        protocol=detection.protocol,
        explanation=PROTOCOLS[detection.protocol],
        **shared,
        near_training=tuple(near_training(pairs, training)),
        **_asked(suite).model_dump(include={"image_size", "confidence", "iou", "max_detections"}),
    )


def train_detectors(
    setup: Setup, training: Sequence[Pair], record: RunRecord, folder: Path
) -> tuple[dict[str, Path], dict[str, dict], list[Failure]]:
    """Train what is not trained yet, method by method, in ``folder``/detectors.

    ``record`` says what each method and each pair is. Returns the detector of each method and view, what is known of
    each, and the methods that failed. A method that merges what is found in several views gets no detector of its own:
    it is known where those of its views are. Raises ``UsageError`` where a training pair cannot be read, or every
    method failed.
    """
    detectors, known, failures, bench = {}, {}, [], Bench(setup)
    views = {name: UNFUSED[name].views for name in setup.suite.methods if name in UNFUSED and UNFUSED[name].views}
    trained = list(dict.fromkeys(view for name in setup.suite.methods for view in views.get(name, (name,))))
    for number, name in enumerate(trained, start=1):
        log.info("%s: detector %d of %d, for %s", setup.suite.detection.protocol, number, len(trained), name)
        try:
            detectors[name] = _train_for(name, record, training, bench, folder)
        except ImageProblem as error:
            raise UsageError(f"a training pair cannot be read: {error}; repair or remove it") from None
        except Exception as error:  # one method must not stop the others
            line = f"no detector was trained: {one_line(error)}"
            log.error("%s: %s", name, line)
            failures.append(Failure("(training pairs)", *CLEAN, name, line))
            continue
        told = json.loads(detectors[name].with_suffix(".json").read_text(encoding="utf-8"))
        facts = {key: told[key] for key in ("images", "training_set", "seconds", "resumed_after")}
        known[name] = {"file": detectors[name].name, "sha256": file_hash(detectors[name])} | facts
    for name, of in views.items():
        if lacking := [view for view in of if view not in known]:
            failures.append(Failure("(training pairs)", *CLEAN, name, f"no detector for {' and '.join(lacking)}"))
            continue
        known[name] = {"views": list(of), "sha256": _digest([known[view]["sha256"] for view in of])}
    if not known.keys() & set(setup.suite.methods):
        raise UsageError(failures[0].error)
    return detectors, known, failures


def _asked(suite: Suite) -> DetectorSettings:
    if suite.detector is None:
        raise AssertionError("a suite that retrains has a detector section")
    return suite.detector


def training_conditions(image: str, setup: Setup) -> list[Condition]:
    """The conditions under which a training pair is fused: clean, and where the protocol says so, some at random.

    Drawn without replacement from the suite's factors × the training severities; the draw depends on the seed, the
    dataset and the image alone, so that every method sees the same.
    """
    suite, detection = setup.suite, setup.suite.detection
    if detection.protocol != "retrain-augmented":
        return [CLEAN]
    possible = conditions(suite.model_copy(update={"severities": detection.severities}))
    random = condition_generator(suite.seed, setup.dataset, image, "training", 0, "both")
    chosen = random.choice(len(possible), size=min(detection.degraded, len(possible)), replace=False)
    return [CLEAN, *(possible[index] for index in sorted(chosen))]


def _train_for(name: str, record: RunRecord, training: Sequence[Pair], bench: Bench, folder: Path) -> Path:
    """The detector of one method: of this run, of another run of the suite with the same content, or newly trained."""
    setup, place = bench.setup, folder / "detectors"
    recipe, initial = setup.suite.detection.recipe, _initial(setup)
    images = place / f"images-{_source_key(name, record, training, setup)}"
    training_set = _known_training_set(images, setup)
    if training_set is None:
        shutil.rmtree(images, ignore_errors=True)
        training_set = write_training_set(_samples(name, training, bench), setup.classes, images)
    result = detector_path(training_set, recipe, place, initial)
    elsewhere = _beside(result)
    if result.exists():
        log.info("trained before: %s", result.name)
    elif elsewhere is not None:
        for found in (elsewhere.with_suffix(".json"), elsewhere):
            write_atomically(place / found.name, partial(shutil.copyfile, found))
        log.info("the same training as in %s: taken from there", elsewhere.resolve().parents[1].name)
    else:
        _train_with_bar(name, training_set, bench, place, initial)
    forget_images(training_set)
    return result


def _known_training_set(images: Path, setup: Setup) -> TrainingSet | None:
    """The training set ``images`` where nothing has to be fused for it: its images are there, or its detector is.

    The detector may lie in a run beside this one, which then also tells what the images were.
    """
    recipe, initial = setup.suite.detection.recipe, _initial(setup)
    beside = sorted(images.parents[2].glob(f"*/detectors/{images.name}"))
    for found in filter(None, map(read_training_set, (images, *beside))):
        result = detector_path(found, recipe, images.parent, initial)
        if (found.folder == images and found.has_images) or result.exists() or _beside(result):
            if found.folder != images:
                marker = found.folder / COMPLETE
                write_atomically(images / COMPLETE, partial(shutil.copyfile, marker))
            return found._replace(folder=images)
    return None


def _beside(result: Path) -> Path | None:
    """The same detector in a run beside this one, whole."""
    found = result.parents[2].glob(f"*/detectors/{result.name}")
    return next((path for path in found if path.with_suffix(".json").exists()), None)


def _train_with_bar(name: str, training_set: TrainingSet, bench: Bench, place: Path, initial: Path | None) -> None:
    recipe = bench.setup.suite.detection.recipe
    log.info("training on %d images, %d epochs at %d pixels", training_set.images, recipe.epochs, recipe.image_size)
    with tqdm(total=recipe.epochs, unit="epoch", desc=f"train for {name}", dynamic_ncols=True) as bar:
        train_detector(training_set, recipe, place, initial=initial, device=bench.setup.device, progress=_shown_in(bar))


def _shown_in(bar: tqdm) -> Callable[[int], None]:
    def show(epochs: int) -> None:
        bar.n = epochs
        bar.refresh()

    return show


def _samples(name: str, training: Sequence[Pair], bench: Bench) -> Iterator[Sample]:
    """The 8-bit fused images that the detector of a method learns from."""
    for pair in tqdm(training, unit="pair", desc=f"fuse with {name}", dynamic_ncols=True):
        for condition in training_conditions(pair.image, bench.setup):
            cell = Cell(pair, condition, (name,))
            _, seen = bench.sources([bench.inputs(cell)])
            levels, _ = fuse_seen(name, cell, seen, bench)
            label = pair.image if condition == CLEAN else "-".join((pair.image, *condition.words))
            yield Sample(label, as_pixels(levels[0]), pair.boxes)


def _source_key(name: str, record: RunRecord, training: Sequence[Pair], setup: Setup) -> str:
    """16 hex digits of what the training images of a method are made from."""
    method, results = find_method(setup.specs[name]), []
    for pair in training if method.result_file else ():
        for condition in training_conditions(pair.image, setup):
            key = {"dataset": setup.dataset, "image": pair.image, **condition._asdict()}
            results.append(result_identity(method, key))
    shared = record.detector.training if record.detector else None
    return _digest([record.methods[name].identity, results, setup.dataset, setup.classes, setup.suite.seed, shared])[
        :16
    ]


def _factors(suite: Suite) -> dict[str, list]:
    """Version and ladder of the factors that training images are degraded by."""
    augmented = suite.detection.protocol == "retrain-augmented"
    return {name: [of.version, of.ladder] for name, of in factors_of(suite).items()} if augmented else {}


def _first_to_be_had(names: Sequence[str], weights_dir: Path | None) -> tuple[str, ...]:
    reasons = []
    for name in names:
        try:
            find_weights(name, weights_dir)
        except FileNotFoundError as error:
            reasons.append(str(error))
        except ValueError as error:
            raise UsageError(str(error)) from None
        else:
            return (name,)
    if reasons:
        raise UsageError(
            f"no initial weights for the detectors: {'; '.join(reasons)}; or leave out detection.initial to start from "
            f"scratch"
        )
    return ()


def _initial(setup: Setup) -> Path | None:
    initial = setup.suite.detection.initial
    return find_weights(initial[0], setup.weights_dir) if initial else None


def _digest(what: object) -> str:
    return sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
