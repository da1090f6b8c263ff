"""The Dockerfile and the script that does the same without a daemon hold together."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SCRIPTS = sorted((ROOT / "container").glob("*.sh"))
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.sh"))
LINTERS = {
    "hadolint": ["--no-color", "Dockerfile"],
    "shellcheck": ["--external-sources", "--source-path=docs/recipes", *map(str, [*SCRIPTS, *RECIPES])],
}


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in kept, source


def test_it_does_not_run_as_root_and_keeps_results_on_a_volume() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 1000", last, re.MULTILINE)
    assert '"/results"' in re.search(r"^VOLUME (.+)$", last, re.MULTILINE)[1]
    assert last.index("\nUSER") < last.index("smoke.sh /tmp/smoke")  # the smoke test runs as the user, too


def test_any_user_may_run_it() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "useradd" not in last  # a base image may have a user of that number, as Ubuntu 24.04 has
    assert "chmod 1777 /results /cache" in last
    assert re.search(r"^ +HOME=/cache", last, re.MULTILINE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("index", "extras"), [("", ""), ("https://example.org/cpu", "page,drive")])
def test_torch_may_come_from_an_index_that_lacks_what_it_needs(index: str, extras: str, tmp_path: Path) -> None:
    asked, stand_in = tmp_path / "asked", tmp_path / "python3"
    stand_in.write_text(
        f'#!/bin/bash\n[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"\necho "$*" >> {asked}\n'
    )
    stand_in.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TORCH_INDEX": index, "EXTRAS": extras}
    command = ["bash", str(ROOT / "container" / "install.sh"), str(tmp_path / "prefix")]
    subprocess.run(command, env=environment, check=True)
    venv, *installs = asked.read_text().splitlines()
    assert venv == f"-m venv {tmp_path / 'prefix'}"
    assert all("--constraint constraints.txt" in line for line in installs)
    ends = [f"--extra-index-url {index} torch torchvision"] if index else []
    assert [line.rpartition("constraints.txt ")[2] for line in installs] == [*ends, f".[{extras}]" if extras else "."]


def test_both_ways_run_the_same_scripts() -> None:
    fresh_root = (ROOT / "container" / "fresh_root.sh").read_text(encoding="utf-8")
    for script in ("install.sh", "smoke.sh"):
        assert script in DOCKERFILE
        assert script in fresh_root


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_parsed(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_find_nothing(linter: str) -> None:
    program = shutil.which(linter, path=str(Path(sys.executable).parent)) or shutil.which(linter)
    if program is None:
        pytest.skip(f"needs {linter}, which the extra test brings on Linux")
    done = subprocess.run([program, *LINTERS[linter]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
