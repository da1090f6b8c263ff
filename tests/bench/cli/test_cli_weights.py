"""``run_bench.py weights`` at the command line."""

from __future__ import annotations

from urllib.error import HTTPError, URLError

import pytest

from bench.cli import main
from bench.cli.weights import _files
from tsdm_bench.weights import download


@pytest.fixture(autouse=True)
def empty_places(monkeypatch, tmp_path):
    monkeypatch.setenv("TSDM_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TSDM_BENCH_WEIGHTS", raising=False)


@pytest.fixture
def offline(monkeypatch):
    def refuse(*arguments, **options):
        raise URLError("Name or service not known")

    monkeypatch.setattr(download, "urlopen", refuse)


def test_list_shows_each_file_and_where_it_is(capsys, weights_dir):
    assert main(["weights", "list"]) == 0
    assert "not here" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("YDTR.pth"))
    assert main(["weights", "list", "ydtr", "--weights-dir", str(weights_dir)]) == 0
    assert "not here" not in capsys.readouterr().out


def test_verify_by_method_name(capsys, weights_dir):
    assert main(["weights", "verify", "u2fusion", "--weights-dir", str(weights_dir)]) == 0
    assert capsys.readouterr().out.count(": good") == 2


def test_verify_names_a_damaged_file(capsys, tmp_path):
    (tmp_path / "YDTR.pth").write_bytes(b"damaged")
    assert main(["weights", "verify", "--weights-dir", str(tmp_path)]) == 1
    assert "YDTR.pth is not the file of its card" in capsys.readouterr().out


def test_verify_reports_a_named_file_that_is_not_here(capsys):
    assert main(["weights", "verify", "YDTR.pth"]) == 1
    assert "run_bench.py weights fetch YDTR.pth" in capsys.readouterr().out


def test_fetch_offline_ends_with_the_remedy(capsys, offline):
    assert main(["weights", "fetch", "ydtr"]) == 1
    assert (
        "Name or service not known); try again when online, or put the file in --weights-dir" in capsys.readouterr().out
    )


def test_fetch_offline_tries_one_file_only(capsys, offline):
    assert main(["weights", "fetch"]) == 1
    assert capsys.readouterr().out.count("problem: cannot download") == 1


def test_fetch_goes_on_after_a_file_that_a_server_refuses(capsys, monkeypatch):
    def answer(request, **options):
        raise HTTPError(request.full_url, 404, "Not Found", {}, None)

    monkeypatch.setattr(download, "urlopen", answer)
    assert main(["weights", "fetch", "ydtr", "sage"]) == 1
    out = capsys.readouterr().out
    assert out.count("answers 404 Not Found") == 2 * 2  # two files, two addresses each
    assert "put the file in --weights-dir under that name" in out


def test_fetch_has_nothing_to_do_where_the_files_are(capsys, weights_dir, offline):
    assert main(["weights", "fetch", "seafusion", "--weights-dir", str(weights_dir)]) == 0
    assert capsys.readouterr().out.strip() == str(weights_dir / "SeAFusion_apple.pth")


def test_unknown_name_is_a_usage_error(capsys):
    assert main(["weights", "fetch", "nothing-like-it"]) == 2
    assert "unknown weight file" in capsys.readouterr().err


def test_detectors_have_their_files_listed_and_verified(capsys, weights_dir):
    assert main(["weights", "list", "yolov5p_synthetic.onnx"]) == 0
    assert "detectors/weights" in capsys.readouterr().out.replace("\n", "")
    assert main(["weights", "verify", "yolov5n_coco.onnx", "yolox_nano.onnx", "--weights-dir", str(weights_dir)]) == 0
    assert capsys.readouterr().out.count(": good") == 3  # one has a file of initial weights beside it


def test_an_official_detector_has_no_file_to_fetch(capsys):
    assert main(["weights", "fetch", "yolo11n.pt"]) == 2
    assert "ultralytics downloads it on first use" in capsys.readouterr().err


def test_the_files_of_the_oracle_are_those_of_the_restorers_that_it_chooses_from():
    assert {"SCI_easy.pt", "PReNet_Rain100L.pth", "SNRWDNN.pth"} <= {file.name for file in _files(["oracle"])}
