"""No method changes the rows of another, however it behaves."""

from __future__ import annotations

import os
import random
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from bench.cell.isolation import untouched_process
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.run.store import RunFolder
from bench.suite import Suite

BUILT_IN = ("ir", "vis", "average", "gff")


@pytest.fixture(autouse=True)
def _no_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring a method of one's own takes a process."""
    monkeypatch.setattr("bench.run.flow.write_costs", lambda *_: None)


def run(root: Path, out: Path, *methods: str, limit: int | None = None) -> RunFolder:
    fields = {"name": "small", "dataset": "folder", "severities": (0,), "metrics": ("sd", "mse"), "limit": limit}
    options = Options(data_root=root, out=out, device="cpu", workers=1)
    return run_benchmark(Suite(**fields, methods=methods), options)


def values(folder: RunFolder, *methods: str) -> pd.DataFrame:
    rows = folder.rows().drop(columns="seconds")
    return rows[rows["method"].isin(methods)].reset_index(drop=True)


@pytest.fixture(scope="module")
def undisturbed(small_pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return values(run(small_pairs, tmp_path_factory.mktemp("plain"), *BUILT_IN), *BUILT_IN)


def own(folder: Path, name: str, body: str) -> str:
    """A method that does what ``body`` says and returns the mean of both images."""
    head = "import ctypes, os, sys, random\nimport numpy as np\nimport cv2\nimport torch\n\ndef fuse(ir, vis):\n"
    text = textwrap.indent(f"{textwrap.dedent(body)}\nreturn (ir + vis) / 2\n", "    ")
    file = folder / f"{name}.py"
    file.write_text(head + text)
    return f"{name}={file}:fuse"


UNRULY = """
ir -= ir.min(); ir /= ir.max(); vis -= vis.min(); vis /= vis.max()
ir.numpy()[:] = 1 - ir.numpy()
torch.set_default_dtype(torch.float64); torch.set_num_threads(1); cv2.setNumThreads(3); torch.set_grad_enabled(True)
torch.use_deterministic_algorithms(True); np.seterr(all="raise"); np.random.seed(0); random.seed(0)
torch.manual_seed(0); os.chdir("/")
ir, vis = ir.float(), vis.float()
"""


def test_a_method_that_writes_into_its_inputs_changes_no_other_row(
    small_pairs: Path, tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    folder = run(small_pairs, tmp_path / "out", own(tmp_path, "unruly", UNRULY), *BUILT_IN)
    assert folder.failures() == []
    pd.testing.assert_frame_equal(values(folder, *BUILT_IN), undisturbed)
    pair = [cv2.imread(str(small_pairs / f"ir/{index}.png"), cv2.IMREAD_GRAYSCALE) for index in range(3)]
    sd = folder.rows().query("method == 'ir' and metric == 'sd'").sort_values("image")["value"]
    np.testing.assert_allclose(sd, [image.std() for image in pair], rtol=1e-6)


ENDED = "its process ended while it was at work"
ENDINGS = {
    "leaving": ("raise SystemExit(0)", "SystemExit: 0"),
    "exiting": ("sys.exit('done')", "SystemExit: done"),
    "odd": ("class Odd(BaseException): pass\nraise Odd('of its own kind')", "Odd: of its own kind"),
    "raising": ("raise RuntimeError('line one\\nline two')", "RuntimeError: line one line two"),
    "hard": ("os._exit(0)", ENDED),
    "killed": ("os.kill(os.getpid(), 9)", ENDED),
    "segfault": ("ctypes.string_at(0)", ENDED),
}


def test_a_method_that_ends_fails_alone_the_run_goes_on_and_a_resume_tries_again(
    small_pairs: Path, tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    methods = [own(tmp_path, name, body) for name, (body, _) in ENDINGS.items()]
    first = run(small_pairs, tmp_path / "out", "average", *methods, "gff", limit=1)
    (image,) = first.rows()["image"].unique()
    expected = undisturbed[undisturbed["method"].isin(["average", "gff"]) & (undisturbed["image"] == image)]
    pd.testing.assert_frame_equal(values(first, *METHODS_OF_ALL), expected.reset_index(drop=True))
    told = {failure.method: failure.error for failure in first.failures()}
    assert told.keys() == ENDINGS.keys()
    for name, (_, words) in ENDINGS.items():
        assert words in told[name]
    shards = {path.name for path in (first.path / "rows").iterdir()}
    mended = own(tmp_path, "hard", "")
    again = run(small_pairs, tmp_path / "out", "average", mended, methods[0], "gff", limit=1)
    assert [failure.method for failure in again.failures()] == ["leaving"]
    assert set(again.rows()["method"]) == {"average", "hard", "gff"}
    assert shards < {path.name for path in (again.path / "rows").iterdir()}


METHODS_OF_ALL = ("average", "gff", *ENDINGS)


def test_what_a_method_sets_in_its_process_ends_with_its_call() -> None:
    threads, folder, state = torch.get_num_threads(), os.getcwd(), torch.get_rng_state()
    with untouched_process():
        torch.set_num_threads(threads + 1)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(3)
        random.seed(3)
        np.seterr(all="raise")
        os.chdir("/")
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert np.geterr()["divide"] != "raise"
    assert os.getcwd() == folder
