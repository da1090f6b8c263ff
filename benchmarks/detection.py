"""Train the demo detector, and measure what the statistics of detection cost and say.

    python -m benchmarks.detection demo-detector --work DIR
    python -m benchmarks.detection contrast --data-root DIR --detector FILE
    python -m benchmarks.detection bootstrap

``demo-detector`` trains on synthetic scenes, exports, and tests on other scenes; ``contrast`` relates what is found to
how it stands out; ``bootstrap`` is timed on made-up boxes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench.datasets import DATASETS
from bench.datasets.pair import M3FD_CLASSES, Pair
from bench.datasets.synthetic import scenes
from bench.metrics import to_grey
from bench.statistics.detection import sample_detection
from bench.statistics.objects import signal_to_clutter
from degradation.condition import degrade
from degradation.factor import FACTORS
from detectors.backends.export import export_onnx
from detectors.detector import Detector, open_detector
from detectors.evaluation.average_precision import average_precision
from detectors.evaluation.fates import object_fates
from detectors.evaluation.matching import DETECTION_COLUMNS, TRUTH_COLUMNS
from detectors.training.loop import train_detector
from detectors.training.recipe import Recipe
from detectors.training.training_set import Sample, write_training_set
from fusion.method import METHODS, prepare
from tsdm_bench.tensors import as_batch, as_float, quantise

DEMO_METHODS = ("ir", "vis", "average", "maximum", "laplacian_pyramid")
DEMO_TRAINING_SEED, DEMO_TEST_SEED = 1001, 2002
"""Neither is the seed of the demo's own scenes (0)."""
DEMO_SCENES, DEMO_TEST_SCENES = 480, 48
DEMO_RECIPE = Recipe(
    architecture="detectors/architectures/yolov5p.yaml",
    epochs=22,
    image_size=416,
    batch=8,
    learning_rate=2e-3,
    warmup_bias_learning_rate=0.1,
    mosaic=0.5,
    mosaic_free_epochs=6,
)
CLEAN_SHARE = 0.5

CONTRAST_METHODS = ("ir", "vis", "average")


def fuse(method: str, ir: np.ndarray, vis: np.ndarray) -> np.ndarray:
    """The 8-bit RGB image of a method that needs no weights."""
    return quantise(prepare(METHODS[method])(as_float(as_batch(ir)), as_float(as_batch(vis))))


def mixed_samples(pairs: Sequence[Pair], seed: int) -> Iterator[Sample]:
    """One fused image per pair: a random method, clean or under a random condition."""
    random = np.random.default_rng(seed)
    factors = [factor for factor in FACTORS.values() if factor.photometric]
    for pair in pairs:
        ir, vis = pair.read()
        if random.random() > CLEAN_SHARE:
            factor = factors[random.integers(len(factors))]
            hit = "both" if len(factor.modalities) == 2 else factor.modalities[0]
            severity = int(random.integers(1, 6))
            ir, vis, _ = degrade(ir, vis, factor, severity, hit, seed=seed, dataset="synthetic", image=pair.image)
        method = DEMO_METHODS[random.integers(len(DEMO_METHODS))]
        yield Sample(pair.image, fuse(method, ir, vis), pair.boxes)


def clean_samples(pairs: Sequence[Pair], method: str) -> Iterator[Sample]:
    """The clean pairs fused by one method."""
    for pair in pairs:
        yield Sample(pair.image, fuse(method, *pair.read()), pair.boxes)


def truth_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    rows = [(pair.image, *box) for pair in pairs for box in pair.boxes]
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def evaluate(detector: Detector, pairs: Sequence[Pair], method: str) -> pd.DataFrame:
    """COCO average precision of ``detector`` on clean pairs fused by ``method``."""
    rows = [
        (sample.name, *found) for sample in clean_samples(pairs, method) for found in detector.detect([sample.image])[0]
    ]
    detections = pd.DataFrame(rows, columns=list(DETECTION_COLUMNS))
    return average_precision(truth_table(pairs), detections, [pair.image for pair in pairs], M3FD_CLASSES)


def demo_detector(work: Path) -> None:
    """Train on synthetic scenes, export to ONNX, and print the precision on scenes of another seed."""
    pairs = scenes(DEMO_SCENES, seed=DEMO_TRAINING_SEED)
    training_set = write_training_set(mixed_samples(pairs, DEMO_TRAINING_SEED), M3FD_CLASSES, work / "set")
    started = time.process_time()
    checkpoint = train_detector(training_set, DEMO_RECIPE, work / "trained")
    print(f"{checkpoint} after {time.process_time() - started:.0f} s of processor time")
    description = "narrow YOLOv5 (anchor-free), trained by TSDM-Bench on its synthetic street scenes"
    path = export_onnx(checkpoint, work / "yolov5p_synthetic.onnx", description)
    print(f"{path}: {path.stat().st_size} bytes")
    detector = open_detector(path, classes=M3FD_CLASSES, image_size=DEMO_RECIPE.image_size)
    held_out = scenes(DEMO_TEST_SCENES, seed=DEMO_TEST_SEED)
    for method in DEMO_METHODS:
        print(method, evaluate(detector, held_out, method).round(3).to_string(index=False), sep="\n")


