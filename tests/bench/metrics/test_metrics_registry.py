"""The cards, the presets, the page made from them, grey conversion and the colour protocol of VIFB."""

from __future__ import annotations

import builtins
import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from synthetic_triple import natural

from bench.metrics import METRICS, PRESETS, document, evaluate, plane_of, resolve, to_grey
from bench.metrics.learned_quality import judge
from bench.metrics.metric import variant
from bench.metrics.no_reference import photographs
from tsdm_bench.errors import UsageError

ROOT = Path(__file__).parents[3]


def test_every_card_says_what_a_reader_needs():
    for name, card in METRICS.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert all((card.symbol, card.title, card.definition, card.source, card.tables)), name
        assert card.range[0] < card.range[1], name
        assert card.flat, name


def test_no_two_ids_share_a_table_head():
    heads = [card.symbol for card in METRICS.values()]
    assert sorted(heads) == sorted(set(heads))


def test_the_ids_asked_for_are_there():
    asked = (
        "en sd sf ag ei mi qmi qte qncie ce rce fmi_pixel fmi_gradient fmi_edge fmi_dct fmi_wavelet ssim_mean ms_ssim "
    )
    asked += "mef_ssim cc scd mse rmse psnr vif viff qs qw qe qc qy qabf qg labf nabf qsf qp qcb qcv brisque niqe"
    assert set(asked.split()) <= set(METRICS)
    assert len(PRESETS["core"]) == 12


def test_presets_hold_known_ids_once():
    for ids in PRESETS.values():
        assert len(ids) == len(set(ids))
        assert set(ids) <= set(METRICS)


def test_presets_keep_the_order_of_their_columns():
    assert list(PRESETS)[:2] == ["core", "all"]
    assert " ".join(PRESETS["core"]) == "en sd sf ag mi scd cc psnr mse vif qabf ssim_mean"
    assert " ".join(PRESETS["paper-liu2012"]) == "qmi qte_cvejic_liu qncie qg qsf qp qs qc qy qcv qcb"
    for preset, ids in PRESETS.items():
        assert sorted(METRICS[name].presets[preset] for name in ids) == list(range(1, len(ids) + 1))


def test_a_variant_joins_no_preset_of_its_origin():
    other = variant(METRICS["mse"], name="mse_other")
    assert not other.presets
    assert other.compute is METRICS["mse"].compute
    assert variant(other, presets={"core": 13}).presets == {"core": 13}


def test_all_is_every_definition_that_belongs_to_no_single_paper():
    of_papers = {name for name in METRICS if re.search(r"_(vifb|tang|tang2022|cddfuse|cddfuse_255|liu|nats)$", name)}
    assert set(PRESETS["all"]) == set(METRICS) - of_papers - {"brisque", "niqe"} - set(PRESETS["no-reference"])


def test_resolve_takes_presets_and_ids_in_order_and_once():
    assert resolve("core") == PRESETS["core"]
    assert resolve("qabf, en") == ("qabf", "en")
    assert resolve(["psnr", "core"])[:3] == ("psnr", "en", "sd")
    assert len(resolve("core,core,en")) == 12


@pytest.mark.parametrize(
    ("spec", "hint"), [("qabff", "qabf"), ("en,ssim_maen", "ssim_mean"), ("paper-vif", "paper-vifb")]
)
def test_an_unknown_metric_is_refused_with_the_closest_name(spec, hint):
    with pytest.raises(UsageError, match=f"did you mean '{hint}'"):
        resolve(spec)


def test_nothing_to_compute_is_refused():
    with pytest.raises(UsageError, match="no metric given"):
        resolve(" , ")


def test_the_page_is_made_from_the_cards():
    committed = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert committed == document.page(), "python -m bench.metrics.document > docs/metrics.md"
    assert all(f"### `{name}` " in committed for name in METRICS)


def test_grey_is_the_rounded_luma():
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    found = to_grey(torch.from_numpy(image).permute(2, 0, 1)[None])
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    exact = (299 * red + 587 * green + 114 * blue + 500) // 1000
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found[0, 0].numpy(), exact)
    assert np.abs(found[0, 0].numpy() - cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).max() <= 1


