"""Where weight files are looked for, and that only the file of the card is taken."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re

import pytest

from bench.weights import WEIGHT_FILES
from tsdm_bench.errors import UsageError
from tsdm_bench.weights import location
from tsdm_bench.weights.card import github_file
from tsdm_bench.weights.location import cache_dir, locate, missing

CONTENT = b"weights"
FILE = github_file(
    "someone/net",
    "abc123",
    "models/best model.pth",
    name="network.pth",
    bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="none",
)


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Empty weights directory, package folder and cache."""
    places = {name: tmp_path / name for name in ("given", "package", "cache/weights")}
    for place in places.values():
        place.mkdir(parents=True)
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path / "cache"))
    return tuple(places.values())


def test_weights_directory_then_package_then_cache(folders):
    given, package, _ = folders
    file = dataclasses.replace(FILE, folder=package)
    for folder in reversed(folders):
        (folder / FILE.name).write_bytes(CONTENT)
        assert locate(file, given) == folder / FILE.name
    assert locate(file) == package / FILE.name


def test_missing_names_what_is_nowhere(folders):
    assert missing([FILE], folders[0]) == [FILE]
    (folders[2] / FILE.name).write_bytes(CONTENT)
    assert missing([FILE], folders[0]) == []


def test_nowhere_is_one_line_with_the_remedy(folders):
    with pytest.raises(FileNotFoundError, match=r"run_bench.py weights fetch network.pth.*--weights-dir") as caught:
        locate(FILE, folders[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"weight!", b"short"])
def test_another_file_of_that_name_is_refused(folders, content):
    (folders[0] / FILE.name).write_bytes(content)
    (folders[2] / FILE.name).write_bytes(CONTENT)
    with pytest.raises(ValueError, match=r"given/network.pth is not network.pth \(7 bytes, sha256"):
        locate(FILE, folders[0])


def test_a_changed_file_is_hashed_again_and_an_unchanged_one_is_not(folders, monkeypatch):
    path, hashed = folders[0] / FILE.name, []
    monkeypatch.setattr(location, "sha256", lambda p: hashed.append(p) or hashlib.sha256(p.read_bytes()).hexdigest())
    path.write_bytes(CONTENT)
    for _ in range(3):
        locate(FILE, folders[0])
    assert hashed == [path]
    path.write_bytes(b"weight!")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="is not"):
        locate(FILE, folders[0])


def test_without_a_sha256_any_file_of_the_name_serves(folders):
    free = dataclasses.replace(FILE, sha256="", bytes=0, urls=())
    (folders[0] / FILE.name).write_bytes(b"own training")
    assert locate(free, folders[0]) == folders[0] / FILE.name


def test_a_training_of_ones_own_stands_in_for_packaged_weights_but_a_damaged_package_is_refused(folders):
    ours = dataclasses.replace(FILE, urls=(), folder=folders[1])
    (folders[1] / FILE.name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is not"):
        locate(ours, folders[0])
    (folders[0] / FILE.name).write_bytes(b"own training")
    assert locate(ours, folders[0]) == folders[0] / FILE.name


def test_a_card_with_an_address_needs_a_sha256():
    with pytest.raises(ValueError, match="no sha256"):
        dataclasses.replace(FILE, sha256="")


def test_the_name_of_a_card_cannot_lead_out_of_its_folder():
    for name in ("../network.pth", "/network.pth", "a\\b", "..", ""):
        with pytest.raises(ValueError, match="use letters, digits"):
            dataclasses.replace(FILE, name=name)


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
    with pytest.raises(UsageError, match=r"did you mean 'YDTR.pth'\?.*weights list"):
        WEIGHT_FILES["ydtr.pt"]


def test_addresses_are_quoted_and_pinned_to_a_commit():
    raw, large = FILE.urls
    assert raw == "https://raw.githubusercontent.com/someone/net/abc123/models/best%20model.pth"
    assert large == "https://github.com/someone/net/raw/abc123/models/best%20model.pth"


def test_every_card_that_can_be_downloaded_is_pinned():
    downloadable = [file for file in WEIGHT_FILES.values() if file.urls]
    assert len(downloadable) >= 25
    for file in downloadable:
        assert len(file.sha256) == 64
        assert file.bytes > 0
        assert all(re.search(r"/[0-9a-f]{40}/", url) for url in file.urls)


def test_the_files_at_hand_are_those_of_the_cards(weights_dir):
    at_hand = [file for name, file in WEIGHT_FILES.items() if file.urls and (weights_dir / name).is_file()]
    assert at_hand
    for file in at_hand:
        assert locate(file, weights_dir) == weights_dir / file.name
