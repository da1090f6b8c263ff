"""The command line: one module per sub-command, each with ``HELP``, ``add_arguments(parser)`` and ``run(args)``."""

from __future__ import annotations

import argparse
import importlib
import logging
import pkgutil
import sys

from bench.errors import UsageError

PROGRAM = "run_bench.py"
DEFAULT = "run"
EPILOG = """\
examples:
  python run_bench.py                                      the demo: synthetic pairs, no download, under two minutes
  python run_bench.py --suite m3fd --data-root ~/data      the benchmark on M3FD; repeat the command to resume
  python run_bench.py --suite tno --methods ir,vis,gff --factors noise_gray --severities 0,3,5
  python run_bench.py list methods                         what there is: suites datasets methods factors metrics
  python run_bench.py score --ir IR --vis VIS --fused OUT  score any folder of fused images

exit status: 0 done, 1 a run that finished with failed cells, 2 a usage or input error
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Without a sub-command the arguments are those of ``run``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    commands = {module.name: module for module in pkgutil.iter_modules(__path__)}
    if not arguments or (arguments[0] not in commands and arguments[0] not in ("-h", "--help")):
        arguments = [DEFAULT, *arguments]
    command = arguments[0] if arguments[0] in commands else None
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for package in ("bench", "fusion", "degradation", "detectors"):  # libraries only speak up when something is wrong
        logging.getLogger(package).setLevel(logging.INFO)
    try:
        args = _parser(commands, command).parse_args(arguments)
        return args.run(args)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{PROGRAM}: stopped; what was computed is kept, repeat the command to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) went away
        sys.stderr.close()
        return 0


def _parser(commands: dict[str, pkgutil.ModuleInfo], command: str | None) -> argparse.ArgumentParser:
    """The parser of one command, or for ``--help`` that of all; only what is asked for is imported."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="TSDM-Bench: which infrared-visible fusion method holds up when the inputs get bad, "
        "and does fusing still help the detector?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in [command] if command else sorted(commands, key=lambda name: (name != DEFAULT, name)):
        module = importlib.import_module(f"{__name__}.{name}")
        subparser = subparsers.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def comma_list(text: str) -> tuple[str, ...]:
    """``a,b`` → ("a", "b"); the argparse type of list options."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def comma_numbers(text: str) -> tuple[int, ...]:
    """``0,3,5`` → (0, 3, 5)."""
    try:
        return tuple(int(part) for part in comma_list(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas such as 0,3,5, got {text!r}") from None
