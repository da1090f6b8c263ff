"""The notebook of the docs runs from its first cell to its last, and shows tables and curves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = tmp_path_factory.mktemp("notebook")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(place / "ipython")}
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}})
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: dict, kind: str) -> list[str]:
    return [output["data"][kind] for output in cell["outputs"] if kind in output.get("data", {})]


def test_results_show_as_tables(cells: list) -> None:
    scored = next(cell for cell in cells if "bench.score(" in cell.source)
    assert "<table" in shown(scored, "text/html")[0]
    runs = [cell for cell in cells if "bench.run(" in cell.source]
    assert len(runs) == 2
    assert all("<details open>" in shown(cell, "text/html")[0] for cell in runs)
    assert "mine" in shown(runs[1], "text/html")[0]


def test_frames_and_a_curve_are_shown(cells: list) -> None:
    assert sum("dataframe" in html for cell in cells for html in shown(cell, "text/html")) == 3
    assert [len(shown(cell, "image/png")) for cell in cells if ".curve(" in cell.source] == [1]


def test_the_notebook_is_stored_without_results() -> None:
    import json

    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in stored["cells"])
