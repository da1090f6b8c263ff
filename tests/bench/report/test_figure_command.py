"""`figure`: what is drawn from a run folder, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from report_files import store_pictures

from bench.cli import main
from bench.run.store import RunFolder

Make = Callable[..., RunFolder]
FOUND = {"ir": 0.6, "vis": 0.8, "a": 1.0, "b": 0.8}


def figures(folder: RunFolder) -> set[str]:
    return {path.name for path in (folder.path / "figures").iterdir()}


def test_a_figure_has_the_size_in_print_that_is_asked_for(make_run: Make, capsys) -> None:
    folder = make_run(found=FOUND)
    store_pictures(folder)
    arguments = ["--condition", "noise_gray:5", "--boxes", "--width", "80", "--dpi", "100", "--methods", "vis,a,b"]
    assert main(["figure", str(folder.path), *arguments]) == 0
    assert figures(folder) == {"noise_gray-5-both_scene a.png", "noise_gray-5-both_scene a.pdf"}
    assert str(folder.path / "figures" / "noise_gray-5-both_scene a.pdf") in capsys.readouterr().out
    width = cv2.imread(str(folder.path / "figures" / "noise_gray-5-both_scene a.png")).shape[1]
    assert width == pytest.approx(80 / 25.4 * 100, abs=1)


def test_several_pairs_and_conditions_have_a_row_each(make_run: Make, tmp_path: Path) -> None:
    folder = make_run(found=FOUND)
    store_pictures(folder, ("scene a", "scene c"))
    asked = ["--images", "scene a,scene c", "--condition", "clean,noise_gray:5", "--zoom", "scene a:5,5,30,20,ul"]
    assert main(["figure", str(folder.path), *asked, "--out", str(tmp_path), "--dpi", "80"]) == 0
    name = "clean_noise_gray-5-both_scene a_scene c"
    image = cv2.imread(str(tmp_path / f"{name}.png"))
    assert image.shape[0] > 2 * image.shape[1] / 4 * 0.75  # four rows of four tiles of 4:3
    assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--images", "scene z"], "of image 'scene z' nothing is stored; stored are scene a"),
        (
            ["--condition", "noise_gray:1"],
            "condition noise_gray:1:both of image scene a is not stored; stored are clean",
        ),
        (["--condition", "rain:3"], "--condition rain:3: the run has none such; its conditions are clean:0:both"),
        (["--methods", "gff"], "the run has no method 'gff'; it has: ir, vis, a, b"),
        (["--zoom", "100,80,60,40"], "--zoom 100,80,60,40 leaves image scene a of 120×90 pixels"),
        (["--zoom", "1,2,3"], "--zoom 1,2,3: expected X,Y,W,H in pixels"),
        (["--zoom", "auto:9"], "--zoom auto:9: expected auto:1 to auto:3"),
        ([*["--zoom", "1,2,30,40"] * 4], "--zoom: 4 regions of one image; expected at most 3"),
        (["--boxes"], "--boxes: no detector looked at scene a in this run"),
        (["--width", "3"], "--width 3: expected 20 to 1000 mm"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(make_run: Make, capsys, arguments: list[str], told: str) -> None:
    folder = make_run()
    store_pictures(folder)
    assert main(["figure", str(folder.path), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_run_without_images_says_how_to_get_them(make_run: Make, capsys) -> None:
    folder = make_run()
    assert main(["figure", str(folder.path)]) == 2
    told = capsys.readouterr().err
    assert "holds no images; repeat the command of the run with --panels 3 and without --no-report" in told


def test_of_several_modalities_one_is_to_be_named(make_run: Make, capsys) -> None:
    folder = make_run(modalities=("ir", "vis"))
    store_pictures(folder)
    assert main(["figure", str(folder.path), "--condition", "noise_gray:5"]) == 2
    assert "--condition noise_gray:5: ir or vis is to be named" in capsys.readouterr().err
