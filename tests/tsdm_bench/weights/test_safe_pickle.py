from __future__ import annotations

import os
import pickle
import resource
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from tsdm_bench.weights.safe_pickle import Inert, load_tensors

TOUCHED = []


def touch(*arguments):
    TOUCHED.append(arguments)


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Foreign(nn.Module):
    executed = False

    def __init__(self):
        super().__init__()
        self.layer = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.GELU())
        self.sizes = {"window": (8, 8), "names": ["a"], "set": {1}}
        self.kind = nn.LayerNorm

    def __setstate__(self, state):
        type(self).executed = True
        super().__setstate__(state)


def test_a_pickled_module_becomes_an_inert_stub_and_its_tensors_are_kept(tmp_path):
    module = Foreign()
    torch.save({"model": module, "state_dict": module.state_dict()}, tmp_path / "file.pth")
    tree = load_tensors(tmp_path / "file.pth")
    assert not Foreign.executed
    stub = tree["model"]
    assert isinstance(stub, Inert)
    assert type(stub).__name__.endswith("Foreign")
    assert stub.sizes == {"window": (8, 8), "names": ["a"], "set": {1}}
    for key, value in module.state_dict().items():
        torch.testing.assert_close(tree["state_dict"][key], value)


def test_tensors_of_every_kind_come_back_as_torch_reads_them(tmp_path):
    base = torch.arange(24, dtype=torch.float32).view(4, 6)
    tree = {
        "view": base[1:3, ::2],
        "transposed": base.t(),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "integers": torch.tensor([1, 2]),
        "flags": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "empty": torch.empty(0, 3),
        "parameter": nn.Parameter(base),
        "ordered": OrderedDict(a=torch.ones(2)),
        "shape": base.shape,
    }
    torch.save(tree, tmp_path / "file.pt")
    read = load_tensors(tmp_path / "file.pt")
    for key in ("view", "transposed", "half", "bfloat16", "integers", "flags", "scalar", "empty", "parameter"):
        torch.testing.assert_close(read[key], tree[key].detach(), atol=0, rtol=0)
    assert read["ordered"]["a"].tolist() == [1, 1]
    assert read["shape"] == (4, 6)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (Calls(os.system, "echo hostile"), "system"),
        (Calls(touch, 1), "touch"),
        (Calls(eval, "1+1"), "eval"),
        (Calls(getattr, "text", "upper"), "getattr"),
        (Calls(np.zeros, 3), "zeros"),
    ],
)
def test_a_file_that_calls_a_function_is_refused_and_nothing_runs(tmp_path, call, named):
    torch.save({"state_dict": {"weight": torch.ones(2)}, "x": call}, tmp_path / "hostile.pth")
    with pytest.raises(ValueError, match=rf"asks to call [\w.]*{named}"):
        load_tensors(tmp_path / "hostile.pth")
    assert TOUCHED == []


def archive(path, payload: bytes, storages: dict[str, bytes] | None = None):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", payload)
        for key, data in (storages or {}).items():
            file.writestr(f"archive/data/{key}", data)
    return path


def hand_made(size: str, stride: str, offset: int = 0, elements: int = 4) -> bytes:
    """The pickle of one float tensor on storage 0, written opcode by opcode."""
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\n"
        + f"I{elements}\ntQI{offset}\n({size}t({stride}tI00\nNtR.".encode()
    )


COPIES_A_LIST = b"(" + b"N" * 500 + b"lq\x00" + b"ctorch\nSize\n(h\x00tR0" * 50 + b"N."
ENLARGES_A_TENSOR = (
    hand_made("I4\n", "I1\n")[:-1] + b"q\x01(h\x01I0\n(I3000000000\nt(I1\nttb."
)  # Tensor.__setstate__ with the four arguments of Tensor.set_


