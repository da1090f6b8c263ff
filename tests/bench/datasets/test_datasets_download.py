"""Datasets from a server on this machine: a tiny archive in the layout of a GitHub archive, whole or spoilt."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.cli import main
from bench.datasets import DATASETS
from bench.datasets.download import download
from tsdm_bench.errors import UsageError
from tsdm_bench.words import counted

PIXELS = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()
DOWNLOADED = ("m3fd_fusion", "msrs", "msrs_detection", "roadscene", "tno")
ON_DRIVE = ("llvip", "m3fd")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def served(tmp_path):
    """A folder, and the address at which its files are served."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def archive_of(name: str) -> dict[str, bytes]:
    """What an archive with one pair in each pair of folders of the dataset ``name`` holds."""
    archive = DATASETS[name].archive
    files = {f"{archive.inside}/{part}/{image_in(part)}": PNG for part in archive.parts if part != "labels"}
    if "labels" in archive.parts:
        files[f"{archive.inside}/labels/{Path(image_in('labels')).stem}.txt"] = b"0 .5 .5 .5 .5\n"
    return files | {f"{archive.inside.partition('/')[0]}/README.md": b"read me"}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def image_in(part: str) -> str:
    """No image of the training part has the name of one of the test part."""
    return "00001D.png" if part.startswith("train") else "00004N.png"


@pytest.fixture
def published(served, monkeypatch):
    """Publishes bytes as the archive of a dataset; returns the card that points there, also found by its name."""
    folder, address = served

    def publish(name: str, content: bytes, **facts: str):
        (folder / f"{name}.zip").write_bytes(content)
        archive = replace(
            DATASETS[name].archive,
            url=f"{address}/{name}.zip",
            **{"md5": "", "pairs": 2 if name == "msrs" else 1} | facts,
        )
        card = replace(DATASETS[name], archive=archive, beside=())
        monkeypatch.setitem(DATASETS._cards, name, card)
        return card

    return publish


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_cards_with_an_archive_are_these():
    assert [name for name, card in DATASETS.items() if card.archive] == sorted((*DOWNLOADED, *ON_DRIVE))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_the_archive_becomes_the_layout_and_nothing_else_is_left(name, published, tmp_path, capsys):
    published(name, zipped(archive_of(name)))
    root = tmp_path / "data"
    assert main(["datasets", "download", name, "--data-root", str(root)]) == 0
    said = capsys.readouterr().out
    assert f"licence: {DATASETS[name].licence}" in said
    assert f"datasets verify {name} --data-root {root}" in said
    archive = DATASETS[name].archive
    assert len(names(root)) == len(archive.parts)
    assert all(any(file.startswith(f"{archive.folder}/{part}/") for part in archive.parts) for file in names(root))
    pairs = DATASETS[name].pairs(root)
    assert f"{counted(len(pairs), 'pair')} below" in said
    np.testing.assert_array_equal(pairs[0].read()[0], PIXELS)
    assert main(["datasets", "verify", name, "--data-root", str(root)]) == 0


def test_what_is_there_is_not_downloaded_again(published, tmp_path, capsys):
    published("tno", zipped(archive_of("tno")))
    arguments = ["datasets", "download", "tno", "--data-root", str(tmp_path)]
    assert main(arguments) == 0
    published("tno", b"")
    assert main(arguments) == 0
    assert ": 1 pair, published: 42 pairs; nothing was fetched\n" in capsys.readouterr().out
    published("tno", b"", pairs=42)
    assert main(arguments) == 0
    assert "nothing was fetched; to get all of them, move these away and repeat\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path", ["{inside}/ir/../../../../../escaped.png", "/escaped.png", "{inside}\\..\\escaped.png", "C:/escaped.png"]
)
def test_no_file_is_written_outside_the_target(path, published, tmp_path):
    files = archive_of("tno")
    card = published("tno", zipped(files | {path.format(inside=DATASETS["tno"].archive.inside): b"!"}))
    before = names(tmp_path)
    with pytest.raises(UsageError, match="leads out of the folder"):
        download(card, tmp_path / "data", progress=False)
    assert [name for name in names(tmp_path) if name not in before] == ["data/tno.zip"]


