"""Show what there is: suites, datasets, subsets, methods, restorers, factors, metrics or detectors, from their cards.

With --calibrate, `list factors` measures PSNR and SSIM to the clean image per factor and severity on the pairs of a
data root. With --efficiency, `list methods` measures operations and seconds per megapixel here and now.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.options import add_data_root, add_weights_dir
from bench.columns import as_markdown, as_text_table
from bench.lists import comma_list
from tsdm_bench.errors import UsageError
from tsdm_bench.words import counted

if TYPE_CHECKING:
    from bench.datasets.pair import Pair
    from tsdm_bench.cards import Card

SHOWN: dict[str, tuple[str, ...]] = {
    "suites": ("name", "title", "dataset", "pairs", "methods", "factors", "severities", "metrics", "detector"),
    "datasets": ("name", "title", "description", "size", "licence", "download", "layout"),
    "subsets": ("name", "title", "dataset", "split", "pairs", "source"),
    "methods": ("name", "title", "kind", "year", "venue", "parameters", "licence", "available"),
    "restorers": ("name", "title", "kind", "modalities", "removes", "year", "parameters", "licence", "available"),
    "factors": ("name", "title", "modalities", "parameter", "unit", "severities"),
    "metrics": ("name", "symbol", "title", "family", "direction", "range", "unit", "cost", "presets"),
    "detectors": ("name", "title", "labels", "image_size", "backend", "licence", "available"),
}
EFFICIENCY: tuple[str, ...] = ("method", "parameters", "GFLOP/MP", "s/MP", "device", "threads", "problem")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=tuple(SHOWN))
    parser.add_argument("--json", action="store_true", help="every field of every card, as JSON")
    parser.add_argument("--markdown", action="store_true", help="the table in Markdown")
    parser.add_argument("--calibrate", action="store_true", help="factors: measure the severity ladders on real pairs")
    parser.add_argument("--efficiency", action="store_true", help="methods: measure operations and seconds per pixel")
    parser.add_argument("--methods", type=comma_list, default=("all",), metavar="A,B", help="for --efficiency: "
                        "methods, groups of them or your own (default: all that are available)")  # fmt: skip
    parser.add_argument("--size", type=_width_and_height, metavar="WxH", help="for --efficiency (default: 640x480)")
    parser.add_argument("--device", default="auto", help="for --efficiency: auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="where --calibrate or --efficiency writes its table; "
                        "--efficiency measures only what the file lacks")  # fmt: skip
    parser.add_argument("--factors", type=comma_list, metavar="F,G", help="for --calibrate: factors, mixed conditions "
                        "(default: all factors)")  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", help="pairs per dataset for --calibrate (default: all)")
    add_data_root(parser)
    add_weights_dir(parser)


def run(args: argparse.Namespace) -> int:
    if args.calibrate:
        if args.kind != "factors":
            raise UsageError(f"--calibrate goes with `list factors`, not with `list {args.kind}`")
        return _calibrate(args)
    if args.factors:
        raise UsageError("--factors goes with `list factors --calibrate`")
    if args.efficiency:
        if args.kind != "methods":
            raise UsageError(f"--efficiency goes with `list methods`, not with `list {args.kind}`")
        cards, columns = _efficiency(args), EFFICIENCY
    else:
        cards, columns = cards_of(args.kind, args.weights_dir), SHOWN[args.kind]
    if args.json:
        print(json.dumps(cards, indent=2, ensure_ascii=False, default=str))
    elif args.markdown:
        print(as_markdown(cards, columns))
    else:
        print(as_text_table(cards, columns))
    return 0


def cards_of(kind: str, weights_dir: Path | None = None) -> list[dict]:
    """The cards of one kind as dictionaries, in the order in which they are shown."""
    return list(READERS[kind](weights_dir))


def _fields(card: Card, *without: str) -> dict:
    return {f.name: getattr(card, f.name) for f in dataclasses.fields(card) if f.name not in without}


def _suites(weights_dir: Path | None) -> Iterator[dict]:
    from bench.suite import load_suite, suite_names

    for name in suite_names():
        suite = load_suite(name)
        detector = "" if suite.detector is None else " or ".join(suite.detector.weights)
        yield suite.model_dump(mode="json") | {"pairs": suite.limit or "all", "detector": detector}


def _datasets(weights_dir: Path | None) -> Iterator[dict]:
    from bench.datasets import DATASETS
    from bench.datasets.drive import how_it_comes

    for card in DATASETS.values():
        download = "" if card.synthetic or not card.size else how_it_comes(card)
        yield _fields(card, "pairs", "archive", "beside") | {"download": download}


def _subsets(weights_dir: Path | None) -> Iterator[dict]:
    from bench.subsets import SUBSETS

    yield from map(_fields, SUBSETS.values())


def _methods(weights_dir: Path | None) -> Iterator[dict]:
    from bench.methods import in_order, unavailable
    from bench.unfused import UNFUSED
    from tsdm_bench.weights.location import available

    for card in [*in_order(), *UNFUSED.values()]:
        why_not = unavailable(card, weights_dir)
        yield _fields(card, "load", "before") | {
            "weights": [file.name for file in card.weights],
            "available": available(card.weights, weights_dir),
            "why_not": why_not,
        }


def _restorers(weights_dir: Path | None) -> Iterator[dict]:
    from bench.methods import unavailable
    from fusion.restoration.restorer import RESTORERS, weights_of
    from tsdm_bench.weights.location import available

    for card in RESTORERS.values():
        why_not = unavailable(card, weights_dir)
        yield _fields(card, "load") | {
            "weights": [file.name for file in weights_of(card)],
            "available": available(weights_of(card), weights_dir),
            "why_not": why_not,
        }


def _factors(weights_dir: Path | None) -> Iterator[dict]:
    from degradation.factor import FACTORS

    for card in FACTORS.values():
        ladder = {modality: [dict(rung) for rung in rungs] for modality, rungs in card.ladder.items()}
        text = {modality: ", ".join(map(_rung, rungs)) for modality, rungs in ladder.items()}
        same = len(set(text.values())) == 1
        severities = next(iter(text.values())) if same else "; ".join(f"{name}: {of}" for name, of in text.items())
        yield _fields(card, "apply") | {"modalities": card.modalities, "ladder": ladder, "severities": severities}


def _rung(parameters: dict) -> str:
    """``0.8/0.4`` for the numbers of one severity."""
    return "/".join(f"{value:g}" if isinstance(value, float) else str(value) for value in parameters.values())


def _metrics(weights_dir: Path | None) -> Iterator[dict]:
    from bench.metrics import METRICS, PRESETS

    for card in METRICS.values():
        yield _fields(card, "compute") | {"presets": [name for name in PRESETS if name in card.presets]}


def _detectors(weights_dir: Path | None) -> Iterator[dict]:
    from detectors.card import DETECTORS

    for card in DETECTORS.values():
        yield _fields(card) | {
            "weights": [file.name for file in card.weights],
            "sha256": card.weights[0].sha256 if card.weights else "",
            "download": card.download,
            "available": "yes" if card.is_here(weights_dir) else "on first use" if card.download else "by hand",
        }


READERS = {
    "suites": _suites,
    "datasets": _datasets,
    "subsets": _subsets,
    "methods": _methods,
    "restorers": _restorers,
    "factors": _factors,
    "metrics": _metrics,
    "detectors": _detectors,
}


def _width_and_height(text: str) -> tuple[int, int]:
    """``640x480`` → (480, 640), height first."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"expected width and height such as 640x480, got {text!r}")
    return int(parts[1]), int(parts[0])


