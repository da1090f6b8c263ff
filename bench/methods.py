"""Which methods a run can use: cards by name or group, users' own by specification, and if their weights are there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args, get_type_hints

from bench.unfused import UNFUSED
from fusion.external import own_method
from fusion.method import METHODS, Method
from fusion.restoration.chain import restoring, split
from fusion.restoration.restorer import Restorer, weights_of
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.download import fetch
from tsdm_bench.weights.location import locate, missing, remedy

KINDS = get_args(get_type_hints(Method)["kind"])
ALL, VARIANTS, NOT_FUSED = "all", "variants", "unfused"


def in_order() -> list[Method]:
    """All cards by kind, year and name: the order in which they are shown."""
    return sorted(METHODS.values(), key=lambda card: (KINDS.index(card.kind), card.year or 0, card.name))


def groups() -> dict[str, tuple[str, ...]]:
    """The words that stand for several methods: ``all``, each kind (``classical``, ``learned``…) and ``variants``.

    A variant is a card whose name is that of another one with a suffix (``seafusion_official``, ``tsdm_student_bf16``);
    the other words leave them out, so that a method counts once. ``unfused`` stands for the ways of giving a detector
    both images, which no other word includes.
    """
    variants = {name for name in METHODS if any(name.startswith(f"{other}_") for other in METHODS)}
    main = [card for card in in_order() if card.name not in variants]
    found = {kind: tuple(card.name for card in main if card.kind == kind) for kind in KINDS}
    found |= {ALL: tuple(card.name for card in main), VARIANTS: tuple(c.name for c in in_order() if c.name in variants)}
    found |= {NOT_FUSED: tuple(UNFUSED)}
    return {word: names for word, names in found.items() if names and word not in METHODS}


def expand(specs: Iterable[str]) -> tuple[str, ...]:
    """``specs`` with every group word (:func:`groups`) replaced by its methods, each method once.

    A method stands where it comes first; one that is also named by itself is not repeated by a group.
    """
    words = groups()
    return tuple(dict.fromkeys(name for spec in specs for name in words.get(spec, (spec,))))


def find_method(spec: str) -> Method:
    """A method by card name, or a user's own by specification (``folder:…``, ``command:…``, ``module:callable``…).

    Either may have restorers in front (``sci+gff``, see :mod:`fusion.restoration.chain`). What fuses nothing
    (:mod:`bench.unfused`) may not.
    """
    if spec in UNFUSED:
        return UNFUSED[spec]
    if spec in METHODS:
        return METHODS[spec]
    steps, spec = split(spec)
    if steps and spec in UNFUSED:
        raise UsageError(f"restorers go in front of a fusion method, and {spec} is none; leave them out")
    method = own_method(spec) if ":" in spec else METHODS[spec]
    return restoring(steps, method) if steps else method


def find_weights(method: Method, weights_dir: Path | None) -> dict[str, Path]:
    """Local path of each weight file that ``method`` needs; ``UsageError`` where one is missing or damaged."""
    return located(method.weights, weights_dir)


def located(files: Iterable[WeightFile], weights_dir: Path | None) -> dict[str, Path]:
    """Local path of each file; ``UsageError`` where one is missing or damaged."""
    try:
        return {file.name: locate(file, weights_dir) for file in files}
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from None


def obtain(methods: Iterable[Method], weights_dir: Path | None) -> dict[str, str]:
    """Download the weights that ``methods`` lack; why not, by method name, for those that stay unavailable.

    After the first server that cannot be reached nothing more is tried: the machine is taken to be offline. A server
    that refuses one file says nothing about the next.
    """
    reasons, offline = {}, False
    for method in methods:
        refused = ""
        for file in missing(method.weights, weights_dir):
            if offline or refused or not file.urls:
                break
            try:
                fetch(file, weights_dir)
            except ConnectionError:
                offline = True
            except FileNotFoundError as error:
                refused = f"method {method.name} needs weights that are not here: {error}"
            except OSError as error:
                place = "name another place by TSDM_BENCH_CACHE, or put the files into --weights-dir"
                refused = f"method {method.name} needs weights that cannot be stored here: {words_of(error)}; {place}"
            except ValueError as error:
                raise UsageError(str(error)) from None
        if reason := refused or unavailable(method, weights_dir):
            reasons[method.name] = reason
    return reasons


def unavailable(card: Method | Restorer, weights_dir: Path | None) -> str:
    """Why a method or restorer cannot run here and what to do about it; empty where it can."""
    lacking = missing(card.weights if isinstance(card, Method) else weights_of(card), weights_dir)
    if not lacking:
        return ""
    names, remedies = ", ".join(file.name for file in lacking), "; ".join(map(remedy, lacking))
    what = "method" if isinstance(card, Method) else "restorer"
    return f"{what} {card.name} needs weights that are not here ({names}): {remedies}"
