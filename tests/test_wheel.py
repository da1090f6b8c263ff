"""The wheel holds what it needs and nothing else, and works where nothing but it and its dependencies is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "degradation", "detectors", "fusion", "tsdm_bench")
NOT_SHIPPED = {".pyc"}


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves files beside the sources."""
    if shutil.which("pip", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("needs pip in this environment")
    place = tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, place / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "source")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", place, place / "source")
    return next(place.glob("*.whl"))


def test_the_wheel_holds_the_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tree = {
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and path.suffix not in NOT_SHIPPED
    }
    assert held == tree


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a fresh environment that holds the wheel, and reads its dependencies where they are here."""
    place = tmp_path_factory.mktemp("stranger") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    names = sysconfig.get_path_names()
    assert "purelib" in names
    fresh = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    pip("--python", place / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    # A path in a .pth file is searched after the environment's own, and the .pth files in it are not read: the tree
    # that is installed here for editing stays out.
    (fresh / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def called(commands: Path, place: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TSDM_", "PYTHON"))}
    command = [str(commands / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.name != "posix", reason="the folders of an environment are named otherwise")
def test_the_commands_run_from_the_wheel_alone(commands: Path, tmp_path: Path) -> None:
    where = called(commands, tmp_path, "python", "-c", "import bench; print(bench.__file__)")
    assert where.startswith(str(commands.parent))
    listed = called(commands, tmp_path, "tsdm-bench", "list", "methods")
    assert "tsdm_student" in listed
    assert "usage: python -m bench" in called(commands, tmp_path, "python", "-m", "bench", "--help")
    small = ("--methods", "vis,average", "--severities", "0", "--metrics", "en", "--limit", "1")
    said = called(commands, tmp_path, "tsdm-bench", *small, "--workers", "1", "--device", "cpu", "--panels", "0")
    assert "index.html" in said
    assert list(tmp_path.glob("results/demo/*/tables/detection.csv"))


@pytest.mark.skipif(os.name != "posix", reason="the folders of an environment are named otherwise")
def test_messages_name_the_command_that_was_called(commands: Path, tmp_path: Path) -> None:
    command = [str(commands / "tsdm-bench"), "--factors", "jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("tsdm-bench: unknown factor 'jpg'; did you mean 'jpeg'? `tsdm-bench list factors`")
