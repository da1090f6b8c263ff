"""Files of tensors are loaded, and files that would have to be executed are not."""

from __future__ import annotations

import json
import os
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tsdm_bench.weights.state import load_array, load_state

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


def test_a_compressed_checkpoint_that_would_grow_is_refused(tmp_path):
    torch.save({"a": torch.zeros(5_000_000)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain, zipfile.ZipFile(tmp_path / "a.pth", "w", 8) as packed:
        for member in plain.namelist():
            packed.writestr(member, plain.read(member))
    with pytest.raises(ValueError, match="would unpack to 20,000,"):
        load_state(tmp_path / "a.pth")


@pytest.mark.parametrize("legacy", [True, False])
def test_a_tensor_that_repeats_its_storage_is_refused(tmp_path, legacy):
    torch.save(
        {"a": torch.zeros(1).expand(20_000, 20_000)}, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy
    )
    with pytest.raises(ValueError, match="larger than the file can hold"):
        load_state(tmp_path / "a.pth")


def test_a_header_that_declares_more_than_the_file_holds_is_refused(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [13000, 13000], "data_offsets": [0, 676_000_000]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(ValueError, match="holds no plain tensors"):
        load_state(tmp_path / "a.safetensors")


def test_an_array_is_read_and_no_larger_one_than_the_file_holds(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    assert load_array(tmp_path / "a.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "b.npy").write_bytes(content.replace(b"(2, 3), }      ", b"(13000, 13000)}"))
    np.savez(tmp_path / "c.npz", a=np.zeros(3))
    (tmp_path / "c.npy").write_bytes((tmp_path / "c.npz").read_bytes())
    np.save(tmp_path / "d.npy", np.array([{}], dtype=object))
    for name in "bcd":
        with pytest.raises(ValueError, match="holds no array"):
            load_array(tmp_path / f"{name}.npy")


@pytest.mark.parametrize("load", [load_state, load_array])
def test_a_file_that_is_not_there_is_no_damaged_one(tmp_path, load):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "gone.pth")
