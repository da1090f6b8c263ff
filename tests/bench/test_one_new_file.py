"""One new file adds a factor, metric, method, dataset or detector: in a package that is searched, or by entry point."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cli import main
from bench.datasets import DATASETS
from bench.methods import find_method, find_weights, groups
from bench.metrics import METRICS, PRESETS, evaluate, plane_of
from bench.weights import WEIGHT_FILES
from degradation import degrade
from degradation.factor import FACTORS
from detectors import detector
from detectors.card import DETECTORS
from fusion.method import METHODS, prepare

FILES = (
    (
        FACTORS,
        """
from degradation.factor import Factor, rungs

def shade(image, parameters, generator):
    return image * parameters["share"], dict(parameters)

CARD = Factor(
    name="new_shade", title="Shade", description="A share of the light.", parameter="share", unit="", source="a test",
    ladder={"vis": rungs(share=(0.9, 0.8, 0.7, 0.6, 0.5))}, apply={"vis": shade},
)
""",
    ),
    (
        METRICS,
        """
from bench.metrics.metric import Metric

CARD = Metric(
    name="new_mean", symbol="Mean", title="Mean", family="quality", direction="higher", range=(0, 255), unit="",
    definition="Mean of F.", source="a test", cost="c0", reference=False,
    compute=lambda ir, vis, fused: fused.x.double().mean((1, 2, 3)), presets={"core": 99, "new": 1},
)
""",
    ),
    (
        METHODS,
        """
import hashlib
from pathlib import Path

from fusion.method import Method
from tsdm_bench.weights.card import WeightFile

GAIN = WeightFile(
    name="new_gain.txt", bytes=3, sha256=hashlib.sha256(b"0.5").hexdigest(), licence="MIT", source="a test",
    folder=Path(__file__).parent,
)

def load(paths, device):
    gain = float(paths[GAIN.name].read_text())
    return lambda ir, vis: gain * vis

CARD = Method(
    name="new_gain", title="Gain", kind="learned", description="A share of the visible image.", source="a test",
    weights=(GAIN,), load=load,
)
""",
    ),
    (
        DATASETS,
        """
from bench.datasets.pair import Dataset, Pair

CARD = Dataset(
    name="new_pairs", title="New pairs", description="none", classes=(), source="a test", licence="MIT", layout="none",
    obtain="nothing", pairs=lambda root: [Pair("a", "a", lambda: None)],
)
""",
    ),
    (
        DETECTORS,
        """
from pathlib import Path

from detectors.card import DetectorCard
from tsdm_bench.weights.card import WeightFile

CARD = DetectorCard(
    name="new_detector", title="New", labels="one", image_size=64, source="a test", licence="MIT",
    backend="onnxruntime",
    weights=(WeightFile(name="new.onnx", licence="MIT", source="a test", folder=Path(__file__).parent),),
)
""",
    ),
)


@pytest.fixture(params=["package", "entry point"])
def added(request, monkeypatch, tmp_path) -> Path:
    """Puts the five files in place, a new module each; returns their folder."""
    folder = tmp_path / "newcomers"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "new_gain.txt").write_text("0.5")
    (folder / "new.onnx").touch()
    lines = []
    for registry, text in FILES:
        packages = f"newcomers_{registry.kind}"
        (tmp_path / packages).mkdir()
        (tmp_path / packages / "__init__.py").touch()
        module = f"{packages}.one" if request.param == "package" else f"newcomers.{registry.kind}"
        text = text.replace("Path(__file__).parent", f"Path({str(folder)!r})")
        (tmp_path / f"{module.replace('.', '/')}.py").write_text(text)
        lines += [f"[{registry.group}]", f"new = {module}:CARD"]
        if request.param == "package":
            monkeypatch.setattr(registry, "packages", (*registry.packages, packages))
    if request.param == "entry point":
        info = tmp_path / "newcomers-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: newcomers\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join([*lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    remembered = [*((registry, "_cards") for registry, _ in FILES), (WEIGHT_FILES, "_cards"), (PRESETS, "_ids")]
    for collected, name in remembered:
        monkeypatch.setitem(vars(collected), name, None)  # put back at the end
        del vars(collected)[name]
    yield folder
    for name in [name for name in sys.modules if name.startswith("newcomers")]:
        del sys.modules[name]


def test_a_new_card_is_used_like_any_other(added, tmp_path, capsys):
    ir, vis = np.full((40, 50), 90, np.uint8), np.full((40, 50, 3), 200, np.uint8)
    seen = degrade(ir, vis, FACTORS["new_shade"], 5, "vis", seed=0, dataset="d", image="i")[1]
    assert (seen == 100).all()

    planes = [plane_of(torch.full((1, 3, 8, 8), level, dtype=torch.uint8)) for level in (1, 2, 3)]
    assert evaluate(["new_mean"], *planes)["new_mean"].item() == 3
    assert PRESETS["core"][-1] == "new_mean"
    assert PRESETS["new"] == ("new_mean",)

    method = find_method("new_gain")
    fuse = prepare(method, find_weights(method, None))
    assert fuse(torch.zeros(1, 1, 4, 4), torch.ones(1, 3, 4, 4)).unique().item() == 0.5
    assert "new_gain" in groups()["learned"]
    assert WEIGHT_FILES["new_gain.txt"] == method.weights[0]
    assert main(["weights", "verify", "new_gain"]) == 0

    assert [pair.image for pair in DATASETS["new_pairs"].pairs(tmp_path)] == ["a"]

    assert detector.find_weights("new_detector", None) == added / "new.onnx"
    assert main(["weights", "verify", "new.onnx"]) == 0
    capsys.readouterr()
    for kind, name in (("factors", "new_shade"), ("metrics", "new_mean"), ("detectors", "new_detector")):
        assert main(["list", kind, "--json"]) == 0
        assert name in [card["name"] for card in json.loads(capsys.readouterr().out)]
