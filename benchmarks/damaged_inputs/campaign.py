"""Damage thousands of small files and read each: it is understood or refused in one line, soon and in little memory.

  python benchmarks/damaged_inputs/campaign.py                          1,000 inputs of each kind
  python benchmarks/damaged_inputs/campaign.py pickles yaml --inputs 5000 --seed 1

Each kind has a few whole files. An input is one of them with one to four random changes: bits and bytes, numbers of 2
to 8 bytes set to limits, parts left out, doubled or swapped, the end cut off; or with pieces that mean something to its
reader. Archives are also taken apart, changed in one member and packed again, so that the damage gets past their
checksums. Inputs are read in a process of their own; the same seed damages them in the same way.

Exit status 1 where an input ended in another way than documented, took more than 10 s or 2 GB, ended the process, or
left a file outside its folder.
"""

from __future__ import annotations

import argparse
import faulthandler
import functools
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from kinds import KINDS

SECONDS, KIBIBYTES = 10, 2 << 20
"""What one input may take, and what the process may grow to beyond its start."""


@functools.cache
def whole_files(name: str) -> list[bytes]:
    return KINDS[name].whole()


def attempt(name: str, seed: int, number: int) -> str:
    """Damage and read input ``number``: "understood", "refused", or what went wrong."""
    kind, rng = KINDS[name], random.Random(f"{name} {seed} {number}")
    damaged = kind.change(rng, rng.choice(whole_files(name)))
    with tempfile.TemporaryDirectory(prefix="damaged-") as sandbox:
        folder = Path(sandbox, "a", "b", "c")
        folder.mkdir(parents=True)
        path = folder / f"input{kind.suffix}"
        path.write_bytes(damaged)
        try:
            kind.read(path)
            outcome = "understood"
        except kind.documented as error:
            outcome = "refused" if str(error).isprintable() else f"more than a line: {str(error)!r}"
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        escaped = [str(p) for p in Path(sandbox).rglob("*") if not p.is_dir() and not p.is_relative_to(folder)]
        return f"escaped: {escaped}" if escaped else outcome


def child(name: str, seed: int, first: int, inputs: int) -> None:
    """Print number, seconds, peak memory in KiB and outcome of each input; a hang ends the process."""
    import torch

    torch.set_num_threads(1)
    whole_files(name)
    attempt(name, seed, 0)  # imports what is needed
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, inputs):
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        began = time.monotonic()
        outcome = attempt(name, seed, number)
        seconds, grown = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
        if seconds > SECONDS:
            outcome = f"took {seconds:.0f} s"
        if grown > KIBIBYTES:
            outcome = f"took {grown >> 10} MiB"
        print(number, f"{seconds:.3f}", grown, " ".join(outcome.split())[:300], flush=True)
        if grown > KIBIBYTES:  # the peak stays: the next input needs a new process
            return


def campaign(name: str, seed: int, inputs: int) -> tuple[Counter, float, int]:
    """Outcomes, most seconds and most KiB over all inputs of a kind; a process that dies is one outcome."""
    outcomes, slowest, largest, number = Counter(), 0.0, 0, 0
    while number < inputs:
        command = [sys.executable, __file__, name, "--inputs", str(inputs), "--seed", str(seed), "--first", str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as process:
            for line in process.stdout:
                text_number, seconds, grown, outcome = line.rstrip("\n").split(" ", 3)
                number, slowest, largest = int(text_number) + 1, max(slowest, float(seconds)), max(largest, int(grown))
                if outcome not in ("understood", "refused"):
                    print(f"{name} {text_number}: {outcome}", flush=True)
                outcomes[outcome if outcome in ("understood", "refused") else "failed"] += 1
        if process.returncode:
            print(f"{name} {number}: the process ended with status {process.returncode}", flush=True)
            outcomes["failed"] += 1
            number += 1
    return outcomes, slowest, largest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"some of: {', '.join(KINDS)} (default: all)")
    parser.add_argument("--inputs", type=int, default=1000, metavar="N", help="of each kind (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.kinds) - set(KINDS):
        parser.error(f"unknown kind {', '.join(unknown)}; choose from {', '.join(KINDS)}")
    if args.first is not None:
        child(args.kinds[0], args.seed, args.first, args.inputs)
        return 0
    print("| kind | inputs | understood | refused | failed | slowest, s | memory, MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    failed = 0
    for name in args.kinds or KINDS:
        outcomes, slowest, largest = campaign(name, args.seed, args.inputs)
        counts = " | ".join(str(outcomes[outcome]) for outcome in ("understood", "refused", "failed"))
        print(f"| {name} | {sum(outcomes.values())} | {counts} | {slowest:.2f} | {largest >> 10} |", flush=True)
        failed += outcomes["failed"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