def test_links_are_not_unpacked(published, tmp_path):
    buffer = io.BytesIO(zipped(archive_of("tno")))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo(f"{DATASETS['tno'].archive.inside}/ir/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    card = published("tno", buffer.getvalue())
    with pytest.raises(UsageError, match="is a link"):
        download(card, tmp_path / "data", progress=False)
    assert names(tmp_path / "data") == ["tno.zip"]


def refused(card, root: Path, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        download(card, root, progress=False)
    assert "\n" not in str(caught.value)
    assert not (root / card.archive.folder).exists()


def test_every_archive_is_of_a_commit_or_has_a_hash_and_says_how_many_pairs_it_holds():
    for name in DOWNLOADED:
        archive = DATASETS[name].archive
        assert archive.pairs > 0
        assert archive.md5 or re.search(r"/[0-9a-f]{40}\.zip$", archive.url) or name == "msrs"  # no commit is published


@pytest.mark.parametrize("pairs", [2, 43])
def test_another_number_of_pairs_than_was_published_is_refused(published, tmp_path, pairs):
    card = published("tno", zipped(archive_of("tno")), pairs=pairs)
    refused(card, tmp_path, f"1 pair, where {pairs} were published; unpack it by hand")


def test_half_a_pair_is_refused(published, tmp_path):
    files = archive_of("tno")
    inside = DATASETS["tno"].archive.inside
    card = published("tno", zipped(files | {f"{inside}/ir/9.png": PNG}), pairs=2)
    refused(card, tmp_path, r"9\.png has no visible partner")


def test_an_archive_that_was_put_there_is_checked_as_well(published, tmp_path):
    content = zipped(archive_of("m3fd_fusion"))
    (tmp_path / "m3fd_fusion.zip").write_bytes(content)
    card = published("m3fd_fusion", content, md5="0123")
    refused(card, tmp_path, "m3fd_fusion.zip has md5 .*, expected 0123; remove it and repeat the command")
    download(published("m3fd_fusion", content, md5=hashlib.md5(content).hexdigest()), tmp_path, progress=False)


def test_a_bomb_is_refused_by_what_it_declares(published, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in archive_of("tno").items():
            archive.writestr(path, content)
        archive.writestr(f"{DATASETS['tno'].archive.inside}/ir/1.png", bytes(20_000_000))
    refused(published("tno", buffer.getvalue()), tmp_path, "it would grow to 19 MiB, as images do not")


def test_a_member_that_is_longer_than_it_declares_is_damaged(published, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in archive_of("tno").items():
            archive.writestr(path, content)
        archive.writestr(f"{DATASETS['tno'].archive.inside}/ir/1.png", bytes(20_000_000))
        archive.infolist()[-1].file_size = 7  # in the directory at the end, which is what is read
    refused(published("tno", buffer.getvalue()), tmp_path, "is damaged .* and was removed")
    assert names(tmp_path) == ["served/tno.zip"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flag_bits": 1}, "is damaged .*password"),
        ({"compress_type": 97}, "is damaged .*compression"),
        ({"external_attr": 0o010644 << 16}, "is a link, pipe or device"),
        ({"external_attr": 0o020644 << 16}, "is a link, pipe or device"),
    ],
)
def test_members_of_other_kinds_are_refused(published, tmp_path, change, message):
    buffer = io.BytesIO(zipped(archive_of("tno")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(f"{DATASETS['tno'].archive.inside}/ir/1.png", PNG)
        for field, value in change.items():
            setattr(archive.infolist()[-1], field, value)
    refused(published("tno", buffer.getvalue()), tmp_path / "data", message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(published, tmp_path):
    buffer = io.BytesIO(zipped(archive_of("tno")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(f"{DATASETS['tno'].archive.inside}/ir/00004N.png", b"another")
    refused(published("tno", buffer.getvalue()), tmp_path, "two of its members have one name")


def test_a_damaged_archive_is_removed_and_the_next_try_succeeds(published, tmp_path):
    good = zipped(archive_of("tno"))
    at = good.index(PNG) + len(PNG) // 2
    spoilt = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    for content in (spoilt, good[: len(good) // 2], b"<html>"):
        with pytest.raises(UsageError, match=r"is damaged .* try again"):
            download(published("tno", content), tmp_path / "data", progress=False)
        assert names(tmp_path / "data") == []
    download(published("tno", good), tmp_path / "data", progress=False)
    assert names(tmp_path / "data") == ["TNO/ir/00004N.png", "TNO/vi/00004N.png"]


def test_another_checksum_is_refused_and_nothing_kept(published, tmp_path):
    content = zipped(archive_of("m3fd_fusion"))
    with pytest.raises(UsageError, match="expected 0123; nothing was kept"):
        download(published("m3fd_fusion", content, md5="0123"), tmp_path / "data", progress=False)
    assert names(tmp_path / "data") == []
    download(published("m3fd_fusion", content, md5=hashlib.md5(content).hexdigest()), tmp_path / "data", progress=False)


def test_another_layout_is_told_and_the_archive_kept(published, tmp_path):
    card = published("tno", zipped({"other/ir/1.png": PNG}))
    with pytest.raises(UsageError, match=r"has no .*/TNO/ir: .* not laid out as expected; unpack the file by hand"):
        download(card, tmp_path, progress=False)
    assert (tmp_path / "tno.zip").is_file()


def test_a_file_that_the_server_does_not_have_is_told_with_status_and_the_other_way(published, tmp_path, capsys):
    card = published("tno", b"")
    missing = replace(card.archive, url=card.archive.url + ".gone")
    DATASETS._cards["tno"] = replace(card, archive=missing)
    assert main(["datasets", "download", "tno", "--data-root", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert f"{missing.url} answers 404" in error
    assert "unpack it below the data root as TNO/{ir,vi}/*.png" in error


def test_a_folder_in_the_way_is_not_touched(published, tmp_path):
    (tmp_path / "TNO").mkdir()
    with pytest.raises(UsageError, match="move it away first"):
        download(published("tno", b""), tmp_path, progress=False)


@pytest.mark.parametrize("name", ["m3fd", "llvip"])
def test_what_only_a_person_can_fetch_is_explained(name, tmp_path, capsys):
    assert main(["datasets", "download", name, "--data-root", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    for part in ("https://drive.google.com/", DATASETS[name].layout, str(tmp_path), f"datasets verify {name}"):
        assert part in said
    assert f"licence: {DATASETS[name].licence}" in said
    assert ("terms must be accepted" in said) == (name == "llvip")


def test_nothing_is_downloaded_for_scenes_that_are_rendered(capsys):
    assert main(["datasets", "download", "synthetic"]) == 0
    assert "nothing to download" in capsys.readouterr().out
