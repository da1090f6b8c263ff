"""``python -m bench``: the command line, where the script ``tsdm-bench`` is not on the path."""

import sys

from bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