def test_floating_point_is_quantised_as_it_would_be_saved():
    saved = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    np.testing.assert_array_equal(to_grey(saved.float() / 255).numpy(), saved.numpy())
    np.testing.assert_array_equal(to_grey((saved.float() / 255).repeat(1, 3, 1, 1)).numpy(), saved.numpy())
    assert to_grey(torch.tensor([-0.2, 1.3]).view(1, 1, 1, 2)).flatten().tolist() == [0, 255]


def test_a_shape_that_is_no_image_batch_is_refused():
    with pytest.raises(ValueError, match=r"got shape \(3, 4, 5\)"):
        to_grey(torch.zeros(3, 4, 5))


def colour_triple():
    images = [natural(60, 70, seed)[2] for seed in range(6)]
    ir, vis, fused = (
        torch.from_numpy(images[0])[None, None],
        *(torch.from_numpy(np.stack(x))[None] for x in (images[:3], images[3:])),
    )
    return ir, vis, fused


def test_vifb_averages_over_the_channels_of_a_colour_result():
    ir, vis, fused = colour_triple()
    whole = evaluate(("qabf_vifb", "mi_vifb", "sf_vifb"), *map(plane_of, (ir, vis, fused)))
    channels = [
        evaluate(("qabf", "mi_vifb"), plane_of(ir), plane_of(vis[:, k : k + 1]), plane_of(fused[:, k : k + 1]))
        for k in range(3)
    ]
    for name, single in (("qabf_vifb", "qabf"), ("mi_vifb", "mi_vifb")):
        assert whole[name].item() == pytest.approx(np.mean([each[single].item() for each in channels]), rel=1e-12)
    side_by_side = plane_of(torch.cat(fused.split(1, 1), -1))
    alone = evaluate(("sf_vifb",), side_by_side, side_by_side, side_by_side)["sf_vifb"]
    assert whole["sf_vifb"].item() == pytest.approx(alone.item(), rel=1e-12)


def test_vifb_equals_the_grey_definition_on_a_grey_result():
    ir, vis, fused = (plane_of(torch.from_numpy(image)[None, None]) for image in natural(60, 70, seed=1))
    found = evaluate(("qabf_vifb", "qabf", "en_vifb", "en"), ir, vis, fused)
    assert found["qabf_vifb"] == found["qabf"]
    assert found["en_vifb"] == found["en"]


def test_brisque_says_what_to_do_without_its_model(monkeypatch):
    import piq

    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(piq, "brisque", unreachable)
    image = plane_of(torch.zeros(1, 1, 64, 64, dtype=torch.uint8))
    told = r"could not be downloaded \(no network\); run once .* or place brisque_svm.* in .*/checkpoints"
    with pytest.raises(ValueError, match=told):
        METRICS["brisque"].compute(image, image, image)


def test_brisque_has_a_value_where_its_statistics_are_undefined(monkeypatch):
    import piq

    monkeypatch.setattr(piq, "brisque", lambda image, **_: torch.tensor(float("nan") if image.max() == 0 else 21.5))
    images = plane_of(torch.stack([torch.zeros(1, 64, 64), torch.ones(1, 64, 64)]))
    assert METRICS["brisque"].compute(images, images, images).tolist() == [100, 21.5]


def test_niqe_gives_pyiqa_grey_images_in_its_range(monkeypatch):
    def create_metric(name, device):
        assert (name, device.type) == ("niqe", "cpu")
        return lambda image: image.mean() * 10 if image.max() > 0 else torch.tensor(float("nan"))

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    photographs.cache_clear()
    images = plane_of(torch.stack([torch.zeros(1, 96, 192), torch.full((1, 96, 192), 0.4)]))
    assert METRICS["niqe"].compute(images, images, images).tolist() == pytest.approx([100, 4.0])


