"""The command line: one module per sub-command, each with ``add_arguments(parser)`` and ``run(args)``."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

from bench.console import PrintableFormatter, accept_any_sign, as_called, door
from bench.stopping import stopping_on_signals
from tsdm_bench.errors import UsageError, words_of
from tsdm_bench.places import place_of

DEFAULT = "run"
ROOMS = ("bench", "fusion", "detectors", "degradation", "tsdm_bench")
OBJECTS_PER_COLLECTION = 50_000
"""New objects between two runs of the garbage collector: with Python's 700 it walks over torch anew a hundred times
while torch is imported, an eighth of the time."""
COMMANDS = {
    "run": "run a benchmark suite (the default command)",
    "compare": "put runs side by side",
    "datasets": "download a dataset, or verify it on disk",
    "degrade": "write degraded pairs as PNG, for methods that run elsewhere",
    "export": "write a run as CSV or Excel",
    "figure": "draw the visual comparison of a paper from a run",
    "fuse": "fuse two folders of images with one method",
    "leaderboard": "check entries of a leaderboard and make its page",
    "list": "show suites, datasets, subsets, methods, factors, metrics or detectors",
    "publish": "write a finished run as a folder that can be committed",
    "report": "rebuild the tables, curves and page of a run",
    "score": "score folders of fused images",
    "train": "train the teacher, the student or a detector; export weights",
    "weights": "show, download or verify the weights of methods and detectors",
}
EPILOG = """\
examples:
  python run_bench.py                                      the demo: synthetic pairs, no download, about two minutes
  python run_bench.py --suite m3fd --data-root ~/data      the benchmark on M3FD; repeat the command to resume
  python run_bench.py --suite tno --methods ir,vis,gff --factors noise_gray --severities 0,3,5
  python run_bench.py list methods                         what there is: suites datasets methods factors metrics
  python run_bench.py score --ir IR --vis VIS --fused OUT  score any folder of fused images
  python run_bench.py figure RUN --condition jpeg:3 --boxes   a figure for print, of what the run stored

exit status: 0 done, 1 a run that finished with failed cells, 2 a usage or input error
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Without a sub-command the arguments are those of ``run``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help")):
        arguments = [DEFAULT, *arguments]
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    accept_any_sign()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with a file is told in a line of ours
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in ROOMS:  # libraries only speak up when something is wrong
        logging.getLogger(package).setLevel(logging.INFO)
    try:
        args = _parser(arguments[0]).parse_args(arguments)
        with stopping_on_signals():
            return args.run(args)
    except UsageError as error:
        print(f"{door()}: {as_called(words_of(error, 2000))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        number = stop.args[0] if stop.args else signal.SIGINT
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        print(f"\n{door()}: stopped{by}; what was computed is kept, repeat the command to go on", file=sys.stderr)
        return 128 + number
    except BrokenPipeError:  # the reader of our output (head, less) went away
        sys.stderr.close()
        return 0


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, as every other check does, and knows ``~`` in places."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.register("type", Path, place_of)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` shows the options")


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser that knows the arguments of one command (``--help`` is none); only what is asked for is imported."""
    parser = _Parser(
        prog=door(),
        description="TSDM-Bench: which infrared-visible fusion method holds up when the inputs get bad, "
        "and does fusing still help the detector?",
        epilog=as_called(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == command:
            module = importlib.import_module(f"{__name__}.{name}")
            subparser.description = as_called(module.__doc__ or "")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
