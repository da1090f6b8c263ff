"""Consoles that lack signs: cp1252 of Windows, ASCII of the C locale."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from bench.cli import main
from bench.console import PrintableFormatter, accept_any_sign

TEXT = "PSNR ↑ 640×480 … ≥ 3 融合 \udcff"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "PSNR ↑ 640×480 … ≥ 3 融合 \\udcff"),
        ("cp1252", "PSNR ^ 640×480 … >= 3 \\u878d\\u5408 \\udcff"),
        ("ascii", "PSNR ^ 640x480 ... >= 3 \\u878d\\u5408 \\udcff"),
    ],
)
def test_a_sign_that_the_console_lacks_is_replaced(monkeypatch, encoding, shown):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    accept_any_sign()
    for stream in streams:
        print(TEXT, file=stream, flush=True)
        assert stream.buffer.getvalue().decode(encoding) == shown + "\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("kind", ["metrics", "methods", "factors", "datasets", "suites"])
def test_every_table_can_be_shown(monkeypatch, encoding, kind):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    assert main(["list", kind]) == 0


def test_an_error_is_one_line_without_terminal_codes(capsys):
    assert main(["--suite", "a\n\x1b[2Jb"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["--suite", "a\n\x1b[2Jb"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_no_name_in_a_log_line_steers_the_terminal() -> None:
    record = logging.LogRecord("bench", logging.ERROR, "", 0, "failed: %s\nand more", ("a\x1b[2J\u202eb.png",), None)
    assert PrintableFormatter("%(message)s").format(record) == "failed: a\\x1b[2J\\u202eb.png\nand more"
