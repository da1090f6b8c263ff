"""All budgets, measured in one run: ``python -m benchmarks [--repeats 5] [--only WORD]``; status 1 where one is missed.

Every budget is a ratio: how many times as fast as its plain form a call is, both measured by turns on one thread; and
what a command costs, in times of importing torch.
"""

from __future__ import annotations

import argparse
import sys

from bench.cell.process import keep_freed_memory
from benchmarks import degradation, kernels, metrics, startup, tsdm
from benchmarks.timing import check, machine, one_thread


def main() -> None:
    """Measure, print, and exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORD", help="budgets whose name holds this word")
    arguments = parser.parse_args()
    one_thread()
    print(machine())
    networks, others = (
        [budget for room in rooms for budget in room.budgets() if arguments.only in budget.name]
        for rooms in ((tsdm,), (metrics, degradation, kernels))
    )
    starts = [name for name in startup.LIMITS if arguments.only in name]
    if not networks + others + starts:
        parser.error(f"no budget's name holds {arguments.only!r}")
    # The student before the memory of freed maps is kept, as its plain form runs in a process of its own.
    kept = [check(networks, arguments.repeats)] if networks else []
    keep_freed_memory()
    kept += [check(others, arguments.repeats)] if others else []
    kept += [startup.check(starts, arguments.repeats)] if starts else []
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
