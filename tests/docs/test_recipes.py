"""The recipes of docs/recipes, with stand-ins of ours for the authors' scripts: same command line, same folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bench import degrade
from fusion.external import parse
from fusion.method import prepare

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.sh") if path.stem != "conditions")
FUSE = """
    import argparse, pathlib, cv2
    def fuse(ir, vis, out, grey=False, ending=".png"):
        assert list(pathlib.Path(ir).iterdir()), f"no images in {ir}"
        pathlib.Path(out).mkdir(parents=True, exist_ok=True)
        for path in pathlib.Path(ir).iterdir():
            infrared = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            visible = cv2.imread(str(pathlib.Path(vis) / path.name), cv2.IMREAD_UNCHANGED)
            assert infrared.ndim == 2
            grey_visible = cv2.cvtColor(visible, cv2.COLOR_BGR2GRAY) if visible.ndim == 3 else visible
            fused = grey_visible if grey else visible
            cv2.imwrite(f"{out}/{path.stem}{ending}", fused)
    def options(*names):
        parser = argparse.ArgumentParser()
        for name in names:
            parser.add_argument(name, required=True)
        return parser.parse_args()
    def needs(path):
        assert pathlib.Path(path).exists(), f"no {path}"
"""
STAND_INS = {
    "text_if": (
        "test_from_dataset.py",
        ["pretrained_weights/simple_fusion.pth"],
        """
        given = options("--weights_path", "--dataset_path", "--input_text", "--save_path")
        needs(given.weights_path)
        fuse(f"{given.dataset_path}/Infrared", f"{given.dataset_path}/Visible", given.save_path)
        """,
    ),
    "cddfuse": (
        "test_IVF.py",
        ["models/CDDFuse_IVF.pth", "test_img/TNO/ir/theirs.png", "test_img/TNO/vi/theirs.png"],
        """
        needs("models/CDDFuse_IVF.pth")
        for name in ("TNO", "RoadScene"):
            fuse(f"test_img/{name}/ir", f"test_img/{name}/vi", f"test_result/{name}", grey=True)
        """,
    ),
    "swinfusion": (
        "test_swinfusion.py",
        ["Model/Infrared_Visible_Fusion/Infrared_Visible_Fusion/models/10000_E.pth", "Dataset/testsets/other/1.png"],
        """
        given = options("--model_path", "--iter_number", "--dataset", "--A_dir", "--B_dir")
        needs(f"{given.model_path}/{given.iter_number}_E.pth")
        needs("Dataset/testsets/other/1.png")
        folder = f"Dataset/testsets/{given.dataset}"
        assert cv2.imread(str(next(pathlib.Path(f"{folder}/{given.B_dir}").iterdir())), -1).ndim == 2, "luma"
        fuse(f"{folder}/{given.A_dir}", f"{folder}/{given.B_dir}", f"results/SwinFusion_{given.dataset}", grey=True)
        """,
    ),
    "piafusion": (
        "test_fusion_model.py",
        ["pretrained/fusion_model_epoch_29.pth"],
        """
        given = options("--h5_path", "--save_path", "--fusion_pretrained")
        needs(given.fusion_pretrained)
        fuse(f"{given.h5_path}/Inf", f"{given.h5_path}/Vis", given.save_path, ending=".bmp")
        """,
    ),
    "emma": (
        "test.py",
        ["model/EMMA.pth", "test_img/readme.txt"],
        """
        needs("model/EMMA.pth")
        fuse("test_img/ir", "test_img/vi", "test_result", grey=True)
        """,
    ),
    "ddfm": (
        "sample.py",
        ["models/256x256_diffusion_uncond.pt", "output/recon/of_another_run.png"],
        """
        needs("models/256x256_diffusion_uncond.pt")
        fuse("input/ir", "input/vi", "output/recon", grey=True)
        fuse("input/ir", "input/vi", "output/progress", grey=True)
        """,
    ),
    "metafusion": ("test.py", ["readme.txt"], 'fuse("test_img/ir", "test_img/vis", "results")'),
    "segmif": ("test.py", ["readme.txt"], 'fuse("datasets/test/Infrared", "datasets/test/Visible", "results/fused")'),
    "controlfusion": ("test.py", ["readme.txt"], 'fuse("dataset/test/Infrared", "dataset/test/Visible", "results")'),
    "dspfusion": (
        "test.py",
        ["ckpt/net_g.pth", "options/test/DSPF_S2.yml"],
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("-opt", required=True)
        needs(parser.parse_args().opt)
        folder = "datasets/Hybrid_Datasets/test"
        for ir, vis in (("ir", "vi"), ("ir_SN", "vi"), ("ir", "vi_Rain")):
            fuse(f"{folder}/{ir}", f"{folder}/{vis}", f"Results/DSPF/{ir}_{vis}")
        """,
    ),
}

