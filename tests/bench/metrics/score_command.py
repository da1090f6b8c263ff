"""The command that the tests of scoring run."""

from __future__ import annotations

from bench.cli import main


def run(folders, *more, fused=("out",)):
    sources = ["--ir", str(folders / "ir"), "--vis", str(folders / "vis")]
    return main(["score", *sources, "--fused", *(str(folders / each) for each in fused), *more])
