"""TensorFlow checkpoints: a bundle written here by the format's description, and published ones against numpy twins."""

from __future__ import annotations

import numpy as np
import pytest

from tsdm_bench.weights.tensor_bundle import MAGIC, read_tensor_bundle


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Entries with shared prefixes, one restart point, and no compression; the checksum is left zero."""
    body, previous = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
            shared += 1
        body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def write_bundle(folder, tensors: dict[str, np.ndarray], entries_per_block: int, dtype_number: int = 1):
    entries, data = [(b"", field(1, 1))], b""
    for name in sorted(tensors):
        shape = b"".join(field(2, field(1, size)) for size in tensors[name].shape)
        raw = tensors[name].tobytes()
        checksum = varint(6 << 3 | 5) + (0).to_bytes(4, "little")
        entry = field(1, dtype_number) + field(2, shape) + field(4, len(data)) + field(5, len(raw)) + checksum
        entries.append((name.encode(), entry))
        data += raw
    return write_entries(folder, entries, data, entries_per_block)


def write_entries(folder, entries: list[tuple[bytes, bytes]], data: bytes, entries_per_block: int):
    table, index_entries = b"", []
    for start in range(0, len(entries), entries_per_block):
        part = entries[start : start + entries_per_block]
        content = block(part)
        index_entries.append((part[-1][0] + b"~", varint(len(table)) + varint(len(content))))
        table += content + bytes(5)
    handles = []
    for content in (block([]), block(index_entries)):
        handles.append(varint(len(table)) + varint(len(content)))
        table += content + bytes(5)
    table += b"".join(handles).ljust(40, b"\0") + MAGIC.to_bytes(8, "little")
    (folder / "net.index").write_bytes(table)
    (folder / "net.data").write_bytes(data)
    return folder / "net.index", folder / "net.data"


@pytest.fixture
def tensors():
    generator = np.random.default_rng(0)
    shapes = {
        "net/conv1/kernel": (3, 3, 2, 44),
        "net/conv1/bias": (44,),
        "net/conv2/kernel": (1, 1, 300, 2),
        "step": (),
    }
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("entries_per_block", [1, 2, 100])
def test_a_bundle_is_read_whatever_its_blocks(tmp_path, tensors, entries_per_block):
    read = read_tensor_bundle(*write_bundle(tmp_path, tensors, entries_per_block))
    assert read.keys() == tensors.keys()
    for name, expected in tensors.items():
        np.testing.assert_array_equal(read[name], expected)


@pytest.mark.parametrize("name", ["U2Fusion", "SDNet", "STDFusion"])
def test_published_bundles_equal_their_numpy_twins(weights_dir, name):
    read = read_tensor_bundle(weights_dir / f"{name}_tf.index", weights_dir / f"{name}_tf.data")
    expected = np.load(weights_dir / f"{name}_tf.npz")
    assert set(read) == set(expected.files)
    for key in expected.files:
        np.testing.assert_array_equal(read[key], expected[key])


def test_another_kind_of_file_is_refused(tmp_path, tensors):
    index, data = write_bundle(tmp_path, tensors, 2)
    with pytest.raises(ValueError, match="is not the index of a TensorFlow checkpoint"):
        read_tensor_bundle(data, data)
    data.write_bytes(data.read_bytes()[:-4])
    with pytest.raises(ValueError, match="does not fit its data file"):
        read_tensor_bundle(index, data)


def test_a_data_type_that_is_no_weight_is_refused(tmp_path, tensors):
    with pytest.raises(ValueError, match="data type 7"):
        read_tensor_bundle(*write_bundle(tmp_path, tensors, 2, dtype_number=7))


def test_a_compressed_block_is_refused(tmp_path, tensors):
    index, data = write_bundle(tmp_path, tensors, 100)
    table = bytearray(index.read_bytes())
    end_of_first_block = table.index((1).to_bytes(4, "little") + bytes(5)) + 4
    table[end_of_first_block] = 1
    index.write_bytes(table)
    with pytest.raises(ValueError, match="compressed"):
        read_tensor_bundle(index, data)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (field(1, 1) + field(2, field(2, field(1, 1 << 62))) + field(5, 4), "does not fit its data file"),
        (field(1, 1) + field(2, field(2, field(1, 1 << 32)) * 2) + field(5, 0), "does not fit its data file"),
        (field(1, 1) + field(2, 7), "is damaged: it has a number where a list belongs"),
        (field(1, 1) + bytes([3 << 3 | 3]), "is damaged: KeyError"),
        (b"\x80" * 5000, "is damaged: IndexError: a number has no end"),
        (b"", "has data type 0"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_by_name(tmp_path, tensors, entry, reason):
    index, data = write_entries(tmp_path, [(b"w", entry)], b"1234", 100)
    with pytest.raises(ValueError, match=reason) as caught:
        read_tensor_bundle(index, data)
    assert str(index) in str(caught.value)


def test_names_that_come_again_or_grow_without_end_are_refused(tmp_path):
    entry = field(1, 1) + field(5, 4)
    for names in ([b"w", b"w"], [b"w" * 1001]):
        index, data = write_entries(tmp_path, [(name, entry) for name in names], b"1234", 100)
        with pytest.raises(ValueError, match="is there twice, or has no end"):
            read_tensor_bundle(index, data)
