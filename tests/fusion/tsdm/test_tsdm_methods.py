from __future__ import annotations

import pytest
import torch
from reference_run import filled, pattern

from fusion.method import Method, prepare, rgb_to_ycbcr, ycbcr_to_rgb
from fusion.tsdm import methods
from fusion.tsdm.inference import fuse_whole
from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import export

CARDS = [value for value in vars(methods).values() if isinstance(value, Method)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights that keep the output near [0, 1], under every file name that the cards name."""
    folder = tmp_path_factory.mktemp("weights")
    networks = {"teacher": filled(Teacher()), "student": filled(Student())}
    with torch.no_grad():
        networks["student"].conv_last[1].weight.mul_(0.05)
        networks["student"].conv_last[1].bias.fill_(0.5)
        networks["teacher"].decoder[8].weight.mul_(0.1)
    for name, network in networks.items():
        export(network.state_dict(), folder / f"tsdm_{name}.safetensors")
        torch.save({"state_dict": network.state_dict()}, folder / f"{name}.pth")
    return networks, {
        methods.TEACHER_WEIGHTS.name: folder / "tsdm_teacher.safetensors",
        methods.STUDENT_WEIGHTS.name: folder / "tsdm_student.safetensors",
        methods.OFFICIAL_TEACHER_WEIGHTS.name: folder / "teacher.pth",
        methods.OFFICIAL_STUDENT_WEIGHTS.name: folder / "student.pth",
    }


@pytest.mark.parametrize("method", CARDS, ids=lambda method: method.name)
def test_every_method_fuses_any_size_and_follows_its_network(files, method):
    networks, paths = files
    ir, vis = pattern(37, 50, 1, 0.8), pattern(37, 50, 3, 2.2)
    fused = prepare(method, {file.name: paths[file.name] for file in method.weights})(ir, vis)
    with torch.inference_mode():
        if "student" in method.name:
            expected = fuse_whole(networks["student"], ir, vis)
        else:
            y, cb, cr = rgb_to_ycbcr(vis)
            expected = ycbcr_to_rgb(networks["teacher"](ir, y), cb, cr)
    expected = expected.clamp(0, 1)
    assert fused.shape == (1, 3, 37, 50)
    assert fused.dtype == torch.float32
    if "bf16" in method.name:
        assert 10 * torch.log10(1 / (fused - expected).square().mean()) >= 45
    else:
        torch.testing.assert_close(fused, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["student", "teacher"])
def test_processors_without_bfloat16_compute_in_float32_and_say_so(files, kind, monkeypatch, caplog):
    monkeypatch.setattr(methods, "PAIRS", False)
    load, path = getattr(methods, f"load_{kind}"), files[1][f"tsdm_{kind}.safetensors"]
    with caplog.at_level("INFO", logger="fusion"):
        asked = load(path, torch.device("cpu"), torch.bfloat16)
    assert "float32" in caplog.text
    ir, vis = pattern(16, 24, 1, 0.8), pattern(16, 24, 3 if kind == "student" else 1, 2.2)
    with torch.inference_mode():
        assert torch.equal(asked(ir, vis), load(path, torch.device("cpu"))(ir, vis))


@pytest.mark.parametrize("method", CARDS, ids=lambda method: method.name)
def test_a_batch_gives_what_its_pairs_give_alone(files, method):
    fuse = prepare(method, {file.name: files[1][file.name] for file in method.weights})
    ir = torch.cat([pattern(16, 24, 1, p) for p in (0.1, 0.9)])
    vis = torch.cat([pattern(16, 24, 3, p) for p in (0.4, 1.7)])
    alone = torch.cat([fuse(ir[i : i + 1], vis[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(fuse(ir, vis), alone, atol=1e-2 if "bf16" in method.name else 1e-5, rtol=0)