@pytest.mark.parametrize("name", PRESETS["no-reference"])
def test_networks_that_judge_get_colour_in_their_range_and_one_draw_for_all(name, monkeypatch):
    asked = []

    def create_metric(given, device):
        asked.append((given, device.type))
        return lambda image: image.mean(dim=(0, 2, 3)) @ torch.tensor([1.0, 10, 100]) + torch.rand(()) * 1e-3

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    judge.cache_clear()
    colour = torch.tensor([51, 102, 255], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(2, 3, 20, 30)
    image, before = plane_of(colour.contiguous()), torch.random.get_rng_state()
    first, second = METRICS[name].compute(image, image, image).tolist()
    assert first == second == pytest.approx(0.2 + 4 + 100, abs=2e-3)
    grey = plane_of(torch.full((1, 1, 20, 30), 51, dtype=torch.uint8))
    assert METRICS[name].compute(grey, grey, grey).tolist() == [pytest.approx(0.2 * 111, abs=2e-3)]
    assert asked == [(name, "cpu")]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_networks_that_judge_say_what_to_do_without_package_or_weights(monkeypatch):
    def create_metric(name, device):
        raise URLError("no network")

    image = plane_of(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    for module, told in (
        (None, r"musiq needs pyiqa.*pip install 'tsdm-bench\[metrics\]'"),
        (SimpleNamespace(create_metric=create_metric), r"musiq needs weights.*no network.*place them in .*/pyiqa"),
    ):
        judge.cache_clear()
        monkeypatch.setitem(sys.modules, "pyiqa", module)
        with pytest.raises(ValueError, match=told):
            METRICS["musiq"].compute(image, image, image)


def test_niqe_says_what_to_do_without_its_package_model_or_blocks(monkeypatch):
    def create_metric(name, device):
        raise URLError("no network")

    photographs.cache_clear()
    image = plane_of(torch.zeros(1, 1, 192, 96, dtype=torch.uint8))
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(ValueError, match=r"needs pyiqa.*pip install 'tsdm-bench\[metrics\]'"):
        METRICS["niqe"].compute(image, image, image)
    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    with pytest.raises(ValueError, match=r"\(no network\).*place niqe_modelparameters.mat in .*/pyiqa"):
        METRICS["niqe"].compute(image, image, image)
    small = plane_of(torch.zeros(1, 1, 191, 100, dtype=torch.uint8))
    with pytest.raises(ValueError, match="blocks of 96×96 pixels, of which 100×191 has less than two"):
        METRICS["niqe"].compute(small, small, small)


@pytest.fixture(params=["with torchmetrics", "without torchmetrics"])
def fusion_metric(request, monkeypatch):
    training = importlib.import_module("bench.metrics.training")
    if request.param == "with torchmetrics":
        pytest.importorskip("torchmetrics")
    else:
        importing = builtins.__import__

        def refuse(name, *args, **kwargs):
            if name.startswith("torchmetrics"):
                raise ImportError(name)
            return importing(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", refuse)
    return training._make()


def test_a_training_loop_gets_the_mean_over_its_images(fusion_metric):
    batches = [[torch.from_numpy(image)[None, None] for image in natural(64, 72, seed)] for seed in (1, 2, 3)]
    metric = fusion_metric("qabf")
    for batch in batches:
        metric.update(*batch)
    expected = np.mean([evaluate(("qabf",), *map(plane_of, batch))["qabf"].item() for batch in batches])
    assert metric.compute().item() == pytest.approx(expected, rel=1e-12)
    assert metric.higher_is_better is True
    metric.reset()
    metric.update(*(image.float() / 255 for image in batches[0]))
    assert metric.compute().item() == pytest.approx(evaluate(("qabf",), *map(plane_of, batches[0]))["qabf"].item())


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_a_training_metric_without_images_says_so(fusion_metric):
    with pytest.raises(ValueError, match="qabf has seen no image yet"):
        fusion_metric("qabf").compute()
    with pytest.raises(UsageError, match="did you mean 'qabf'"):
        fusion_metric("qabff")
