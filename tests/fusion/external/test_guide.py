"""The examples of docs/own_methods.md run."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch

from fusion.classical.pixelwise import MAXIMUM
from fusion.external import parse
from fusion.method import prepare


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_examples_of_the_guide_run(tmp_path, pair, monkeypatch):
    guide = (Path(__file__).parents[3] / "docs" / "own_methods.md").read_text()
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", guide, re.DOTALL):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("export_network.py")

    def fused(spec: str) -> torch.Tensor:
        return prepare(parse(spec))(*pair)

    mean, maximum = (pair[0] + pair[1]) / 2, torch.maximum(*pair)
    python = shlex.quote(sys.executable)
    torch.testing.assert_close(fused(f"blend=command:{python} fuse_pair.py {{ir}} {{vis}} {{out}}?timeout=60"), mean)
    torch.testing.assert_close(fused("my_fusion.py:fuse"), mean)
    torch.testing.assert_close(fused("my_fusion.py:fuse_with_numpy"), maximum)
    assert fused("my_fusion.py:net?luma=1").shape == pair[1].shape
    torch.testing.assert_close(fused("file:net.onnx"), fused("file:net.pt"), atol=1e-5, rtol=0)
    torch.testing.assert_close(fused("my_package.py:CARD"), prepare(MAXIMUM)(*pair))