def _efficiency(args: argparse.Namespace) -> list[dict]:
    """What the methods that can run here cost, measured one after the other."""
    from tqdm import tqdm

    from bench.methods import expand, find_method, find_weights, unavailable
    from bench.run.cost import SIZE, efficiency_table
    from tsdm_bench.device import pick_device

    methods = [find_method(spec) for spec in expand(args.methods)]
    if args.methods == ("all",):
        methods = [method for method in methods if not unavailable(method, args.weights_dir)]
    with tqdm(methods, unit="method", leave=False) as bar:
        table = efficiency_table(
            bar,
            lambda method: find_weights(method, args.weights_dir),
            pick_device(args.device),
            args.size or SIZE,
            args.csv,
        )
    shown = {"gflops_per_megapixel": "GFLOP/MP", "seconds_per_megapixel": "s/MP"}
    table = table.rename(columns=shown).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def _calibrate(args: argparse.Namespace) -> int:
    """Measure the ladders on every dataset that lies under the data root."""
    from tqdm import tqdm

    from degradation.calibration import calibrate
    from degradation.factor import FACTORS
    from degradation.mixed_condition import find_factor
    from degradation.presets import expand
    from tsdm_bench.files import write_csv

    factors = [find_factor(name) for name in expand(args.factors or FACTORS)]
    pairs = _pairs_under(args)
    with tqdm(total=len(pairs), unit="pair") as bar:
        table = calibrate((pair.read() for pair in pairs), factors, progress=lambda _: bar.update())
    wide = table.pivot(index=["factor", "modality"], columns="severity", values=["psnr", "ssim"]).round(3)
    print(f"PSNR (dB) and SSIM to the clean image, mean over {counted(len(pairs), 'pair')}")
    print(wide.to_string())
    if args.csv:
        write_csv(args.csv, table)
        print(f"table: {args.csv}")
    return 0


def _pairs_under(args: argparse.Namespace) -> list[Pair]:
    """The pairs of all datasets under the data root, ``--limit`` of each, evenly taken."""
    from bench.datasets import DATASETS

    if args.data_root is None:
        raise UsageError("--calibrate measures on real pairs: name their folder by --data-root or TSDM_BENCH_DATA")
    found: list[Pair] = []
    for dataset in DATASETS.values():
        if dataset.synthetic:
            continue
        try:
            pairs = [pair for pair in dataset.pairs(args.data_root) if not pair.problem and not pair.faults]
        except UsageError:
            continue  # this dataset is not there
        step = max(1, len(pairs) // args.limit) if args.limit else 1
        found += pairs[::step][: args.limit]
    if not found:
        raise UsageError(f"no dataset lies under {args.data_root}; `run_bench.py list datasets` shows the layouts")
    return found
