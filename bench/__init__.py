"""TSDM-Bench from Python: ``bench.run("m3fd", data_root=…)``, and what the other commands do."""

from bench.api import degrade, fuse, repeat, report, run

__all__ = ["degrade", "fuse", "repeat", "report", "run"]
