"""Draw the visual comparison of a paper from a run: pairs × methods, with letters, enlarged regions and detections.

Of one pair under one condition every method is a tile; of several, each has a row, and each method a column. Images are
those that the run stored (`--panels`, `--show`); nothing is computed again. Writes PNG and PDF.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.options import whole_number
from bench.lists import comma_list
from tsdm_bench.errors import UsageError

EPILOG = """\
examples:
  python run_bench.py figure results/tno/latest --images 05,18 --condition tsdm:3 --methods ir,vis,gff,tsdm_student
  python run_bench.py figure results/m3fd/latest --images 00719 --condition noise_gray:3 --boxes --zoom 410,300,90,70
  python run_bench.py figure RUN --zoom 05:10,20,64,48,ul --zoom 18:200,90,64,48,lr --width 88 --dpi 600
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder such as results/m3fd/latest")
    parser.add_argument(
        "--images", type=comma_list, default=(), metavar="A,B", help="pairs (default: the first stored)"
    )
    parser.add_argument("--condition", type=comma_list, default=("clean",), metavar="F:S", help="factor:severity or "
                        "factor:severity:modality, several with commas (default: clean)")  # fmt: skip
    parser.add_argument("--methods", type=comma_list, default=(), metavar="A,B", help="tiles in this order, ir and vis "
                        "among them (default: the inputs and every method)")  # fmt: skip
    parser.add_argument("--zoom", action="append", default=[], metavar="X,Y,W,H", help="region that is enlarged, in "
                        "pixels, up to three times; X,Y,W,H,ul puts it into the upper left corner (ur, ll, lr); "
                        "IMAGE:X,Y,W,H concerns one pair; `none` enlarges nothing, `auto:N` (default auto:2) chooses "
                        "where detections or, without --boxes, images differ most")  # fmt: skip
    parser.add_argument(
        "--boxes", action="store_true", help="draw what the detector found, missed and took for objects"
    )
    parser.add_argument("--columns", type=whole_number, metavar="N", help="tiles side by side, of one pair")
    parser.add_argument("--width", type=float, default=180.0, metavar="MM", help="of the figure (default: 180)")
    parser.add_argument("--dpi", type=whole_number, default=300, metavar="N", help="of the PNG (default: 300)")
    parser.add_argument("--title", default="", metavar="TEXT", help="line above the figure (default: none)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it is written (default: RUN/figures)")


def run(args: argparse.Namespace) -> int:
    if not 20 <= args.width <= 1000:
        raise UsageError(f"--width {args.width:g}: expected 20 to 1000 mm")
    if args.dpi > 2400:
        raise UsageError(f"--dpi {args.dpi}: expected at most 2400")

    from bench import figure

    paths = figure(
        args.run_folder,
        images=args.images,
        conditions=args.condition,
        methods=args.methods,
        zoom=args.zoom,
        boxes=args.boxes,
        columns=args.columns,
        width=args.width,
        dpi=args.dpi,
        title=args.title,
        out=args.out,
    )
    for path in paths:
        print(f"figure: {path}")
    return 0
