"""The images that a report shows are those that were scored."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from small_runs import run, values

from bench.run.store import RunFolder


def stored(folder: RunFolder) -> set[str]:
    return {path.relative_to(folder.path / "fused").as_posix() for path in (folder.path / "fused").rglob("*.png")}


def test_images_of_panels_are_those_that_were_scored(pairs: Path, tmp_path: Path) -> None:
    folder = run(pairs, tmp_path, panels=1, methods=("average",), factors=("noise_gray",), severities=(0, 1, 3, 5))
    shown = folder.record().shown
    assert len(shown) == 1
    assert stored(folder) == {
        *(f"{place}/{shown[0]}/average.png" for place in ("clean/0/both", "noise_gray/3/both")),
        *(f"clean/0/both/{shown[0]}/{name}.png" for name in ("ir", "vis")),
        *(f"noise_gray/{k}/both/{shown[0]}/{name}.png" for k in (1, 3, 5) for name in ("ir", "vis")),
    }
    fused = cv2.imread(str(folder.path / f"fused/noise_gray/3/both/{shown[0]}/average.png"))
    grey = cv2.cvtColor(fused, cv2.COLOR_BGR2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256) / grey.size
    entropy = -(counts[counts > 0] * np.log2(counts[counts > 0])).sum()
    rows = folder.rows().query("factor == 'noise_gray' and severity == 3 and metric == 'en' and image == @shown[0]")
    assert rows["value"].item() == pytest.approx(entropy, abs=5e-3)  # OpenCV rounds luma of its own


def test_a_widened_run_gets_the_images_it_lacks_and_no_stale_ones(
    pairs: Path, tmp_path: Path, loaded: list[str]
) -> None:
    first = run(pairs, tmp_path, methods=("average",))
    assert stored(first) == set()
    rows = values(first)
    loaded.clear()
    folder = run(pairs, tmp_path, panels=1, methods=("average",))
    assert loaded == ["average"]  # for its pictures
    pd.testing.assert_frame_equal(values(folder), rows)
    assert len(pd.read_parquet(folder.path / "rows")) == len(rows)  # and no row twice
    (image,) = folder.record().shown
    before = (folder.path / f"fused/clean/0/both/{image}/average.png").read_bytes()
    shutil.copyfile(pairs / f"vis/{(int(image) + 1) % 3}.png", pairs / f"vis/{image}.png")
    run(pairs, tmp_path, panels=0, methods=("average",))
    assert not (folder.path / f"fused/clean/0/both/{image}/average.png").exists()
    run(pairs, tmp_path, panels=1, methods=("average",))
    assert (folder.path / f"fused/clean/0/both/{image}/average.png").read_bytes() != before
