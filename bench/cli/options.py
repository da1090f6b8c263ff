"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.lists import comma_list
from detectors.evaluation import DEFINITION_NAMES
from tsdm_bench.errors import UsageError
from tsdm_bench.places import DATA_VARIABLE, WEIGHTS_VARIABLE

if TYPE_CHECKING:
    from bench.suite import Suite

DEMO = "demo"
LEADERBOARD = Path("results", "leaderboard")
UNITS = {"h": 3600, "m": 60, "min": 60, "s": 1}


def add_data_root(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--data-root",
        type=Path,
        default=os.environ.get(DATA_VARIABLE),
        metavar="DIR",
        help=f"folder of the datasets in their published layouts (default: ${DATA_VARIABLE})",
    )


def add_weights_dir(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--weights-dir",
        type=Path,
        default=os.environ.get(WEIGHTS_VARIABLE),
        metavar="DIR",
        help=f"folder of method and detector weights (default: ${WEIGHTS_VARIABLE}, then the download cache)",
    )


LATEX = {
    "best": (
        ("bold", "colour"),
        "how the best and second best number are marked: bold and underlined, or red and blue",
    ),
    "spread": (
        ("auto", "interval", "std", "none"),
        "what stands behind a mean: an interval where the page shows one, everywhere where there is one, the standard "
        "deviation of the pairs, or nothing",
    ),
    "page": (
        ("any", "ieee", "article"),
        "the class that tables fit; any: LaTeX takes the layout that fits",
    ),
}
"""Fields of the style of LaTeX tables, with their values (the first is the default)."""


def add_latex_style(parser: argparse.ArgumentParser) -> None:
    """Options of LaTeX tables: ``--latex-best`` and so on."""
    group = parser.add_argument_group("LaTeX tables")
    for name, (values, text) in LATEX.items():
        group.add_argument(f"--latex-{name}", choices=values, default=values[0], help=f"{text} (default: {values[0]})")


def latex_style(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of :class:`bench.report.latex.LatexStyle` from the options."""
    return {name: getattr(args, f"latex_{name}") for name in LATEX}


def add_reading(parser: argparse.ArgumentParser, default: str) -> None:
    """How the boxes of a run are read; nothing is computed again for it."""
    words = "; ".join(f"{name}: {text}" for name, text in DEFINITION_NAMES.items())
    parser.add_argument("--ap", choices=DEFINITION_NAMES, help=f"the definition of average precision that tables show "
                        f"and rank by (default: {default}). {words}")  # fmt: skip
    parser.add_argument("--classes", metavar="SET", help="the classes that mAP is the mean over: a class set of "
                        f"the dataset such as paper, or counted: those with enough objects (default: "
                        f"{default})")  # fmt: skip


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that choose which part of a suite is meant; shared with ``degrade``."""
    from bench.suite import suite_names

    parser.add_argument("--suite", help=f"{', '.join(suite_names())}, or a YAML file (default: {DEMO})")
    add_data_root(parser)
    parser.add_argument("--factors", type=comma_list, metavar="F,G", help="degradation factors (list factors); several "
                        "at once as vis:rain+ir:stripe_noise, published sets as mixed-ddl, mixed-ems")  # fmt: skip
    parser.add_argument("--severities", type=comma_numbers, metavar="0,3,5", help="0 is the clean pair, 5 the worst")
    parser.add_argument("--modalities", type=comma_list, metavar="ir,vis,both", help="which images are degraded")
    parser.add_argument("--subset", help="only the pairs that a paper reports on (list subsets)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="only N pairs, taken evenly over the dataset")
    parser.add_argument("--seed", type=int, help="seed of every random draw (default: the suite's, 0)")


def suite_of(args: argparse.Namespace) -> Suite:
    """The suite that the options describe."""
    from bench.suite import load_suite

    fields = ("factors", "severities", "modalities", "subset", "limit", "seed", "seeds", "methods", "metrics")
    overrides = {name: value for name in fields if (value := getattr(args, name, None)) is not None}
    if "seed" in overrides:
        if "seeds" in overrides:
            raise UsageError("--seed names one seed and --seeds several: leave out one of both")
        overrides["seeds"] = ()
    detector, image_size = getattr(args, "detector", None), getattr(args, "image_size", None)
    several = comma_list(detector or "")
    if detector:
        overrides["detectors"] = [{"weights": one} | _sized(image_size) for one in several] if len(several) > 1 else ()
    if detector == "none":
        overrides["detector"] = None
    elif len(several) == 1:
        overrides["detector.weights"] = detector
    if image_size:
        overrides["detector.image_size"] = image_size
    for name in ("protocol", "recipe", "ap", "classes"):
        if value := getattr(args, name, None):
            overrides[f"detection.{name}"] = value
    suite = load_suite(args.suite or DEMO, overrides)
    if not suite.retrains:
        return suite
    if detector:
        raise UsageError(
            f"--detector {detector} is for protocol fixed; protocol {suite.detection.protocol} trains its own: leave "
            f"out one of both"
        )
    return _trained_at(suite, image_size) if image_size else suite


def _sized(image_size: int | None) -> dict[str, int]:
    return {"image_size": image_size} if image_size else {}


def _trained_at(suite: Suite, image_size: int) -> Suite:
    """The suite with another input size of the detectors that it trains."""
    try:
        recipe = replace(suite.detection.recipe, image_size=image_size)
    except ValueError as error:
        raise UsageError(f"--image-size: {error}") from None
    return suite.model_copy(update={"detection": suite.detection.model_copy(update={"recipe": recipe})})


def comma_numbers(text: str) -> tuple[int, ...]:
    """``0,3,5`` → (0, 3, 5)."""
    try:
        return tuple(int(part) for part in comma_list(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas such as 0,3,5, got {text!r}") from None


def whole_number(text: str) -> int:
    """A whole number of at least 1; the argparse type of counts."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """``2h``, ``90m``, ``1h30m``, ``45s`` in seconds; the argparse type of durations.

    >>> seconds("1h30m")
    5400.0
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|min|m|s)", text)
    total = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or total <= 0:
        raise argparse.ArgumentTypeError(f"expected a duration such as 2h, 90m or 1h30m, got {text!r}")
    return total


def share(text: str) -> float:
    """More than 0 and at most 1; the argparse type of shares.

    >>> share("0.25")
    0.25
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 1, got {text!r}")
    return number
