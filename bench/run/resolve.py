"""From what is asked to what is run: pairs, methods, detector and device settled, and the record that says so."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cell.setup import Setup
from bench.datasets.pair import Pair
from bench.executors.pool import available_cores
from bench.lists import comma_list
from bench.methods import expand, find_method, obtain
from bench.metrics import METRICS
from bench.metrics import resolve as resolve_metrics
from bench.plan import conditions, factors_of, select_pairs, select_training_pairs, with_split
from bench.run.identities import method_facts, pair_facts
from bench.run.pictures import with_pictures
from bench.run.provenance import this_part
from bench.run.record import (
    DatasetFacts,
    DetectorFacts,
    FactorFacts,
    RunRecord,
)
from bench.run.retraining import describe_retraining, prepare_retraining
from bench.suite import Suite
from bench.unfused import UNFUSED, refuse_unfit
from fusion.method import Method
from tsdm_bench.device import pick_device
from tsdm_bench.errors import UsageError

SOURCE_NAMES = ("ir", "vis")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Where and how a run is computed; nothing here changes a value (other than the device's rounding)."""

    data_root: Path | None = None
    weights_dir: Path | None = None
    out: Path = Path("results")
    device: str = "auto"
    workers: int | None = None
    executor: str = "local"
    address: str | None = None
    """Of a Ray cluster; None: the one that ``RAY_ADDRESS`` names, else one that is started here."""
    gpu_share: float = 1.0
    """Of one GPU for each worker of a Ray cluster."""
    batch: int | None = None
    """Cells that go through together; None: as many as a GPU has room for, one on the CPU."""
    budget: float | None = None
    """Seconds after which no further cell is computed."""
    panels: int = 0
    """Of how many pairs the images are stored for the report; 0 stores none."""
    show: str | Sequence[str] = ()
    """Pairs whose images are stored under every condition."""
    named_methods: bool = False
    """Whether the user named the methods: then one that is unavailable is an error, not left out."""
    recompute: str | Sequence[str] = ()
    """Methods whose stored results are set aside and computed again."""
    repeats: RunRecord | None = None
    """The record that is repeated: what differs from it is said."""

    def __post_init__(self) -> None:
        for name in ("show", "recompute"):
            object.__setattr__(self, name, comma_list(getattr(self, name)))


@dataclass(frozen=True)
class Resolved:
    """A run before its first cell: all that can be settled is, and what cannot was refused."""

    setup: Setup
    pairs: list[Pair]
    training: list[Pair]
    record: RunRecord


def resolve(suite: Suite, options: Options) -> Resolved:
    """Settle everything that a run depends on; raises ``UsageError`` where it cannot run."""
    conditions(suite)  # names an unknown factor before anything is read
    metrics = resolve_metrics(suite.metrics)
    device = pick_device(options.device)
    suite = with_split(suite, options.data_root) if suite.retrains else suite
    dataset, pairs = select_pairs(suite, options.data_root)
    training = select_training_pairs(suite, options.data_root) if suite.retrains else []
    suite, specs, left_out = _available(suite, options)
    labelled = any(pair.boxes is not None for pair in pairs)
    refuse_unfit(suite.methods, suite.detection.protocol, suite.detector is not None and labelled)
    classes = dataset.classes or tuple(sorted({box.label for pair in [*pairs, *training] for box in pair.boxes or ()}))
    # One thread per worker: sums over several threads would round otherwise for another number of workers.
    threads = 1 if device == "cpu" else available_cores()
    setup = Setup(suite, specs, dataset.name, classes, metrics, options.weights_dir, device, threads, options.batch)
    facts = pair_facts([*pairs, *training], dataset)
    detector: DetectorFacts | None
    if suite.retrains:
        setup = prepare_retraining(setup, pairs, training)
        detector = describe_retraining(setup, pairs, training, facts)
    else:
        setup = _with_one_detector(setup, pairs) if suite.detector else setup
        detector = _detector_facts(setup)
    setup = with_pictures(setup, pairs, options.panels, options.show)
    record = RunRecord(
        suite=setup.suite,
        dataset=DatasetFacts(
            name=dataset.name, title=dataset.title, synthetic=dataset.synthetic, version=dataset.version
        ),
        classes=classes,
        pairs={pair.image: facts[pair.image] for pair in pairs},
        methods={name: method_facts(spec, options.weights_dir) for name, spec in specs.items()},
        factors={
            name: FactorFacts(version=factor.version, ladder=factor.ladder)
            for name, factor in factors_of(suite).items()
        },
        metrics={name: METRICS[name].version for name in metrics},
        detector=detector,
        left_out=left_out,
        shown=setup.shown,
        parts=(this_part(device, options.data_root),),
    )
    return Resolved(setup, pairs, training, record)


