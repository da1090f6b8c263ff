"""Methods that are folders of fused images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion.external import parse
from fusion.method import prepare
from tsdm_bench.images import ImageProblem

CLEAN = {"dataset": "toy", "image": "01", "factor": "clean", "severity": 0, "modality": "both"}
NOISE = CLEAN | {"factor": "noise", "severity": 3}


def save(path: Path, image: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., ::-1]))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".TIF"])
def test_folder_result_is_found_by_stem(tmp_path, pair, suffix):
    save(tmp_path / f"01{suffix}", pair[1])
    method = parse(f"folder:{tmp_path}")
    assert method.name == tmp_path.name
    torch.testing.assert_close(prepare(method)(*pair, CLEAN), pair[1])


def test_folder_template_finds_each_condition(tmp_path, pair):
    save(tmp_path / "clean" / "0" / "both" / "01.png", pair[1])
    save(tmp_path / "noise" / "3" / "both" / "01.png", 1 - pair[1])
    method = parse(f"folder:{tmp_path}/{{factor}}/{{severity}}/{{modality}}")
    assert method.name == tmp_path.name
    fuse = prepare(method)
    torch.testing.assert_close(fuse(*pair, CLEAN), pair[1])
    torch.testing.assert_close(fuse(*pair, NOISE), 1 - pair[1])


def test_folder_template_may_end_in_the_file_name(tmp_path, pair):
    save(tmp_path / "toy_01_fused.png", pair[1])
    fuse = prepare(parse(f"folder:{tmp_path}/{{dataset}}_{{image}}_fused.png"))
    torch.testing.assert_close(fuse(*pair, CLEAN), pair[1])


def test_plain_folder_is_never_taken_for_degraded_results(tmp_path, pair):
    save(tmp_path / "01.png", pair[1])
    with pytest.raises(ValueError, match=r"noise 3 both was asked for\); put \{factor\} \{severity\} into the path"):
        prepare(parse(f"folder:{tmp_path}"))(*pair, NOISE)
    hit_one = NOISE | {"modality": "ir"}
    with pytest.raises(ValueError, match=r"put \{modality\} into the path"):
        prepare(parse(f"folder:{tmp_path}/{{factor}}/{{severity}}"))(*pair, hit_one)


def test_a_name_of_an_image_is_no_placeholder(tmp_path, pair):
    save(tmp_path / "{factor}_0.png", pair[1])
    fuse = prepare(parse(f"folder:{tmp_path}/{{image}}_{{severity}}.png"))
    torch.testing.assert_close(fuse(*pair, CLEAN | {"image": "{factor}"}), pair[1])


def test_missing_result_names_the_file(tmp_path, pair):
    with pytest.raises(FileNotFoundError, match=f"no fused image {tmp_path}/01 with one of .png"):
        prepare(parse(f"folder:{tmp_path}"))(*pair, CLEAN)


def test_result_of_another_size_is_refused(tmp_path, pair):
    save(tmp_path / "01.png", pair[1][..., :10, :])
    with pytest.raises(ValueError, match=r"must be 1×1×20×28 or 1×3×20×28 .*got 1×3×10×28"):
        prepare(parse(f"folder:{tmp_path}"))(*pair, CLEAN)


def test_file_that_is_no_image_is_refused(tmp_path, pair):
    (tmp_path / "01.png").write_text("not a picture")
    with pytest.raises(ImageProblem, match=r"01\.png cannot be read as an image"):
        prepare(parse(f"folder:{tmp_path}"))(*pair, CLEAN)


def test_folder_without_a_key_is_refused(tmp_path, pair):
    with pytest.raises(ValueError, match="one named pair at a time"):
        prepare(parse(f"folder:{tmp_path}"))(*pair)


def test_grey_and_16_bit_and_opaque_results_are_read(tmp_path, pair):
    grey = np.arange(20 * 28, dtype=np.uint16).reshape(20, 28) * 100
    cv2.imwrite(str(tmp_path / "01.png"), grey)
    cv2.imwrite(str(tmp_path / "02.png"), np.full((20, 28, 4), (10, 20, 30, 255), np.uint8))
    fuse = prepare(parse(f"folder:{tmp_path}"))
    expected = torch.from_numpy(grey.astype(np.float32) / 65535).expand(1, 3, -1, -1)
    torch.testing.assert_close(fuse(*pair, CLEAN), expected)
    colour = fuse(*pair, CLEAN | {"image": "02"})[0, :, 0, 0]
    torch.testing.assert_close(colour, torch.tensor([30, 20, 10]) / 255)


def test_grey_results_take_the_colour_of_the_visible_image_on_request(tmp_path, pair):
    luma = (0.299 * pair[1][:, :1] + 0.587 * pair[1][:, 1:2] + 0.114 * pair[1][:, 2:]).clamp(0, 1)
    save(tmp_path / "01.png", luma.expand(-1, 3, -1, -1))
    fused = prepare(parse(f"folder:{tmp_path}?luma=1"))(*pair, CLEAN)
    torch.testing.assert_close(fused, pair[1], atol=3 / 255, rtol=0)


def test_two_results_of_one_name_are_refused_and_named(tmp_path, pair):
    save(tmp_path / "01.png", pair[1])
    (tmp_path / "01.TIF").write_bytes((tmp_path / "01.png").read_bytes())
    with pytest.raises(ImageProblem, match=r"01\.TIF and .*01\.png stand for one image"):
        prepare(parse(f"folder:{tmp_path}"))(*pair, CLEAN)
    (tmp_path / "02.Jpg").write_bytes((tmp_path / "01.png").read_bytes())
    prepare(parse(f"folder:{tmp_path}"))(*pair, CLEAN | {"image": "02"})
    fused = prepare(parse(f"folder:{tmp_path}/{{image}}.png"))(*pair, CLEAN)  # the suffix says which
    torch.testing.assert_close(fused, pair[1])


def test_a_result_that_is_cut_off_transparent_or_12_bit_is_refused(tmp_path, pair):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 3), np.uint8)
    whole = cv2.imencode(".jpg", pixels)[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    cv2.imwrite(str(tmp_path / "transparent.png"), np.full((20, 28, 4), (10, 20, 30, 128), np.uint8))
    cv2.imwrite(str(tmp_path / "twelve.png"), pixels.astype(np.uint16) * 16)
    fuse = prepare(parse(f"folder:{tmp_path}"))
    for name, message in (("cut", "truncated"), ("transparent", "transparent in places"), ("twelve", "12-bit data")):
        with pytest.raises(ImageProblem, match=message):
            fuse(*pair, CLEAN | {"image": name})
