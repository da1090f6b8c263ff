"""Downloading from a server on this machine that resumes, does not resume, breaks off, or has the wrong file."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tsdm_bench.weights import download
from tsdm_bench.weights.card import WeightFile
from tsdm_bench.weights.download import fetch, receive
from tsdm_bench.weights.location import cache_dir, locate

NAME = "network.pth"
CONTENT = np.random.default_rng(0).bytes(700_000)
SLOW = ("/endless", "/trickle", "/slow_head")
REFUSALS = {"/absent": 404, "/forbidden": 403, "/busy": 503}


class Server(ThreadingHTTPServer):
    """Serves ``content`` under every path but those of ``REFUSALS``; remembers the ``Range`` header of each request.

    Under /endless it does not end, under /trickle it comes byte by byte, as its head does under /slow_head.
    """

    content, resumes, breaks_off_after, shift = CONTENT, True, None, 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.stopped, self.sent = threading.Event(), 0

    def handle_error(self, *arguments) -> None:
        """The other side may go while something is sent: nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        header = self.headers.get("Range")
        server.ranges.append(header)
        start = int(header.removeprefix("bytes=").rstrip("-")) if header and server.resumes else 0
        if self.path in REFUSALS:
            self.send_error(REFUSALS[self.path])
        elif start >= len(server.content):
            self.send_error(416)
        else:
            body = server.content[start:]
            self.send_response(206 if header and server.resumes else 200)
            if header and server.resumes:
                self.send_header("Content-Range", f"bytes {start + server.shift}-{len(server.content) - 1}/*")
            if self.path in SLOW:
                return self.send_slowly()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: server.breaks_off_after])

    def send_slowly(self) -> None:
        if self.path != "/slow_head":
            self.end_headers()
        with contextlib.suppress(OSError):  # the other side has gone
            while not self.server.stopped.is_set():
                self.wfile.write(self.server.content if self.path == "/endless" else b"x")
                self.server.sent += 1
                self.wfile.flush()
                self.server.stopped.wait(0 if self.path == "/endless" else 0.02)

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.stopped.set()
        server.shutdown()


@pytest.fixture
def file_at(monkeypatch, tmp_path):
    """Makes a card for ``CONTENT`` at some addresses, with an empty cache."""
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path / "cache"))

    def file_at(*urls: str) -> WeightFile:
        return WeightFile(
            name=NAME,
            bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            licence="MIT",
            source="here",
            urls=urls,
        )

    return file_at


def address(server: Server, path: str = "/file") -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def leftovers() -> list[str]:
    return sorted(path.name for path in cache_dir().iterdir())


def test_the_file_arrives_in_the_cache_and_is_not_fetched_again(server, file_at):
    file = file_at(address(server))
    path = fetch(file, progress=False)
    assert path.read_bytes() == CONTENT
    assert path == locate(file) == fetch(file, progress=False)
    assert leftovers() == [NAME]
    assert len(server.ranges) == 1


def test_a_file_in_the_weights_directory_is_not_downloaded(server, file_at, tmp_path):
    file = file_at(address(server))
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(file, tmp_path, progress=False) == tmp_path / NAME
    assert server.ranges == []


@pytest.mark.parametrize("resumes", [True, False])
def test_an_interrupted_download_goes_on(server, file_at, resumes):
    file = file_at(address(server))
    server.resumes, server.breaks_off_after = resumes, 300_000
    with pytest.raises(ConnectionError, match=r"300000 of 700000 bytes.*try again when online"):
        fetch(file, progress=False)
    server.breaks_off_after = None
    assert fetch(file, progress=False).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-"]
    assert leftovers() == [NAME]


def test_a_wrong_file_is_refused_and_nothing_kept(server, file_at):
    file = file_at(address(server))
    server.content = CONTENT[:-1] + b"\0"
    with pytest.raises(ValueError, match="sha256"):
        fetch(file, progress=False)
    assert leftovers() == []


def test_a_file_of_another_length_is_refused(server, file_at):
    file = file_at(address(server))
    server.content = CONTENT + b"more"
    with pytest.raises(ValueError, match="has 700,004 bytes, expected 700,000; nothing was kept"):
        fetch(file, progress=False)
    server.content = CONTENT[:-4]
    with pytest.raises(ConnectionError, match="699996 of 700000"):
        fetch(file, progress=False)
    with pytest.raises(ConnectionError, match="nothing beyond the part"):  # it was asked for the rest
        fetch(file, progress=False)
    assert leftovers() == []


