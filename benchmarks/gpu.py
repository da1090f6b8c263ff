"""Everything that waits for a GPU, in order of value, in the minutes that there are.

  python -m benchmarks.gpu --minutes 14 --out DIR [--data-root DIR] [--weights-dir DIR] [--skip training]
  python -m benchmarks.gpu --device cpu --minutes 1 --out DIR          the rehearsal: the same parts, small

Parts: ``agreement`` (the tests of the device), ``timings`` (student, teacher, metrics and detection against the bounds
of the machine), ``suite`` (the suite m3fd on the pairs at hand, else the demo: images scored a second), ``training``
(the student and the light one side by side for the minutes left; weights and model cards; ``--train teacher`` trains a
teacher). Each is a process of its own, ends when its time is over, and leaves its output in DIR/PART.txt; DIR/report.md
and report.json say what came out, after every part. Repeated with the same DIR, finished parts are not done again, the
suite computes what is missing and training goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.gpu_session import INTERRUPTED, LAST_WORDS_SECONDS, Session
from benchmarks.gpu_training import RECIPES, training

PARTS = ("agreement", "timings", "suite", "training")
SHARES = {"agreement": 0.35, "timings": 0.35, "suite": 0.5, "training": 1.0}
"""Of the time that is left when a part begins, at most."""
TESTS = ("tests/bench/device", "tests/fusion/tsdm/test_tsdm_block_gpu.py")
REHEARSED = "pretended and (images_are_placed or meet or psnr or average)"
"""Tests of a rehearsal: on the pretended device, a few of each kind."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--data-root", type=Path, default=os.environ.get("TSDM_BENCH_DATA"))
    parser.add_argument("--weights-dir", type=Path, default=os.environ.get("TSDM_BENCH_WEIGHTS"))
    parser.add_argument("--skip", type=lambda text: text.split(","), default=[], metavar=",".join(PARTS))
    parser.add_argument(
        "--train", type=lambda text: text.split(","), default=["student", "lite"], metavar=",".join(RECIPES)
    )
    args = parser.parse_args()
    if unknown := set(args.train) - set(RECIPES):
        parser.error(f"--train {','.join(sorted(unknown))}: expected some of {', '.join(RECIPES)}")
    if unknown := set(args.skip) - set(PARTS):
        parser.error(f"--skip {','.join(sorted(unknown))}: expected some of {', '.join(PARTS)}")
    if args.minutes <= 0:
        parser.error(f"--minutes {args.minutes:g}: expected more than 0")
    args.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * args.minutes
    places = (path and Path(path).resolve() for path in (args.data_root, args.weights_dir))
    session = Session(args.device, args.out.resolve(), *places, deadline, tuple(args.train))
    report = Report(session)
    report.note("machine", machine(session))
    for name in PARTS:
        left = deadline - time.monotonic()
        if name in args.skip or report.finished(name) or left < 5:
            continue
        started = time.monotonic()
        found = DO[name](session, started + SHARES[name] * left)
        report.note(name, found | {"seconds": round(time.monotonic() - started, 1)})
    print(report.text())
    sys.exit(0 if all(report.known.get(name, {}).get("ok", True) for name in PARTS) else 1)


class Report:
    """``report.json``, which says what is done already, and the same for people."""

    def __init__(self, session: Session) -> None:
        self.out, self.path = session.out, session.out / "report.json"
        self.known: dict[str, dict] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        if self.known.get("machine", {}).get("device", session.device) != session.device:
            sys.exit(f"{session.out} holds a report of another device; give another --out")

    def finished(self, name: str) -> bool:
        return bool(self.known.get(name, {}).get("finished"))

    def note(self, name: str, found: dict) -> None:
        self.known[name] = found
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.known, indent=2))
        os.replace(temporary, self.path)
        (self.out / "report.md").write_text(self.text())

    def text(self) -> str:
        lines = ["# What was measured", ""]
        for name, found in self.known.items():
            lines += [f"## {name}", ""]
            lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in found.items() if key != "table"]
            if table := found.get("table"):
                heads = list(table[0])
                lines += ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
                lines += ["| " + " | ".join(str(row[head]) for head in heads) + " |" for row in table]
            lines.append("")
        return "\n".join(lines)