pytestmark = pytest.mark.skipif(
    os.name != "posix" or shutil.which("bash") is None, reason="the recipes are scripts of bash"
)


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny pairs, clean and under one condition, as `degrade` writes them."""
    place = tmp_path_factory.mktemp("pairs")
    generator = np.random.default_rng(0)
    for kind in ("ir", "vis"):
        (place / "data" / kind).mkdir(parents=True)
        for stem in ("001", "a pair"):
            cv2.imwrite(str(place / "data" / kind / f"{stem}.png"), generator.integers(0, 256, (24, 32, 3), np.uint8))
    for stem in ("001", "a pair"):
        cv2.imwrite(str(place / "data" / "ir" / f"{stem}.png"), generator.integers(0, 256, (24, 32), np.uint8))
    suite = place / "own.yaml"
    suite.write_text("{name: own, dataset: folder, methods: [vis], factors: [noise_gray], severities: [0, 3]}")
    degrade(suite, place / "degraded", data_root=place / "data", workers=1)
    return place / "degraded"


def checkout(name: str, place: Path) -> Path:
    script, files, text = STAND_INS[name]
    for file in files:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(b"")
    place.mkdir(exist_ok=True)
    (place / script).write_text(textwrap.dedent(FUSE) + textwrap.dedent(text))
    return place


def cook(name: str, *places: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(RECIPES / f"{name}.sh"), *map(str, places)],
        env=os.environ | {"PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def everything(folder: Path) -> list[tuple[str, bytes]]:
    return sorted((str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def test_every_recipe_has_a_stand_in() -> None:
    assert sorted(STAND_INS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_brings_results_that_are_read_back_as_a_method(name: str, degraded: Path, tmp_path: Path) -> None:
    code = checkout(name, tmp_path / "code")
    before = everything(code)
    done = cook(name, degraded, tmp_path / "results", code)
    assert done.returncode == 0, done.stderr
    assert everything(code) == before
    line = re.search(r"^# method: (\S+)$", (RECIPES / f"{name}.sh").read_text(encoding="utf-8"), re.MULTILINE)[1]
    fuse = prepare(parse(line.replace("RESULTS", str(tmp_path / "results"))))
    for factor, severity in (("clean", 0), ("noise_gray", 3)):
        key = {"image": "a pair", "factor": factor, "severity": severity, "modality": "both", "dataset": "folder"}
        folder = degraded / factor / str(severity) / "both"
        ir, vis = (cv2.imread(str(folder / kind / "a pair.png")) for kind in ("ir", "vis"))
        ir, vis = (torch.from_numpy(image[..., ::-1] / np.float32(255)).permute(2, 0, 1)[None] for image in (ir, vis))
        assert (fuse(ir[:, :1], vis, key) - vis).abs().max() < 0.01  # the stand-ins give the visible image back
    again = cook(name, degraded, tmp_path / "results", code)
    assert (again.returncode, again.stdout) == (0, "")  # nothing is fused twice


def test_a_result_that_is_missing_is_named(degraded: Path, tmp_path: Path) -> None:
    code = checkout("emma", tmp_path / "code")
    (code / "test.py").write_text("print('fused')")
    done = cook("emma", degraded, tmp_path / "results", code)
    assert done.returncode == 1
    assert "expected one result for 001 below test_result, found: none" in done.stderr


def test_other_folders_are_named_by_variables(degraded: Path, tmp_path: Path) -> None:
    code = checkout("metafusion", tmp_path / "code")
    (code / "test.py").rename(code / "run.py")
    names = {"SCRIPT": "run.py", "IR_FOLDER": "test_img/ir", "VIS_FOLDER": "test_img/vis", "MADE": "results"}
    assert cook("metafusion", degraded, tmp_path / "results", code, **names).returncode == 0


def test_without_its_three_folders_a_recipe_says_how_it_is_called(tmp_path: Path) -> None:
    done = cook("emma", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "usage: bash" in done.stderr
