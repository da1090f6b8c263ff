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