def machine(session: Session) -> dict:
    import torch

    from benchmarks.timing import machine as in_words

    found = {"device": session.device, "processor": in_words()}
    if session.device == "cuda":
        if not torch.cuda.is_available():
            sys.exit("--device cuda: this machine offers no CUDA device; rehearse with --device cpu")
        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "memory_gb": round(properties.total_memory / 1e9)}
    return found


# --- parts ---


def agreement(session: Session, until: float) -> dict:
    """The tests that compare a device with the CPU: ``pytest -m gpu``."""
    which = ["-k", REHEARSED] if session.small else ["-m", "gpu"]
    results = session.out / "agreement.xml"
    side_by_side = ["-n", "8"] if not session.small and importlib.util.find_spec("xdist") else []
    command = ["-m", "pytest", "-q", *TESTS, *which, *side_by_side, f"--junitxml={results}", "--durations=10"]
    status = session.run("agreement", command, until)
    found = {"finished": status in (0, 1), "ok": status == 0, "exit_status": status}
    if results.is_file():
        (suite,) = ElementTree.parse(results).getroot().iter("testsuite")
        failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
        found |= {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
        found |= {"failed": ", ".join(map(str, failed))} if failed else {}
    return found


def timings(session: Session, until: float) -> dict:
    result = session.out / "timings.json"
    command = ["-m", "benchmarks.gpu_timings", "--device", session.device, "--out", str(result)]
    status = session.run("timings", [*command, *(["--small"] if session.small else [])], until)
    table = json.loads(result.read_text()) if result.is_file() else []
    return {"finished": status == 0, "ok": status in {0, *INTERRUPTED}, "table": table}


def suite(session: Session, until: float) -> dict:
    """Images scored a second, over the whole run and over its last part."""
    import pandas as pd

    has_pairs = session.data_root is not None and (session.data_root / "M3FD_Detection").is_dir()
    name = "m3fd" if has_pairs else "demo"
    budget = max(int(until - time.monotonic() - LAST_WORDS_SECONDS / 2), 5)
    command = ["run_bench.py", "--suite", name, "--device", session.device, "--out", str(session.out / "results")]
    command += [*session.places(), "--budget", f"{budget}s", "--no-report"]
    if session.small:
        command += ["--methods", "ir,average,tsdm_lite", "--severities", "0,3", "--limit", "1", "--workers", "1"]
    started = time.monotonic()
    status = session.run("suite", command, until)
    wall = time.monotonic() - started
    rows = [pd.read_parquet(path) for path in (session.out / "results").rglob("rows/*.parquet")]
    if not rows:
        return {"finished": False, "ok": False, "exit_status": status}
    table = pd.concat(rows).drop_duplicates(["image", "factor", "severity", "modality", "method"])
    by_method = table.groupby("method")["seconds"].agg(["size", "median"]).reset_index()
    fusing = [
        {"method": row.method, "images": row.size, "ms to fuse": round(1e3 * row.median, 2)}
        for row in by_method.set_axis(["method", "size", "median"], axis=1).itertuples(index=False)
    ]
    return {
        "finished": status == 0 and "budget is used up" not in (session.out / "suite.txt").read_text(),
        "ok": status in {0, *INTERRUPTED},
        "suite": name,
        "images": len(table),
        "images_a_second_with_start": round(len(table) / wall, 2),
        "table": fusing,
    }


DO: dict[str, Callable[[Session, float], dict]] = {
    "agreement": agreement,
    "timings": timings,
    "suite": suite,
    "training": training,
}

if __name__ == "__main__":
    main()
