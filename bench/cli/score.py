"""Score folders of fused images: one value per image and metric id, and means with 95 % confidence intervals.

Images are matched by file stem. A folder of folders is one method per sub-folder.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.options import add_latex_style, latex_style, whole_number
from tsdm_bench.errors import UsageError, printable

if TYPE_CHECKING:
    import pandas as pd

    from bench.scoring import Scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ir", type=Path, required=True, metavar="DIR", help="infrared images")
    parser.add_argument("--vis", type=Path, required=True, metavar="DIR", help="visible images of the same names")
    parser.add_argument(
        "--fused", type=Path, required=True, nargs="+", metavar="DIR",
        help="fused images of the same names, a folder per method; or a folder of such folders",
    )  # fmt: skip
    parser.add_argument("--metrics", default="core", metavar="IDS", help="preset or ids, by commas (default: core)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="where the value of every image and metric goes")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where tables go (CSV, Markdown, LaTeX), and who ranks where"
    )
    add_latex_style(parser)
    parser.add_argument(
        "--workers", type=whole_number, metavar="N", help="processes (default: by cores and number of images)"
    )


def run(args: argparse.Namespace) -> int:
    from tsdm_bench.files import refuse_unwritable

    if args.csv:
        refuse_unwritable(args.csv, "--csv")
    if args.out:
        refuse_unwritable(args.out / "tables" / "scores.csv", "--out")

    from tqdm import tqdm

    from bench import score

    with tqdm(unit="image", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        scores = score(args.ir, args.vis, args.fused, args.metrics, workers=args.workers, progress=progress)
    for line in scores.failures:
        print(f"failed: {printable(line)}")
    for line in scores.notes:
        print(f"note: {printable(line)}")
    if scores.values.empty:
        raise UsageError("no image could be scored; the lines above say why")
    print(_means(scores))
    _write(scores, args.csv, args.out, latex_style(args))
    return 1 if scores.failures else 0


def _write(scores: Scores, csv: Path | None, out: Path | None, style: dict[str, Any]) -> None:
    """Write what was asked for; one place that has become unwritable costs nothing of the other."""
    from tsdm_bench.files import write_csv

    problems = []
    if csv:
        try:
            write_csv(csv, scores.values)
            print(f"values: {csv}")
        except OSError as error:
            problems.append(f"{csv} cannot be written ({error.strerror})")
    if out:
        from bench.report.latex import LatexStyle
        from bench.report.scores import write_scores

        try:
            write_scores(scores, out, LatexStyle(**style))
            print(f"tables: {out / 'tables'}")
        except OSError as error:
            problems.append(f"{out} cannot be written ({error.strerror})")
    if problems:
        raise UsageError(f"{'; '.join(problems)}; the table above is kept, repeat the command with another place")


def _means(scores: Scores) -> str:
    """A line per metric, a column per method: the mean, and half the width of its interval where there are enough."""
    from bench.metrics import METRICS
    from bench.scoring import means

    table = means(scores.values).set_index(["metric", "method"])
    methods = list(dict.fromkeys(scores.values["method"]))
    arrows = {"higher": "↑", "lower": "↓", "zero": "→0"}
    lines = [["metric", "", *methods]]
    for name in scores.metrics:
        cells = [_with_interval(table.loc[(name, method)]) for method in methods]
        lines.append([name, arrows[METRICS[name].direction], *cells])
    counts = [int(table.loc[(slice(None), method), "n"].max()) for method in methods]
    if len(set(counts)) > 1:
        lines.append(["images", "", *map(str, counts)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*body, *_what_means_rest_on(counts), *_not_finite(table)])


def _what_means_rest_on(counts: list[int]) -> list[str]:
    """Lines on the number of images of each method."""
    from bench.statistics.clusters import FEWEST_CLUSTERS

    alike = len(set(counts)) == 1
    number = str(counts[0]) if alike else f"{min(counts)} to {max(counts)}"
    over = f"over {number} image{'s' * (max(counts) > 1)}"
    half = "mean ± half of the 95 % bootstrap interval" if max(counts) >= FEWEST_CLUSTERS else "mean"
    lines = [f"{half} {over}"]
    if min(counts) < FEWEST_CLUSTERS:
        lines.append(f"n too small: no interval for fewer than {FEWEST_CLUSTERS} images")
    if not alike:
        lines.append("the means are over different images and not comparable")
    return lines


def _not_finite(table: pd.DataFrame) -> list[str]:
    """A line per mean that leaves out values, such as the infinite PSNR of equal images."""
    return [
        f"{metric} of {method}: {int(row['excluded'])} values are infinite or undefined and take no part"
        for (metric, method), row in table[table["excluded"] > 0].iterrows()
    ]


def _with_interval(mean: pd.Series) -> str:
    """Both with as many decimals as give the interval two digits."""
    half = (mean["high"] - mean["low"]) / 2
    if not mean["n"]:
        return "–"
    if not math.isfinite(half):
        return f"{mean['mean']:.4f}"
    decimals = min(max(1 - math.floor(math.log10(half)), 0), 6) if half > 0 else 4
    return f"{mean['mean']:.{decimals}f} ± {half:.{decimals}f}"
