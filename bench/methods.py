"""Which methods a run can use: cards by name, users' own by specification, and whether their weights are there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import UsageError
from bench.registry import METHODS
from fusion.method import Method
from fusion.weights.card import card
from fusion.weights.download import fetch
from fusion.weights.location import locate, missing, remedy


def find_method(spec: str) -> Method:
    """A method by card name, or a user's own by specification (``folder:…``, ``command:…``, ``module:callable``…)."""
    if ":" not in spec:
        return METHODS[spec]
    from fusion import external

    try:
        return external.parse(spec)
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from None


def find_weights(method: Method, weights_dir: Path | None) -> dict[str, Path]:
    """Local path of each weight file that ``method`` needs; ``UsageError`` where one is missing or damaged."""
    try:
        return {name: locate(name, weights_dir) for name in method.weights}
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(str(error)) from None


def obtain(methods: Iterable[Method], weights_dir: Path | None) -> dict[str, str]:
    """Download the weights that ``methods`` lack; why not, by method name, for those that stay unavailable.

    After the first address that cannot be reached nothing more is tried: the machine is taken to be offline.
    """
    reasons, offline = {}, False
    for method in methods:
        for name in missing(method.weights, weights_dir):
            if offline or not card(name).urls:
                break
            try:
                fetch(name, weights_dir)
            except ConnectionError:
                offline = True
            except ValueError as error:
                raise UsageError(str(error)) from None
        if reason := unavailable(method, weights_dir):
            reasons[method.name] = reason
    return reasons


def unavailable(method: Method, weights_dir: Path | None) -> str:
    """Why ``method`` cannot run here and what to do about it; empty where it can."""
    lacking = missing(method.weights, weights_dir)
    if not lacking:
        return ""
    remedies = "; ".join(remedy(card(name)) for name in lacking)
    return f"method {method.name} needs weights that are not here ({', '.join(lacking)}): {remedies}"
