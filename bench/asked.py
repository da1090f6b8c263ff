"""Names that were asked for: a mistyped one is told before anything that takes seconds is imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

from bench.datasets import DATASETS
from bench.datasets.class_sets import check_class_set
from bench.lists import comma_list
from bench.metrics import METRICS
from bench.subsets import SUBSETS
from bench.unfused import UNFUSED, no_image, refuse_unfit
from degradation.factor import FACTORS
from degradation.presets import PRESETS
from detectors.evaluation import COUNTED
from fusion.external import own_method
from fusion.method import METHODS, Method
from fusion.restoration.restorer import RESTORERS

if TYPE_CHECKING:
    from bench.suite import Suite

METHOD_GROUPS = ("all", "variants", *get_args(get_type_hints(Method)["kind"]))
METRIC_GROUPS = ("core", "all")
OWN_PLACES = re.compile(r"([^=:]*=)?(folder|command|shell):")
SIDES = ("ir", "vis", "both")


def check_names(suite: Suite, data_root: str | Path | None) -> None:
    """Raise ``UsageError`` for the first name in a suite that no card can have, or where its dataset needs a place.

    What passes may still be refused when it is looked up.
    """
    DATASETS.check(suite.dataset)
    if suite.subset:
        SUBSETS.check(suite.subset)
    for factor in suite.factors:
        for part in filter(None, re.split(r"[+:]", factor)):
            FACTORS.check(part, (*SIDES, *PRESETS))
    for method in suite.methods:
        if method not in UNFUSED:
            check_method(method, METHOD_GROUPS)
    refuse_unfit(suite.methods, suite.detection.protocol, bool(suite.detector or suite.detectors))
    check_metrics(suite.metrics)
    if suite.detection.classes != COUNTED:
        check_class_set(suite.dataset, suite.detection.classes)
    if data_root is None:
        from bench.plan import dataset_of

        dataset_of(suite, None)


def check_method(method: str, groups: Sequence[str] = ()) -> None:
    """Raise ``UsageError`` for a method, or a restorer in front of it, that no card can be.

    Of a specification of a user's own, folders and commands are looked for; what holds code is imported later.
    """
    if method in UNFUSED:
        raise no_image(method)
    *steps, name = method.split("+")
    if OWN_PLACES.match(method):
        own_method(method)
    if "=" in method or ":" in name:
        return
    for step in steps:
        RESTORERS.check(re.sub("^(ir|vis):", "", step))
    METHODS.check(name, groups)


def check_metrics(metrics: str | Sequence[str]) -> None:
    """Raise ``UsageError`` for a metric or preset that no card can be."""
    for name in comma_list(metrics):
        if name.strip():
            METRICS.check(name.strip(), METRIC_GROUPS)
