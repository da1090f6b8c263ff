"""Against published tables on real images; a part of each, ``python -m benchmarks.published`` does all of them."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.metrics import PRESETS
from bench.scoring import Task, score_task
from tsdm_bench.images import images_in, the_one

TANG = ("EN", "SD", "SF", "AG", "MI", "MSE", "PSNR", "VIF", "CC", "SCD", "Qabf")
VIFB = (
    *("Cross_entropy", "Entropy", "Mutinf", "Psnr", "Avg_gradient", "Edge_intensity", "Qabf", "Variance"),
    *("Spatial_frequency", "Rmse", "Ssim", "Qcb", "Qcv"),
)


def errors(root, folder, sources, preset, columns, images, methods):
    """Relative errors of our values by (image, method, published name)."""
    table = pd.read_csv(root / folder / "metrics.csv", dtype={"image": str})
    published = table.set_index(["image", "method", "metric"])["value"]
    ir, vis = (images_in(root / sources / kind) for kind in ("ir", "vi"))
    heads = dict(zip(PRESETS[preset], columns, strict=True))
    found = {}
    for image in images:
        fused = {method: the_one(images_in(root / folder / method)[image]) for method in methods}
        rows, failures = score_task(Task(image, the_one(ir[image]), the_one(vis[image]), fused, PRESETS[preset]))
        assert not failures
        for method, _, name, value in rows:
            expected = published[image, method, heads[name]]
            found[image, method, heads[name]] = abs(value - expected) / abs(expected)
    return found


def test_reproduces_the_table_of_tang_2022_to_ten_digits(data_root):
    methods = ("DenseFuse", "FusionGAN", "IFCNN", "PIAFusion", "PMGI", "RFN-Nest", "SDNet", "SeAFusion", "U2Fusion")
    found = errors(data_root, "TNO_published", "TNO", "paper-tang2022", TANG, ("05", "11"), methods)
    assert len(found) == 2 * 9 * 11
    assert max(found.values()) < 1e-10


def test_reproduces_the_table_of_vifb_to_its_printed_digits(data_root):
    methods = ("ADF", "GTF", "IFEVIP", "SeAFusion")
    found = errors(data_root, "VIFB_published", "VIFB_published", "paper-vifb", VIFB, ("fight",), methods)
    assert len(found) == 4 * 13
    assert max(found.values()) < 6e-5


def test_definitions_of_other_papers_do_not_reproduce_the_table(data_root):
    found = errors(data_root, "TNO_published", "TNO", "paper-tang2022", TANG, ("05",), ("SDNet",))
    with pytest.MonkeyPatch.context() as patch:
        clean = ("en", "sd", "sf", "ag", "mi", "mse", "psnr", "vif", "cc", "scd", "qabf")
        patch.setitem(PRESETS._ids, "paper-tang2022", clean)
        other = errors(data_root, "TNO_published", "TNO", "paper-tang2022", TANG, ("05",), ("SDNet",))
    differing = {name for (_, _, name), error in other.items() if error > 1e-4}
    assert max(found.values()) < 1e-10
    assert differing == {"SD", "SF", "AG", "MI", "MSE", "PSNR", "VIF", "Qabf"}
