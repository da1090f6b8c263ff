"""Put runs side by side: clean and degraded means per method, for every metric that the runs share.

Numbers of different definitions never meet: where runs differ in their metric ids or versions, the command refuses and
names them; --shared compares the ids that all runs have.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tsdm_bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.run.store import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders such as results/m3fd/latest")
    parser.add_argument("--shared", action="store_true", help="compare only the metric ids that all runs have")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the merged table")


def run(args: argparse.Namespace) -> int:
    import pandas as pd

    from bench.report.tables import Column, Table, markdown
    from bench.run.store import RunFolder
    from tsdm_bench.files import write_atomically

    if len(args.runs) < 2:
        raise UsageError("compare needs at least two run folders, got one")
    folders = [RunFolder.existing(path) for path in args.runs]
    names = _names(folders)
    infos = [folder.read_info() for folder in folders]
    refuse_mixed_definitions(dict(zip(names, (info["metrics"] for info in infos), strict=True)), args.shared)
    refuse_mixed_protocols(dict(zip(names, infos, strict=True)))
    frame = pd.concat(
        [_means(folder, info).assign(run=name) for folder, info, name in zip(folders, infos, names, strict=True)],
        ignore_index=True,
    )
    shared = frame.groupby("quantity")["run"].nunique() == len(folders)
    for quantity in [name for name in frame["quantity"].unique() if shared[name]]:
        part = frame[frame["quantity"] == quantity]
        wide = part.pivot(index="method", columns=["condition", "run"], values="mean")
        columns = [Column(key, " · ".join(key), part["direction"].iloc[0]) for key in wide]
        print(markdown(Table(quantity, "", wide, columns)))
    if left := [name for name in frame["quantity"].unique() if not shared[name]]:
        print(f"not in every run, left out: {', '.join(left)}")
    if args.csv:
        write_atomically(args.csv, lambda path: frame.to_csv(path, index=False))
        print(f"table: {args.csv}")
    return 0


def refuse_mixed_definitions(metrics_of: dict[str, dict[str, str]], shared: bool = False) -> None:
    """Raise ``UsageError`` where runs (name → metric id → version) measure by different ids or versions.

    With ``shared`` an id that not every run has is no obstacle: it is left out.
    """
    every_id = sorted({name for metrics in metrics_of.values() for name in metrics})
    versions = {
        name: {run: metrics[name] for run, metrics in metrics_of.items() if name in metrics} for name in every_id
    }
    only = [f"{name} only in {', '.join(of)}" for name, of in versions.items() if len(of) < len(metrics_of)]
    changed = [
        f"{name} in " + ", ".join(f"version {version} ({run})" for run, version in of.items())
        for name, of in versions.items()
        if len(set(of.values())) > 1
    ]
    if problems := changed + ([] if shared else only):
        raise UsageError(
            f"these runs measure by different definitions and are not merged: {'; '.join(problems)}. Run them with the "
            f"same --metrics, or compare what they share by --shared"
        )


def refuse_mixed_protocols(infos: dict[str, dict]) -> None:
    """Raise ``UsageError`` where runs differ in dataset, pairs or detector: their means say different things."""
    checks = {
        "dataset": lambda info: info["dataset"]["name"],
        "pair list": lambda info: f"{info['pairs']['count']} pairs, {info['pairs']['sha256'][:8]}",
        "detector": lambda info: info.get("detector", {}).get("name", "none"),
        "protocol": lambda info: info.get("detector", {}).get("protocol", "none"),
    }
    for what, read in checks.items():
        values = {name: read(info) for name, info in infos.items()}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{value} in {name}" for name, value in values.items())
            raise UsageError(f"these runs differ in {what} ({told}) and cannot stand in one table")


def _names(folders: list[RunFolder]) -> list[str]:
    """The shortest tails of the paths that tell the runs apart."""
    for depth in range(1, max(len(folder.path.parts) for folder in folders) + 1):
        names = ["/".join(folder.path.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    raise UsageError("the same run was named twice; compare needs different run folders")


def _means(folder: RunFolder, info: dict) -> pd.DataFrame:
    """quantity, direction, method, condition (clean or degraded), mean."""
    import pandas as pd

    from bench.metrics import METRICS
    from bench.report.summary import DETECTION_QUANTITIES, detection_samples, fusion_scores, labelled_part, selected
    from bench.statistics.detection import ALL, detection_table
    from bench.suite import Suite

    suite = Suite(**info["suite"])
    rows = selected(folder.rows(), suite, folder.pairs()["image"])
    scores = fusion_scores(rows)
    scores["quantity"] = scores["metric"] + ("-" + scores["reference"]).where(scores["reference"] != "none", "")
    scores["direction"] = scores["metric"].map(lambda name: METRICS[name].direction)
    parts = [scores]
    if labelled := labelled_part(folder, suite, rows):
        detection = detection_table(detection_samples(labelled, info["classes"]))
        overall = detection[detection["class"] == ALL]
        parts += [
            overall.assign(quantity=head, direction="higher", mean=overall[key])
            for key, head in DETECTION_QUANTITIES.items()
        ]
    table = pd.concat(parts, ignore_index=True)
    table["condition"] = table["severity"].map(lambda severity: "degraded" if severity else "clean")
    by = ["quantity", "direction", "method", "condition"]
    return table.groupby(by, sort=False)["mean"].mean().reset_index()
