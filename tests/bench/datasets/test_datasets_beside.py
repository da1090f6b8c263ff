"""What is published apart from an archive: label files beside it, parts that only some have, files on Google Drive."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from test_datasets_download import (  # noqa: F401
    DATASETS,
    ON_DRIVE,
    archive_of,
    names,
    published,
    served,
    zipped,
)

from bench.cli import main
from bench.datasets.download import download
from tsdm_bench.errors import UsageError

IMAGE = {"id": 7, "file_name": "00004N.png", "width": 64, "height": 48}
LISTED = {
    "images": [IMAGE, {"id": 8, "file_name": "00999.png", "width": 64, "height": 48}],
    "categories": [{"id": 3, "name": "Car"}, {"id": 1, "name": "people"}],
    "annotations": [
        {"image_id": 7, "category_id": 3, "bbox": [4, 5, 20, 10], "iscrowd": 0, "area": 200},
        {"image_id": 7, "category_id": 1, "bbox": [30, 8, 6.5, 12]},
    ],
}
TRAIN, VAL = "meta/instances_train2014.json", "meta/instances_val2014.json"


@pytest.fixture
def with_labels(published, served, monkeypatch):  # noqa: F811
    """Publishes M3FD's fusion pairs with label files on the same server."""
    folder, address = served

    def publish(**contents: object):
        card = published("m3fd_fusion", zipped(archive_of("m3fd_fusion")))
        for name, content in contents.items():
            (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        beside = [
            replace(file, urls=(f"{address}/{'train' if 'train' in file.place else 'val'}.json",))
            for file in ORIGINAL.beside
        ]
        card = replace(card, beside=tuple(beside))
        monkeypatch.setitem(DATASETS._cards, "m3fd_fusion", card)
        return card

    return publish


ORIGINAL = DATASETS["m3fd_fusion"]
EMPTY = {"images": [], "categories": [], "annotations": []}


def test_one_command_brings_pairs_and_boxes(with_labels, tmp_path, capsys):
    with_labels(train=LISTED, val=EMPTY)
    command = ["datasets", "download", "m3fd_fusion", "--data-root", str(tmp_path / "data")]
    assert main(command) == 0
    assert {f"M3FD_Fusion/{TRAIN}", f"M3FD_Fusion/{VAL}"} < set(names(tmp_path / "data"))
    assert "1 labelled pair\n" in capsys.readouterr().out
    pair = DATASETS["m3fd_fusion"].pairs(tmp_path / "data")[0]
    assert [tuple(box) for box in pair.boxes] == [("Car", 4, 5, 20, 10), ("People", 30, 8, 6.5, 12)]
    assert pair.label_file.name == Path(TRAIN).name
    capsys.readouterr()
    assert main(["datasets", "verify", "m3fd_fusion", "--data-root", str(tmp_path / "data")]) == 0
    assert "2 boxes on 1 labelled pair: Car 1, People 1" in capsys.readouterr().out
    assert main(command) == 0
    assert "nothing was fetched" in capsys.readouterr().out


def test_pairs_that_are_there_get_the_labels_that_are_lacking(with_labels, tmp_path, capsys):
    with_labels(train=LISTED)
    command = ["datasets", "download", "m3fd_fusion", "--data-root", str(tmp_path / "data")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "the pairs are there, but not all labels" in error
    assert "answers 404" in error
    assert "put the file there as" in error
    assert f"M3FD_Fusion/{TRAIN}" in names(tmp_path / "data")
    with_labels(train="spoilt", val=EMPTY)
    assert main(command) == 0
    assert f"labels: {tmp_path / 'data' / 'M3FD_Fusion' / VAL}" in capsys.readouterr().out


def test_a_label_file_that_is_none_is_refused_and_nothing_of_it_kept(with_labels, tmp_path, capsys):
    with_labels(train="<html>", val=EMPTY)
    assert main(["datasets", "download", "m3fd_fusion", "--data-root", str(tmp_path / "data")]) == 2
    assert "not readable JSON" in capsys.readouterr().err
    assert not [name for name in names(tmp_path / "data") if "meta" in name]


def test_parts_that_only_some_archives_have_are_taken_along(published, tmp_path):  # noqa: F811
    inside = DATASETS["msrs"].archive.inside
    more = {f"{inside}/detection/labels/1.txt": b"2 .5 .5 .2 .2\n", f"{inside}/visualize.py": b"print()"}
    download(published("msrs", zipped(archive_of("msrs") | more)), tmp_path / "data", progress=False)
    assert "MSRS/detection/labels/1.txt" in names(tmp_path / "data")
    assert not [name for name in names(tmp_path / "data") if name.endswith(".py")]


def test_the_labelled_pairs_of_msrs_lie_below_the_others(published, tmp_path):  # noqa: F811
    download(published("msrs", zipped(archive_of("msrs"))), tmp_path, progress=False)
    card = published("msrs_detection", zipped(archive_of("msrs_detection")))
    download(card, tmp_path, progress=False)
    assert [len(pair.boxes) for pair in card.pairs(tmp_path)] == [1]
    assert len(DATASETS["msrs"].pairs(tmp_path)) == 2


# --- Google Drive ---


class Refused(Exception):
    """As gdown's."""


@pytest.fixture
def drive(monkeypatch):
    """A stand-in for gdown: what it is asked for, what the folder lists, and what arrives."""
    asked = SimpleNamespace(urls=[], content=b"", listed=["a/readme.txt", "a/M3FD_Detection.zip"], error=None)

    def download_folder(url: str, skip_download: bool, quiet: bool) -> list:
        assert skip_download
        return [SimpleNamespace(path=path, id=f"id-of-{Path(path).name}") for path in asked.listed]

    def download_file(url: str, output: str, quiet: bool, resume: bool) -> str:
        asked.urls.append(url)
        if asked.error:
            raise asked.error
        Path(output).write_bytes(asked.content)
        return output

    module = types.ModuleType("gdown")
    module.__spec__ = SimpleNamespace(name="gdown")
    module.download, module.download_folder = download_file, download_folder
    exceptions = types.ModuleType("gdown.exceptions")
    exceptions.DownloadError = Refused
    monkeypatch.setitem(sys.modules, "gdown", module)
    monkeypatch.setitem(sys.modules, "gdown.exceptions", exceptions)
    return asked


def detection_archive(below: str = "some/M3FD_Detection") -> bytes:
    from test_datasets_download import PNG

    files = {f"{below}/{part}/00004.png": PNG for part in ("Ir", "Vis")}
    return zipped(files | {f"{below}/Annotation/00004.xml": b"<annotation></annotation>", "notes.txt": b""})


@pytest.mark.parametrize("below", ["some/M3FD_Detection", "M3FD_Detection", "."])
def test_a_file_of_a_drive_folder_is_unpacked_wherever_its_parts_lie(drive, tmp_path, below):
    drive.content = detection_archive(below).replace(b"./", b"") if below != "." else detection_archive("x")
    card = replace(DATASETS["m3fd"], archive=replace(DATASETS["m3fd"].archive, pairs=1))
    download(card, tmp_path, progress=False)
    assert drive.urls == ["https://drive.google.com/uc?id=id-of-M3FD_Detection.zip"]
    assert names(tmp_path) == [
        f"M3FD_Detection/{name}" for name in ("Annotation/00004.xml", "Ir/00004.png", "Vis/00004.png")
    ]


@pytest.mark.parametrize(
    "error",
    [
        Refused("Cannot retrieve the public link of the file.\nToo many users have viewed it recently"),
        requests.HTTPError("429 Client Error: Too Many Requests"),
    ],
)
def test_a_quota_of_drive_ends_in_the_way_by_hand(drive, tmp_path, capsys, error):
    drive.error = error
    assert main(["datasets", "download", "m3fd", "--data-root", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    for part in ("Google Drive does not give M3FD_Detection.zip", "try again tomorrow", DATASETS["m3fd"].layout):
        assert part in error


def test_a_file_that_is_no_longer_in_the_folder_is_told(drive, tmp_path):
    drive.listed = []
    with pytest.raises(UsageError, match="not listed in its folder"):
        download(DATASETS["m3fd"], tmp_path, progress=False)


def test_a_full_disk_is_no_fault_of_drive(drive, tmp_path, capsys):
    drive.error = OSError(28, "No space left on device")
    assert main(["datasets", "download", "m3fd", "--data-root", str(tmp_path)]) == 2
    assert "cannot write the dataset" in capsys.readouterr().err


def test_a_machine_without_a_network_is_not_told_of_a_quota(drive, tmp_path, capsys):
    drive.error = requests.ConnectionError("Failed to resolve 'drive.google.com'")
    assert main(["datasets", "download", "m3fd", "--data-root", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "cannot reach Google Drive (Failed to resolve 'drive.google.com'); try again when online, or get M3" in error
    assert "tomorrow" not in error


def test_terms_are_accepted_by_the_user_or_nothing_is_fetched(drive, tmp_path, capsys):
    command = ["datasets", "download", "llvip", "--data-root", str(tmp_path)]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert DATASETS["llvip"].terms in said
    assert "--accept-terms" in said
    assert not drive.urls
    drive.error = Refused("quota")
    assert main([*command, "--accept-terms"]) == 2
    assert drive.urls == [DATASETS["llvip"].archive.url]


@pytest.mark.parametrize("name", ON_DRIVE)
def test_without_gdown_the_extra_is_named(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    assert main(["datasets", "download", name, "--data-root", str(tmp_path), "--accept-terms"]) == 1
    assert "pip install 'tsdm-bench[drive]'" in capsys.readouterr().out
