"""The contrast of labelled objects in the clean sources, measured once per content of a pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.datasets.pair import Box, Pair
from bench.run.contrasts import write_contrasts
from bench.run.record import PairFacts
from bench.run.store import RunFolder

SEEN, UNSEEN = Box("Car", 20, 20, 20, 20), Box("Car", 70, 20, 20, 20)
FACTS = {"one": PairFacts(content="c", labels="l", scene="s")}


def pair(reads: list[str], *, broken: bool = False) -> Pair:
    """A square that only the infrared image shows, on a checkerboard of mean 100 and σ 10."""

    def read() -> tuple[np.ndarray, np.ndarray]:
        reads.append("one")
        if broken:
            raise ValueError("cut short")
        board = np.where(np.indices((60, 110)).sum(axis=0) % 2, 110, 90).astype(np.uint8)
        infrared = board.copy()
        infrared[20:40, 20:40] = 150
        return infrared, np.repeat(board[..., None], 3, axis=2)

    return Pair("one", "s", read, (SEEN,), difficult=(UNSEEN,))


def test_objects_are_measured_in_both_sources_and_once(tmp_path: Path) -> None:
    folder, reads = RunFolder(tmp_path), list[str]()
    assert folder.contrasts().empty
    write_contrasts(folder, [pair(reads)], FACTS)
    write_contrasts(folder, [pair(reads)], FACTS)
    found = folder.contrasts()
    assert reads == ["one"]
    assert found["infrared"].tolist() == pytest.approx([5, 0], abs=1e-9)
    assert found["visible"].tolist() == pytest.approx([0, 0], abs=1e-9)


def test_other_pixels_are_measured_again_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    folder, reads = RunFolder(tmp_path), list[str]()
    write_contrasts(folder, [pair(reads)], FACTS)
    other = {"one": FACTS["one"].model_copy(update={"content": "d"})}
    write_contrasts(folder, [pair(reads)], other)
    assert reads == ["one", "one"]
    assert len(folder.contrasts()) == 2
    write_contrasts(folder, [pair(reads, broken=True)], FACTS)
    assert folder.contrasts().empty