def _detector_facts(setup: Setup) -> DetectorFacts | None:
    settings = setup.suite.detector
    if settings is None:
        return None
    detector = setup.open_detector()
    return DetectorFacts(
        name=detector.name,
        sha256=detector.sha256,
        class_map=detector.class_map,
        **settings.model_dump(include={"image_size", "confidence", "iou", "max_detections"}),
    )


# --- methods and detectors that are available here ---


def _available(suite: Suite, options: Options) -> tuple[Suite, dict[str, str], dict[str, str]]:
    """The suite with the methods that can run here by name, their specifications, and why others were left out.

    Specifications of the views that methods look at are among them, whether these are methods of the suite or not.
    """
    specs: dict[str, str] = {}
    methods: dict[str, Method] = {}
    for spec in expand(suite.methods):
        method = find_method(spec)
        name = method.name
        if name in specs and specs[name] != spec:
            raise UsageError(
                f"{specs[name]!r} and {spec!r} are both called {name!r}; put a name in front: other={spec}"
            )
        if name in SOURCE_NAMES and spec != name:
            raise UsageError(f"{spec!r}: {name!r} is the name of a source image; put another name in front")
        specs[name], methods[name] = spec, method
    _refuse_equal_titles(methods)
    left_out = obtain(list(methods.values()), options.weights_dir)
    if options.named_methods:
        for name, reason in left_out.items():
            if specs[name] in suite.methods:  # named by itself, not as one of a group
                raise UsageError(reason)
    for reason in left_out.values():
        log.warning("%s; it is left out", reason)
    specs = {name: spec for name, spec in specs.items() if name not in left_out}
    if not specs:
        raise UsageError(f"none of the methods of suite {suite.name} is available; see `run_bench.py list methods`")
    for name in options.recompute:
        if name not in specs:
            raise UsageError(f"--recompute {name}: not among the methods of this run; name some of: {', '.join(specs)}")
    views = {view: view for name in specs if name in UNFUSED for view in UNFUSED[name].views}
    return suite.model_copy(update={"methods": tuple(specs)}), views | specs, left_out


def _refuse_equal_titles(methods: dict[str, Method]) -> None:
    """Two rows of a table must be told apart."""
    shown: dict[str, str] = {}
    for name, method in methods.items():
        other = shown.setdefault(method.title.casefold(), name)
        if other != name:
            raise UsageError(
                f"the methods {other} and {name} would both be shown as {method.title!r}; give yours another name in "
                f"front (other=…)"
            )


def _with_one_detector(setup: Setup, pairs: Sequence[Pair]) -> Setup:
    """The set-up with the first available one of its detectors; without one where no pair has labels."""
    settings, reasons = setup.suite.detector, []
    if settings is None or all(pair.boxes is None for pair in pairs):
        log.warning("no pair of %s is labelled: detection is left out", setup.dataset)
        return replace(setup, suite=setup.suite.model_copy(update={"detector": None}))
    for weights in settings.weights:
        one = settings.model_copy(update={"weights": (weights,)})
        candidate = replace(setup, suite=setup.suite.model_copy(update={"detector": one}))
        try:
            candidate.open_detector()
        except FileNotFoundError as error:
            reasons.append(str(error))
        except ValueError as error:
            raise UsageError(str(error)) from None
        else:
            return candidate
    raise UsageError(f"{'; '.join(reasons)}; or switch detection off by --detector none")