def detect_condition(
    detector: Detector, pairs: Sequence[Pair], method: str, condition: tuple[str, int]
) -> pd.DataFrame:
    """Detections of ``pairs`` fused by ``method`` under one condition."""
    found = []
    for pair in pairs:
        found += [(pair.image, *box) for box in detector.detect([fuse(method, *seen(pair, condition))])[0]]
    return pd.DataFrame(found, columns=list(DETECTION_COLUMNS))


def contrast(data_root: Path, detector_file: Path) -> None:
    """Does an object's contrast in the fused image explain whether it is found? M3FD, clean and under noise."""
    pairs = [pair for pair in DATASETS["m3fd"].pairs(data_root) if pair.boxes]
    detector = open_detector(detector_file, classes=M3FD_CLASSES)
    truth = truth_table(pairs)
    for condition in (("clean", 0), ("noise_gray", 3)):
        for method in CONTRAST_METHODS:
            found = detect_condition(detector, pairs, method, condition)
            ratios = []
            for pair in pairs:
                image = fuse(method, *seen(pair, condition))
                ratios.append(signal_to_clutter(to_grey(as_batch(image))[0, 0].numpy(), pair.boxes))
            fates, _ = object_fates(truth, found, [pair.image for pair in pairs], M3FD_CLASSES)
            ratio, hit = np.concatenate(ratios), (fates == "found").to_numpy()
            quarters = pd.Series(hit).groupby(pd.qcut(ratio, 4), observed=True).agg(["size", "mean"])
            print(*condition, method, quarters.round(2).to_string(), sep="\n")
            for label in ("People", "Car"):
                of = (truth["class"] == label).to_numpy()
                print(f"{label}: median ratio {np.median(ratio[of]):.2f}, found {hit[of].mean():.2f} of {of.sum()}")


def seen(pair: Pair, condition: tuple[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Infrared and visible image of a pair under (factor, severity), both modalities hit."""
    factor, severity = condition
    ir, vis = pair.read()
    if severity:
        ir, vis, _ = degrade(ir, vis, FACTORS[factor], severity, "both", seed=0, dataset="m3fd", image=pair.image)
    return ir, vis


def bootstrap(workers: int) -> None:
    """Time of 1,000 resamples of every AP of 10 methods under 31 conditions on 72 images, with made-up boxes."""
    random = np.random.default_rng(0)
    images = [f"{i:05d}" for i in range(0, 72 * 30, 30)]
    truth, found = [], []
    for image in images:
        objects = random.uniform([0, 0, 10, 10], [900, 650, 120, 120], size=(9, 4))
        labels = random.choice(M3FD_CLASSES, 9, p=(0.42, 0.45, 0.02, 0.02, 0.06, 0.03))
        truth += [(image, label, *box) for label, box in zip(labels, objects, strict=True)]
        for near in range(4):
            shifted = objects + random.normal(0, 3 + 6 * near, objects.shape) * [1, 1, 0.3, 0.3]
            scores = random.beta(4 - near, 1 + 2 * near, 9)
            found += [(image, *row) for row in zip(labels, scores, *shifted.clip(1).T, strict=True)]
        strays = random.uniform([0, 0, 10, 10], [900, 650, 120, 120], size=(220, 4))
        labels = random.choice(M3FD_CLASSES, 220)
        found += [(image, *row) for row in zip(labels, random.beta(0.3, 6, 220), *strays.T, strict=True)]
    truth = pd.DataFrame(truth, columns=list(TRUTH_COLUMNS))
    found = pd.DataFrame(found, columns=list(DETECTION_COLUMNS))
    conditions = [("clean", 0), *((f"factor {f}", severity) for f in range(6) for severity in range(1, 6))]
    heads = [
        {"factor": factor, "severity": severity, "modality": "both", "method": f"method {m}"}
        for factor, severity in conditions
        for m in range(10)
    ]
    detections = pd.concat([found[random.random(len(found)) < 0.95].assign(**head) for head in heads])
    cells = pd.concat([pd.DataFrame({"image": images, "scene": "day"}).assign(**head) for head in heads])
    started, used = time.perf_counter(), time.process_time()
    sample_detection(truth, detections, cells, M3FD_CLASSES, largest_gap=0, workers=workers)
    seconds, own = time.perf_counter() - started, time.process_time() - used
    print(
        f"{len(heads)} cells, {len(detections)} detections, {workers} worker(s): {seconds:.1f} s, own {own:.1f} s CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["demo-detector", "contrast", "bootstrap"])
    parser.add_argument("--work", type=Path, default=Path("results/detection"))
    parser.add_argument("--data-root", type=Path, help="folder with M3FD_Detection")
    parser.add_argument("--detector", type=Path, help="detector file")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.task == "demo-detector":
        demo_detector(arguments.work)
    elif arguments.task == "bootstrap":
        bootstrap(arguments.workers)
    elif arguments.task == "contrast" and arguments.data_root and arguments.detector:
        contrast(arguments.data_root, arguments.detector)
    else:
        parser.error("contrast needs --data-root and --detector")


if __name__ == "__main__":
    main()
