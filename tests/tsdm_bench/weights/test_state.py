"""Files of tensors are loaded, and files that would have to be executed are not."""

from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import save_file

from tsdm_bench.weights.state import load_state

TENSORS = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.zeros(2)}


class Executes:
    """Pickles to a call that writes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [True, False])
def test_pytorch_files(tmp_path, legacy):
    torch.save({"net": TENSORS, "epoch": 3}, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    state = load_state(tmp_path / "a.pth")
    assert state["epoch"] == 3
    torch.testing.assert_close(state["net"], TENSORS)


def test_safetensors(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    torch.testing.assert_close(load_state(tmp_path / "a.safetensors"), TENSORS)


def test_nothing_in_a_file_is_executed(tmp_path):
    torch.save({"model": Executes(tmp_path / "executed")}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="holds no plain tensors"):
        load_state(tmp_path / "a.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_rubbish_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="expected a state dict or safetensors") as caught:
        load_state(tmp_path / name)
    assert "\n" not in str(caught.value)
