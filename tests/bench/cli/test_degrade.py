"""``degrade`` writes what the methods of a run see, once, and says how it was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.cli import main
from degradation import degrade
from degradation.factor import FACTORS
from fusion.external.folder import stored_result

SUITE = """
name: small
dataset: folder
methods: [ir]
factors: [noise_gray, stripe_noise]
severities: [0, 2, 5]
metrics: [en]
"""


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def write(suite_file: Path, small_pairs: Path):
    def run(out: Path, *options: str) -> int:
        command = ["degrade", "--suite", suite_file, "--data-root", small_pairs, "--out", out, "--workers", "1"]
        return main([str(part) for part in (*command, *options)])

    return run


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., ::-1]


def entries(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def tree(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_images_are_what_the_methods_of_a_run_see(write, small_pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write(out) == 0
    found = entries(out)
    assert len(found) == 3 * (1 + 2 + 2)  # clean once, two factors at two severities
    for entry in found:
        clean = [np.ascontiguousarray(read(small_pairs / kind / f"{entry['image']}.png")) for kind in ("ir", "vis")]
        expected = [*clean, {}]
        if entry["severity"]:
            condition = FACTORS[entry["factor"]], entry["severity"], entry["modality"]
            key = {name: entry[name] for name in ("seed", "dataset", "image")}
            expected = list(degrade(*clean, *condition, **key))
        np.testing.assert_array_equal(read(out / entry["ir"]), expected[0])
        np.testing.assert_array_equal(read(out / entry["vis"]), expected[1])
        assert entry["drawn"] == expected[2]
    assert (out / "noise_gray/5/both/vis/0.png").is_file()
    assert (out / "stripe_noise/2/ir/ir/2.png").is_file()
    assert (out / "clean/0/both/ir/1.png").is_file()


def test_a_mixed_condition_lies_in_a_folder_of_a_safe_name(write, small_pairs: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "out", "vis:rain+ir:stripe_noise"
    assert write(out, "--factors", "ir:stripe_noise+vis:rain,rain", "--severities", "2", "--limit", "1") == 0
    rain, mixed = entries(out)  # sorted
    assert (mixed["factor"], mixed["modality"]) == (name, "both")
    assert mixed["ir"] == "vis-rain--ir-stripe_noise/2/both/ir/0.png"
    assert (out / mixed["vis"]).read_bytes() == (out / rain["vis"]).read_bytes()
    assert mixed["drawn"]["vis"] == {"rain": rain["drawn"]["vis"]}
    key = {"factor": name, "severity": 2, "modality": "both", "image": "0"}
    assert stored_result(f"{out}/{{factor}}/{{severity}}/{{modality}}/ir", key) == out / mixed["ir"]


def test_repeating_the_command_completes_the_folder(write, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert write(whole) == 0
    assert write(part, "--limit", "1", "--factors", "noise_gray") == 0
    kept = part / "noise_gray/2/both/ir/0.png"
    before = kept.stat().st_mtime_ns
    (part / "noise_gray/5/both/vis/0.png").unlink()
    with open(part / "manifest.jsonl", "a") as manifest:
        manifest.write('{"dataset": "folder", "ima')  # what a crash leaves behind
    assert write(part) == 0
    assert kept.stat().st_mtime_ns == before
    assert tree(part) == tree(whole)


def test_same_files_for_two_workers(write, tmp_path: Path) -> None:
    assert write(tmp_path / "one") == 0
    assert write(tmp_path / "two", "--workers", "2") == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_folder_of_another_seed_is_not_mixed_in(write, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert write(tmp_path / "out", "--limit", "1") == 0
    assert write(tmp_path / "out", "--limit", "1", "--seed", "5") == 2
    assert "choose another --out or delete the folder" in capsys.readouterr().err


def test_a_bad_pair_is_named_and_the_others_are_written(write, small_pairs: Path, tmp_path: Path, caplog) -> None:
    root = tmp_path / "data"
    for kind in ("ir", "vis"):
        (root / kind).mkdir(parents=True)
        for index in (0, 1):
            (root / kind / f"{index}.png").write_bytes((small_pairs / kind / f"{index}.png").read_bytes())
    (root / "vis/1.png").write_bytes(b"not an image")
    assert write(tmp_path / "out", "--data-root", str(root)) == 1
    assert "1" in caplog.text
    assert "cannot be read" in caplog.text
    assert {entry["image"] for entry in entries(tmp_path / "out")} == {"0"}


def test_a_foreign_output_is_not_touched(write, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"name": "something else"}\n')
    assert write(tmp_path) == 2
    assert "is not a manifest of `degrade`" in capsys.readouterr().err
    assert write(tmp_path / "manifest.jsonl") == 2
    assert "is a file; give a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--severities", "6"], "severities"),
        (["--factors", "noise_grey"], "did you mean 'noise_gray'"),
        (["--factors", "vis:rain+ir:rain"], "rain cannot hit 'ir'; write vis:rain"),
        (["--factors", "vis:rain+ir:strip_noise"], "did you mean 'stripe_noise'"),
        (["--factors", "vis:rain+vis:rain"], "names vis:rain twice"),
        (["--workers", "0"], "argument --workers: expected a whole number of at least 1"),
        (["--data-root", "/nowhere"], "nowhere"),
    ],
)
def test_bad_input_gets_one_line(write, tmp_path: Path, capsys, options: list[str], message: str) -> None:
    assert write(tmp_path / "out", *options) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