def test_the_next_address_is_tried(server, file_at):
    file = file_at(address(server, "/absent"), address(server))
    assert fetch(file, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "status"), [("/absent", "404 Not Found"), ("/forbidden", "403 Forbidden"), ("/busy", "503")]
)
def test_a_server_that_refuses_is_named_with_its_status_in_one_line(server, file_at, path, status):
    """That is no reason to believe that the machine is offline: no ``ConnectionError``."""
    file = file_at(address(server, path))
    with pytest.raises(FileNotFoundError, match=f"{address(server, path)} answers {status}.*--weights-dir") as caught:
        fetch(file, progress=False)
    assert "\n" not in str(caught.value)


def test_one_server_that_answers_shows_that_the_machine_is_online(server, file_at):
    with Server() as closed:
        unused = address(closed)
    file = file_at(unused, address(server, "/absent"))
    with pytest.raises(FileNotFoundError, match=rf"404 Not Found; {unused}: .*refused"):
        fetch(file, progress=False)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_file_of_unknown_length_goes_on_as_well(server, tmp_path, resumes):
    part = tmp_path / "archive.part"
    server.resumes, server.breaks_off_after = resumes, 300_000
    with pytest.raises(ConnectionError, match=r"300000 of 700000 bytes\); try again when online, or ask"):
        receive("archive", [address(server)], part, "ask", progress=False)
    server.breaks_off_after = None
    assert receive("archive", [address(server)], part, "ask", progress=False) == address(server)
    assert part.read_bytes() == CONTENT


def test_offline_says_what_to_do_in_one_line(server, file_at):
    unused = address(server)
    server.shutdown()
    server.server_close()
    file = file_at(unused)
    with pytest.raises(ConnectionError, match="try again when online, or put the file in --weights-dir") as caught:
        fetch(file, progress=False)
    assert "\n" not in str(caught.value)


def test_a_file_without_address_is_put_in_place_by_hand(file_at):
    file = file_at()
    with pytest.raises(FileNotFoundError, match=r"put it in --weights-dir under that name \(from here\)"):
        fetch(file, progress=False)


def test_wrong_bytes_of_one_address_are_no_end_of_the_next(server, file_at):
    with Server() as wrong:
        threading.Thread(target=wrong.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        wrong.content = CONTENT[:-1] + b"\0"
        file = file_at(address(wrong), address(server))
        assert fetch(file, progress=False).read_bytes() == CONTENT
        wrong.shutdown()
    assert server.ranges == [None]
    assert leftovers() == [NAME]


def test_a_wrong_beginning_is_thrown_away_and_the_right_address_asked_again(server, file_at):
    with Server() as wrong:
        threading.Thread(target=wrong.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        wrong.content, wrong.breaks_off_after = bytes(len(CONTENT)), 300_000
        file = file_at(address(wrong), address(server))
        assert fetch(file, progress=False).read_bytes() == CONTENT
        wrong.shutdown()
    assert server.ranges == ["bytes=300000-", None]


def test_nothing_is_read_beyond_the_size_of_the_card(server, file_at):
    file = file_at(address(server, "/endless"))
    with pytest.raises(ValueError, match="goes on after 700,000 bytes, where it should end; nothing was kept"):
        fetch(file, progress=False)
    assert leftovers() == []


def test_a_file_of_unknown_length_has_a_limit(server, tmp_path):
    for path, message in (("/endless", "goes on after 9,000 bytes"), ("/file", "has 700,000 bytes, expected at most")):
        with pytest.raises(ValueError, match=message):
            receive("archive", [address(server, path)], tmp_path / "part", "ask", largest=9_000, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [("/trickle", "which is as good as nothing"), ("/slow_head", r"no answer within 0\.4 s")],
)
def test_a_server_that_all_but_stands_still_is_left(server, file_at, monkeypatch, path, message):
    monkeypatch.setattr(download, "WINDOW_SECONDS", 0.3)
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    file = file_at(address(server, path))
    started = time.monotonic()
    with pytest.raises(ConnectionError, match=message):
        fetch(file, progress=False)
    assert time.monotonic() - started < 5


def test_another_part_than_was_asked_for_is_not_appended(server, file_at):
    file = file_at(address(server))
    server.breaks_off_after = 300_000
    with pytest.raises(ConnectionError):
        fetch(file, progress=False)
    server.breaks_off_after, server.shift = None, 5
    with pytest.raises(ConnectionError, match="another part than it was asked for"):
        fetch(file, progress=False)


def test_a_place_that_cannot_be_written_is_no_failing_connection(server, tmp_path):
    (tmp_path / "part").mkdir()
    with pytest.raises(IsADirectoryError):
        receive("archive", [address(server)], tmp_path / "part", "ask", progress=False)
