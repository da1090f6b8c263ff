"""Where weight files are looked for, and that only the file of the card is taken."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re

import pytest

from tsdm_bench.weights import card as card_module
from tsdm_bench.weights import location
from tsdm_bench.weights.card import WeightFile, card, cards, github_urls
from tsdm_bench.weights.location import cache_dir, locate, missing

CONTENT = b"weights"
FILE = WeightFile(
    name="network.pth",
    bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    method="net",
    licence="none",
    source="a paper",
    urls=github_urls("someone/net", "abc123", "models/best model.pth"),
)


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Empty weights directory, package folder and cache, and ``FILE`` as the only card."""
    places = {name: tmp_path / name for name in ("given", "package", "cache/weights")}
    for place in places.values():
        place.mkdir(parents=True)
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(location, "PACKAGE_DIR", places["package"])
    monkeypatch.setattr(card_module, "cards", lambda: {FILE.name: dataclasses.replace(FILE, packaged=True)})
    return tuple(places.values())


def test_weights_directory_then_package_then_cache(folders):
    given = folders[0]
    for folder in reversed(folders):
        (folder / FILE.name).write_bytes(CONTENT)
        assert locate(FILE.name, given) == folder / FILE.name
    assert locate(FILE.name) == folders[1] / FILE.name


def test_missing_names_what_is_nowhere(folders):
    assert missing([FILE.name], folders[0]) == [FILE.name]
    (folders[2] / FILE.name).write_bytes(CONTENT)
    assert missing([FILE.name], folders[0]) == []


def test_nowhere_is_one_line_with_the_remedy(folders):
    with pytest.raises(FileNotFoundError, match=r"run_bench.py weights fetch network.pth.*--weights-dir") as caught:
        locate(FILE.name, folders[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"weight!", b"short"])
def test_another_file_of_that_name_is_refused(folders, content):
    (folders[0] / FILE.name).write_bytes(content)
    (folders[2] / FILE.name).write_bytes(CONTENT)
    with pytest.raises(ValueError, match=r"given/network.pth is not network.pth \(7 bytes, sha256"):
        locate(FILE.name, folders[0])


def test_a_changed_file_is_hashed_again_and_an_unchanged_one_is_not(folders, monkeypatch):
    path, hashed = folders[0] / FILE.name, []
    monkeypatch.setattr(location, "sha256", lambda p: hashed.append(p) or hashlib.sha256(p.read_bytes()).hexdigest())
    path.write_bytes(CONTENT)
    for _ in range(3):
        locate(FILE.name, folders[0])
    assert hashed == [path]
    path.write_bytes(b"weight!")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="is not"):
        locate(FILE.name, folders[0])


def test_without_a_sha256_any_file_of_the_name_serves(folders, monkeypatch):
    free = dataclasses.replace(FILE, sha256="", bytes=0, urls=())
    monkeypatch.setattr(card_module, "cards", lambda: {FILE.name: free})
    (folders[0] / FILE.name).write_bytes(b"own training")
    assert locate(FILE.name, folders[0]) == folders[0] / FILE.name


def test_a_training_of_ones_own_stands_in_for_packaged_weights_but_a_damaged_package_is_refused(folders, monkeypatch):
    ours = dataclasses.replace(FILE, urls=(), packaged=True)
    monkeypatch.setattr(card_module, "cards", lambda: {FILE.name: ours})
    (folders[1] / FILE.name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is not"):
        locate(FILE.name, folders[0])
    (folders[0] / FILE.name).write_bytes(b"own training")
    assert locate(FILE.name, folders[0]) == folders[0] / FILE.name


def test_a_card_with_an_address_needs_a_sha256():
    with pytest.raises(ValueError, match="no sha256"):
        dataclasses.replace(FILE, sha256="")


def test_cache_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("TSDM_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_dir() == tmp_path / "tsdm-bench" / "weights"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_dir().parts[-4:] == ("Library", "Caches", "tsdm-bench", "weights")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_dir() == tmp_path / "tsdm-bench" / "weights"


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'YDTR.pth'\?.*weights list"):
        card("ydtr.pt")


def test_addresses_are_quoted_and_pinned_to_a_commit():
    raw, large = FILE.urls
    assert raw == "https://raw.githubusercontent.com/someone/net/abc123/models/best%20model.pth"
    assert large == "https://github.com/someone/net/raw/abc123/models/best%20model.pth"


def test_every_card_that_can_be_downloaded_is_pinned():
    downloadable = [file for file in cards().values() if file.urls]
    assert len(downloadable) >= 25
    for file in downloadable:
        assert len(file.sha256) == 64
        assert file.bytes > 0
        assert all(re.search(r"/[0-9a-f]{40}/", url) for url in file.urls)


def test_the_files_at_hand_are_those_of_the_cards(weights_dir):
    at_hand = [name for name, file in cards().items() if file.urls and (weights_dir / name).is_file()]
    assert at_hand
    for name in at_hand:
        assert locate(name, weights_dir) == weights_dir / name
