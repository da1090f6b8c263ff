"""What a person sees at the command line: messages, exit status, files."""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import bench.cli
from bench.cli import COMMANDS, main

SMALL = """
name: small
dataset: folder
methods: [ir, vis, average]
factors: [jpeg]
severities: [0, 2]
metrics: [en, psnr]
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TSDM_BENCH_DATA", "TSDM_BENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def suite_file(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def one_line(capsys: pytest.CaptureFixture) -> str:
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert error.startswith("run_bench.py: ")
    return error


def test_a_run_writes_its_folder_and_says_where(
    suite_file: str, small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = (
        "--suite",
        suite_file,
        "--data-root",
        small_pairs,
        "--out",
        tmp_path,
        "--workers",
        1,
        "--device",
        "cpu",
    )
    assert run(*arguments) == 0
    latest = (tmp_path / "small/latest").resolve()
    assert str(latest) in capsys.readouterr().out
    info = json.loads((latest / "run.json").read_text())
    assert info["suite"]["methods"] == ["ir", "vis", "average"]
    assert info["metrics"].keys() == {"en", "psnr"}
    before = sorted((latest / "rows").iterdir())
    assert run(*arguments) == 0
    assert sorted((latest / "rows").iterdir()) == before  # nothing was computed again


def test_a_failed_cell_ends_with_status_1_and_is_listed(
    suite_file: str, small_pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("ir", "vis"):
        (tmp_path / kind).mkdir()
        for path in (small_pairs / kind).iterdir():
            (tmp_path / kind / path.name).write_bytes(path.read_bytes())
    cv2.imwrite(str(tmp_path / "vis/1.png"), np.zeros((20, 20, 3), np.uint8))
    with caplog.at_level(logging.ERROR):
        status = run("--suite", suite_file, "--data-root", tmp_path, "--out", tmp_path / "out", "--workers", 1)
    assert status == 1
    assert "1.png is 128×96 but" in caplog.text


def test_no_data_ends_with_one_line_that_helps(capsys: pytest.CaptureFixture) -> None:
    assert run("--suite", "m3fd") == 2
    message = one_line(capsys)
    assert "M3FD_Detection/{Ir,Vis}" in message
    assert "drive.google.com" in message
    assert "python run_bench.py" in message


def test_an_empty_data_root_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("--suite", "m3fd", "--data-root", tmp_path) == 2
    message = one_line(capsys)
    assert str(tmp_path) in message
    assert "python run_bench.py" in message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--suite", "m3df"), "unknown suite 'm3df'"),
        (("--methods", "gfff"), "unknown method 'gfff'; did you mean 'gff'"),
        (("--factors", "jpg"), "unknown factor 'jpg'; did you mean 'jpeg'"),
        (("--metrics", "psnrr"), "unknown metric 'psnrr'; did you mean 'psnr'"),
        (("--severities", "0,9"), "less than or equal to 5"),
        (("--limit", "0"), "argument --limit: expected a whole number of at least 1"),
        (("--workers", "0"), "argument --workers: expected a whole number of at least 1"),
        (("--device", "cuda:7"), "no CUDA device"),
        (("--methods", "tsdm_student_official"), "--weights-dir"),
        (("report", "nowhere"), "is not a run folder"),
        (("compare", "one"), "at least two run folders"),
        (("list", "methods", "--calibrate"), "--calibrate goes with `list factors`"),
        (("fuse", "--method", "ir", "--ir", "no", "--vis", "no", "--out", "o"), "no images in no"),
        (("datasets", "verify", "tno"), "--data-root"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_line(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(*arguments) == 2
    assert told in one_line(capsys)


@pytest.mark.parametrize("kind", ["suites", "datasets", "methods", "factors", "metrics", "detectors"])
def test_lists_show_every_card(kind: str, capsys: pytest.CaptureFixture) -> None:
    assert run("list", kind, "--json") == 0
    cards = json.loads(capsys.readouterr().out)
    assert run("list", kind) == 0
    shown = capsys.readouterr().out
    assert len(cards) > 1 or kind == "detectors"
    # names are wrapped in narrow columns: compare without white space
    assert all(card["name"][:8] in shown for card in cards)


def test_fuse_writes_png_of_the_same_names_and_goes_on_where_it_stopped(
    small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = (
        "fuse",
        "--method",
        "average",
        "--ir",
        small_pairs / "ir",
        "--vis",
        small_pairs / "vis",
        "--out",
        tmp_path,
    )
    assert run(*arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "2.png"]
    kept = (tmp_path / "0.png").stat().st_mtime_ns
    (tmp_path / "1.png").unlink()
    assert run(*arguments) == 0
    assert (tmp_path / "0.png").stat().st_mtime_ns == kept
    assert (tmp_path / "1.png").exists()


def test_fuse_keeps_images_of_methods_apart(small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    ir, vis, out = Path(shutil.copytree(small_pairs / "ir", tmp_path / "ir")), small_pairs / "vis", tmp_path / "out"
    arguments = ("--ir", ir, "--vis", vis, "--out", out)
    assert run("fuse", "--method", "average", *arguments) == 0
    capsys.readouterr()
    average = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run("fuse", "--method", "maximum", *arguments) == 2
    assert "holds images of the method average; give another --out for maximum, or --overwrite" in one_line(capsys)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == average
    shutil.copyfile(ir / "0.png", ir / "1.png")  # another image under the same name
    capsys.readouterr()
    assert run("fuse", "--method", "average", *arguments) == 0
    assert "(1 written, 2 kept)" in capsys.readouterr().out
    assert (out / "1.png").read_bytes() != average["1.png"]
    assert run("fuse", "--method", "maximum", *arguments, "--overwrite") == 0
    fresh = tmp_path / "fresh"
    assert run("fuse", "--method", "maximum", "--ir", ir, "--vis", vis, "--out", fresh) == 0
    assert all((fresh / name).read_bytes() == (out / name).read_bytes() for name in average)


def test_fuse_touches_no_image_of_unknown_origin(
    small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = Path(shutil.copytree(small_pairs / "vis", tmp_path / "out"))
    before = (out / "0.png").read_bytes()
    places = ("--ir", small_pairs / "ir", "--vis", small_pairs / "vis", "--out", out)
    assert run("fuse", "--method", "average", *places) == 2
    assert "holds images that this command did not write (0.png, 3 in all)" in one_line(capsys)
    assert (out / "0.png").read_bytes() == before


def test_verify_counts_good_pairs_and_names_the_others(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for kind in ("ir", "vis"):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "a.png"), np.zeros((8, 8), np.uint8))
    cv2.imwrite(str(tmp_path / "ir/b.png"), np.zeros((8, 8), np.uint8))
    assert run("datasets", "verify", "folder", "--data-root", tmp_path) == 2
    out = capsys.readouterr().out
    assert "1 good pairs of 2" in out
    assert "b.png has no visible partner" in out


def test_compare_puts_runs_side_by_side_and_refuses_other_definitions(
    suite_file: str, small_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    common = ("--suite", suite_file, "--data-root", small_pairs, "--workers", 1, "--no-report")
    folders = []
    for name, extra in (("a", ()), ("b", ()), ("c", ("--metrics", "en,psnr_vifb")), ("d", ("--seed", 1))):
        assert run(*common, "--out", tmp_path / name, *extra) == 0
        folders.append((tmp_path / name / "small/latest").resolve())
    capsys.readouterr()
    assert run("compare", *folders[:2], "--csv", tmp_path / "merged.csv") == 0
    assert "### psnr-clean" in capsys.readouterr().out
    merged = pd.read_csv(tmp_path / "merged.csv")
    assert merged["run"].nunique() == 2
    assert run("compare", folders[0], folders[2]) == 2
    message = one_line(capsys)
    assert f"psnr only in {folders[0].name}" in message
    assert f"psnr_vifb only in {folders[2].name}" in message
    assert run("compare", folders[0], folders[2], "--shared") == 0
    shared = capsys.readouterr().out
    assert "### en" in shared
    assert "not in every run, left out: psnr" in shared
    assert run("compare", folders[0], folders[3]) == 2
    assert f"differ in seed (0 in {folders[0].name}; 1 in {folders[3].name})" in one_line(capsys)


def test_help_teaches(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        run("--help")
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "exit status" in out
    assert {*COMMANDS, "options"} == {module.name for module in pkgutil.iter_modules(bench.cli.__path__)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        run(command, "--help")
    assert end.value.code == 0
    assert importlib.import_module(f"bench.cli.{command}").__doc__.splitlines()[0] in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--suite", "nonsense"], ["--help"], ["--workers", "0"]])
def test_a_mistake_is_told_before_anything_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys, bench.cli\n"
        f"try: bench.cli.main({arguments})\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'pandas', 'cv2', 'matplotlib') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
