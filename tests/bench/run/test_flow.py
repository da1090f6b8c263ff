"""Whole runs on three thumbnail pairs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
from stand_ins import StandIn

from bench.cell.rows import ROW_KEY
from bench.cell.sources import Bench
from bench.cell.work import run_cell
from bench.plan import CLEAN
from bench.report import write_report
from bench.run.flow import run_benchmark
from bench.run.resolve import Options
from bench.run.store import RunFolder
from bench.suite import Suite
from detectors.detection import Detection
from tsdm_bench.errors import UsageError

METHODS = ("ir", "vis", "average", "laplacian_pyramid")


def suite(**fields: object) -> Suite:
    base = {"name": "small", "dataset": "folder", "methods": METHODS, "factors": ("noise_gray", "jpeg")}
    return Suite(**base | {"severities": (0, 3), "metrics": ("en", "psnr", "qabf")} | fields)


def run(root: Path, out: Path, workers: int = 1, recompute: tuple[str, ...] = (), **fields: object) -> RunFolder:
    options = Options(data_root=root, out=out, device="cpu", workers=workers, recompute=recompute)
    return run_benchmark(suite(**fields), options)


def values(folder: RunFolder) -> pd.DataFrame:
    return folder.rows().drop(columns="seconds")


@pytest.fixture(scope="module")
def finished(small_pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(small_pairs, tmp_path_factory.mktemp("results"))


def test_every_cell_method_metric_and_reference_has_its_row(finished: RunFolder) -> None:
    rows = finished.rows()
    per_cell = 1 + 2 * 2  # EN alone; PSNR and Qabf against the clean and the seen sources
    assert len(rows) == 3 * 3 * len(METHODS) * per_cell
    assert rows.groupby("metric")["reference"].unique().map(set).to_dict() == {
        "en": {"none"},
        "psnr": {"clean", "seen"},
        "qabf": {"clean", "seen"},
    }
    assert np.isfinite(rows["value"]).all()
    assert (rows["seconds"] >= 0).all()
    assert finished.failures() == []


def test_on_clean_pairs_both_references_agree_and_on_degraded_ones_they_do_not(finished: RunFolder) -> None:
    wide = (
        values(finished).query("metric == 'psnr' and method == 'average'").set_index(["factor", "image", "reference"])
    )
    wide = wide["value"].unstack()
    assert (wide.loc["clean", "clean"] == wide.loc["clean", "seen"]).all()
    assert (wide.loc["noise_gray", "clean"] != wide.loc["noise_gray", "seen"]).all()


def test_worker_count_does_not_change_a_row(finished: RunFolder, small_pairs: Path, tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(values(run(small_pairs, tmp_path, workers=2)), values(finished), check_exact=True)


def test_the_executor_does_not_change_a_row(finished: RunFolder, small_pairs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    options = Options(data_root=small_pairs, out=tmp_path, device="cpu", workers=1, executor="ray")
    pd.testing.assert_frame_equal(values(run_benchmark(suite(), options)), values(finished))


def test_another_seed_draws_other_noise(finished: RunFolder, small_pairs: Path, tmp_path: Path) -> None:
    other = values(run(small_pairs, tmp_path, seed=1)).set_index(ROW_KEY)["value"]
    first = values(finished).set_index(ROW_KEY)["value"]
    noisy = first.index.get_level_values("factor") == "noise_gray"
    assert (other[~noisy] == first[~noisy]).all()
    assert (other[noisy] != first[noisy]).mean() > 0.9


def test_a_run_that_was_cut_is_completed_and_equals_an_undisturbed_one(
    finished: RunFolder, small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    def stop_after_three(cell, bench):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append((cell.pair.image, cell.condition))
        return run_cell(cell, bench)

    monkeypatch.setattr("bench.executors.local.run_cell", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        run(small_pairs, tmp_path)
    (path,) = (tmp_path / "small").glob("seed*")
    assert len(RunFolder(path).identities()) == 3 * len(METHODS)

    def count(cell, bench):
        computed.append((cell.pair.image, cell.condition))
        return run_cell(cell, bench)

    monkeypatch.setattr("bench.executors.local.run_cell", count)
    again = run(small_pairs, tmp_path)
    assert len(computed) == len(set(computed)) == 9
    pd.testing.assert_frame_equal(values(again), values(finished), check_exact=True)


def test_a_run_is_extended_by_methods_without_computing_the_old_ones_again(
    finished: RunFolder, small_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(small_pairs, tmp_path, methods=("ir",))
    fused = []
    original = Bench._load
    monkeypatch.setattr(Bench, "_load", lambda self, name: fused.append(name) or original(self, name))
    second = run(small_pairs, tmp_path)
    assert first.path == second.path
    assert set(fused) == set(METHODS) - {"ir"}
    pd.testing.assert_frame_equal(values(second), values(finished))


def test_an_unreadable_image_fails_its_cells_and_the_rest_goes_on(small_pairs: Path, tmp_path: Path) -> None:
    root = tmp_path / "pairs"
    shutil.copytree(small_pairs, root)
    (root / "vis/1.png").write_bytes((root / "vis/1.png").read_bytes()[:300])
    folder = run(root, tmp_path / "results")
    assert set(folder.rows()["image"]) == {"0", "2"}
    assert {failure.image for failure in folder.failures()} == {"1"}
    assert all("1.png" in failure.error for failure in folder.failures())
    cv2.imwrite(str(root / "vis/1.png"), np.zeros((96, 128, 3), np.uint8))
    again = run(root, tmp_path / "results")
    assert set(again.rows()["image"]) == {"0", "1", "2"}
    assert again.failures() == []


def test_methods_without_weights_are_left_out_of_a_suite_but_refused_when_named(
    small_pairs: Path, tmp_path: Path
) -> None:
    options = Options(data_root=small_pairs, out=tmp_path, device="cpu", workers=1, weights_dir=tmp_path)
    missing = "tsdm_student_official"
    folder = run_benchmark(suite(methods=("ir", missing), severities=(0,)), options)
    assert set(folder.rows()["method"]) == {"ir"}
    assert missing in folder.record().left_out
    with pytest.raises(UsageError, match=r"GT\.pth.*--weights-dir"):
        run_benchmark(suite(methods=(missing,)), Options(**vars(options) | {"named_methods": True}))


def test_synthetic_scenes_are_called_so_wherever_their_numbers_stand(tmp_path: Path) -> None:
    fields = {"dataset": "synthetic", "methods": ("ir", "average"), "severities": (0,), "metrics": ("en", "sd")}
    folder = run(tmp_path, tmp_path, limit=1, **fields)
    write_report(folder)
    for path in (folder.path / "tables").glob("fusion.[mt]*"):
        assert "(synthetic scenes)" in path.read_text()
    assert "rendered, not photographed" in (folder.path / "index.html").read_text()


class _Oracle(StandIn):
    """Finds the bright square where the fused image still shows it."""

    name, sha256, class_map = "oracle", "0" * 64, {"square": "Car"}

    def detect(self, images: list[np.ndarray]) -> list[list[Detection]]:
        found = []
        for image in images:
            rows, columns = np.nonzero(image.min(axis=2) > 240)
            if len(rows) < 50:
                found.append([])
                continue
            left, top = float(columns.min()), float(rows.min())
            box = (left, top, columns.max() + 1 - left, rows.max() + 1 - top)
            found.append([Detection("Car", 0.9, *map(float, box))])
        return found


@pytest.fixture
def with_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cell.setup.open_detector", lambda *_, **__: _Oracle())


@pytest.mark.usefixtures("with_oracle")
def test_detections_are_stored_and_the_report_is_derived_from_them(small_pairs: Path, tmp_path: Path) -> None:
    folder = run(small_pairs, tmp_path, detector={"weights": "any"}, detection={"fewest_objects": 3})
    detections = folder.detections()
    assert set(detections[detections["factor"] == CLEAN.factor]["method"]) == {"ir"}
    write_report(folder)
    detection = pd.read_csv(folder.path / "tables/detection.csv")
    clean = detection[(detection["factor"] == "clean") & (detection["class"] == "all")].set_index("method")
    assert clean.loc["ir", "AP50"] == 1
    assert clean.loc["vis", "AP50"] == 0
    robustness = pd.read_csv(folder.path / "tables/robustness.csv")
    overall = robustness[(robustness["metric"] == "mAP50") & (robustness["factor"] == "all")].set_index("method")
    assert overall.loc["ir", "P"] == 1
    assert {path.suffix for path in (folder.path / "curves").glob("map50.*")} == {".png", ".pdf"}


def test_the_report_writes_every_table_and_a_page_that_stands_alone(finished: RunFolder) -> None:
    write_report(finished)
    tables = {path.name for path in (finished.path / "tables").iterdir()}
    sections = ("fusion", "response", "robustness", "ranking", "efficiency")
    written = {f"{name}.{ending}" for name in sections for ending in ("csv", "md", "tex")}
    assert tables == written | {"preview.tex", "references.bib"}
    fusion = pd.read_csv(finished.path / "tables/fusion.csv")
    expected = values(finished).groupby(["factor", "method", "metric", "reference"])["value"].mean()
    found = fusion.set_index(["factor", "method", "metric", "reference"])["mean"]
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False)
    assert fusion[["low", "high"]].isna().all(axis=None)  # three clusters
    curves = {path.stem for path in (finished.path / "curves").glob("*.png")}
    assert curves - {"ranks", "speed-quality", "critical-difference"} == {
        "en",
        "psnr-clean",
        "psnr-seen",
        "qabf-clean",
        "qabf-seen",
    }
    page = (finished.path / "index.html").read_text()
    assert 'src="http' not in page
    shown = json.loads(re.search(r'id="curves-data">(.*?)</script>', page)[1])["quantities"]
    names = {quantity["name"] for quantity in shown}
    assert names == {
        "EN",
        "PSNR (clean)",
        "PSNR (seen)",
        "Qabf (clean)",
        "Qabf (seen)",
    }


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # another child, which has just ended
        return False


def test_workers_end_with_a_parent_that_is_killed(small_pairs: Path, tmp_path: Path) -> None:
    program = Path(__file__).parents[3] / "run_bench.py"
    (tmp_path / "suite.yaml").write_text("name: killed\ndataset: folder\nmethods: [average]\nmetrics: [en]\n")
    command = [sys.executable, program, "--suite", tmp_path / "suite.yaml", "--data-root", small_pairs]
    parent = subprocess.Popen(
        [*command, "--workers", "2", "--out", tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    workers: list[psutil.Process] = []
    started = time.monotonic()
    while len(workers) < 2 and parent.poll() is None and time.monotonic() - started < 120:
        children = psutil.Process(parent.pid).children()
        workers = [child for child in children if _is_worker(child)]
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=120)
    for worker in alive:
        worker.kill()
    assert not alive