ENLARGES_AN_EMPTY_TENSOR = ENLARGES_A_TENSOR.replace(b"(I4\nt(I1\nt", b"(I0\nt(I1\nt", 1)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (hand_made("I4\n", "I1\n", offset=1), "beyond its storage"),
        (hand_made("I2\n", "I4\n"), "beyond its storage"),
        (hand_made("I2\n", "I-1\n", offset=1), "negative"),
        (hand_made("I4\n", "I1\n", elements=400), "cut short"),
        (b"\x80\x02}q", "damaged"),
        (b"cos\nsystem\n(S'true'\ntR.", "asks to call os.system"),
        (b"(S'true'\nios\nsystem\n.", "asks to call os.system"),
        (hand_made("I4\n", "I1\n", elements=-1), "cut short"),
        (hand_made("I-4\n", "I1\n"), "negative"),
        (hand_made("I1000000\nI1000000\n", "I0\nI0\n"), "larger than the file can hold"),
        (hand_made(f"I{10**18}\n", "I0\n"), "larger than the file can hold"),
        (hand_made("I1\n" * 17, "I1\n" * 17), "too many axes"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "numbers an object 2,147,483,647"),
        (b"\x80\x02]p999999999\n.", "numbers an object 999,999,999"),
        (b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".", "damaged"),
        (b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b".", "damaged"),
        (b"\x80\x02\x8a\x09" + b"\x7f" * 9 + b".", "a number of more than 64 bits"),
        (b"]" + b"0" * (1 << 21) + b".", "its pickle has 2,097,154 bytes, 2,097,152 at most"),
        (COPIES_A_LIST, "copies its lists again and again"),
        (ENLARGES_A_TENSOR, "damaged: RuntimeError"),
        (ENLARGES_AN_EMPTY_TENSOR, "damaged: RuntimeError"),
        (b"\x80\x02(Vmodule\nctorch\nLinear\ntQ.", "damaged"),
    ],
)
def test_hand_made_archives_are_refused(tmp_path, payload, reason):
    with pytest.raises(ValueError, match=reason):
        load_tensors(archive(tmp_path / "file.pth", payload, {"0": bytes(16)}))


def test_a_hand_made_tensor_inside_its_storage_is_read(tmp_path):
    data = np.arange(4, dtype="<f4").tobytes()
    tensor = load_tensors(archive(tmp_path / "file.pth", hand_made("I2\n", "I2\n", offset=1), {"0": data}))
    assert tensor.tolist() == [1, 3]


def test_files_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps({"a": 1}))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="no archive of"):
        load_tensors(tmp_path / "pickle.pth")
    with pytest.raises(ValueError, match=r"no data\.pkl"):
        load_tensors(tmp_path / "other.zip")
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "gone.pth")


def test_a_small_file_of_large_declarations_takes_no_memory(tmp_path):
    """Each of these asked for 4 to 9,000 GB; what is not taken cannot be seen to be taken."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, payload in enumerate((b"\x80\x02]r\xff\xff\xff\x1f.", hand_made("I30000\nI30000\n", "I0\nI0\n"))):
        with pytest.raises(ValueError, match="was not read"):
            load_tensors(archive(tmp_path / f"{number}.pth", payload, {"0": bytes(16)}))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_an_archive_that_would_grow_is_refused(tmp_path):
    payload = hand_made("I4\n", "I1\n")
    with zipfile.ZipFile(tmp_path / "file.pth", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", payload)
        file.writestr("archive/data/0", bytes(50_000_000))
    with pytest.raises(ValueError, match="would unpack to 50,000,"):
        load_tensors(tmp_path / "file.pth")


def test_one_storage_of_two_types_is_refused(tmp_path):
    one = hand_made("I4\n", "I1\n")[:-1]
    two = one[2:].replace(b"FloatStorage", b"IntStorage")
    with pytest.raises(ValueError, match="storage 0 has two types"):
        load_tensors(archive(tmp_path / "file.pth", one + two + b"\x86.", {"0": bytes(16)}))


def test_tensors_may_share_a_storage_a_few_times(tmp_path):
    weight = torch.rand(600, 600)
    torch.save({"model": weight, "state_dict": {"weight": weight, "tied": weight}}, tmp_path / "file.pth")
    assert torch.equal(load_tensors(tmp_path / "file.pth")["state_dict"]["tied"], weight)
    torch.save([weight[i:] for i in range(20)], tmp_path / "many.pth")
    with pytest.raises(ValueError, match="larger than the file can hold"):
        load_tensors(tmp_path / "many.pth")
