"""What a file's pixels mean: each kind of file is understood exactly, or refused by name."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tsdm_bench import images
from tsdm_bench.images import (
    ImageProblem,
    encode_png,
    image_size,
    images_in,
    read_grey,
    read_result,
    read_rgb,
    the_one,
    to_8_bits,
    write_png,
)

COLOUR = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
GREY = COLOUR[..., 1].copy()
READERS = (read_rgb, read_grey, read_result)


def save(path: Path, pixels: np.ndarray | Image.Image, **options) -> Path:
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([COLOUR, np.full(GREY.shape, alpha, np.uint8)])


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


# --- understood ---


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_colour_and_grey_of_every_lossless_format_are_read_exactly(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    assert np.array_equal(read_rgb(save(tmp_path / f"a.{suffix}", COLOUR, **options)), COLOUR)
    assert np.array_equal(read_result(tmp_path / f"a.{suffix}"), COLOUR)
    assert np.array_equal(read_grey(save(tmp_path / f"b.{suffix}", GREY, **options)), GREY)


def test_palette_and_one_bit_files_are_expanded(tmp_path):
    palette = Image.fromarray(COLOUR).quantize(16)
    path = save(tmp_path / "palette.png", palette)
    assert np.array_equal(read_rgb(path), np.array(palette.convert("RGB")))
    bits = GREY > 127
    path = save(tmp_path / "bits.png", Image.fromarray(bits))
    assert np.array_equal(read_result(path), bits * np.uint8(255))
    white_is_zero = save(tmp_path / "bits.tif", Image.fromarray(bits), tiffinfo={262: 0})
    assert set(np.unique(read_grey(white_is_zero))) == {0, 255}


def test_a_suffix_may_differ_from_the_content(tmp_path):
    save(tmp_path / "really.png", COLOUR)
    (tmp_path / "really.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_rgb(tmp_path / "a.jpg"), COLOUR)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_opencv_does(tmp_path, suffix, orientation):
    rows, columns = np.mgrid[:24, :32]
    smooth = np.stack([5 * rows + 3 * columns, 90 + 3 * rows + columns, 200 - 2 * columns], -1).astype(np.uint8)
    options = {"quality": 95} if suffix in ("jpg", "webp") else {}
    path = save(tmp_path / f"a.{suffix}", smooth, exif=turned(orientation), **options)
    found = read_rgb(path)
    upright = smooth
    if orientation in (2, 5, 7, 4):  # mirrored, then turned, as the table of EXIF has them
        upright = upright[:, ::-1]
    upright = np.rot90(upright, {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation])
    assert found.shape == upright.shape == (*image_size(path), 3)
    assert np.abs(found.astype(int) - upright).mean() < 6
    if suffix == "jpg":
        assert np.array_equal(found.shape, cv2.imread(str(path)).shape)
        assert np.abs(found.astype(int) - cv2.imread(str(path))[..., ::-1]).mean() < 1
    assert np.abs(read_result(path).astype(int) - upright).mean() < 6


def test_an_opaque_alpha_channel_is_dropped(tmp_path):
    assert np.array_equal(read_rgb(save(tmp_path / "a.png", with_alpha(255))), COLOUR)
    grey = save(tmp_path / "b.png", Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (32, 24), 255)]))
    assert np.array_equal(read_result(grey), GREY)


def test_of_a_picture_with_a_second_one_for_other_programs_the_first_is_read(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(COLOUR).save(path, format="MPO", save_all=True, append_images=[Image.fromarray(255 - COLOUR)])
    assert np.abs(read_rgb(path).astype(int) - COLOUR).mean() < np.abs(read_rgb(path).astype(int) - 255 + COLOUR).mean()
    with Image.open(path) as image:
        assert image.n_frames == 2


def test_16_bits_are_for_results_and_become_8_by_257(tmp_path):
    deep = (COLOUR.astype(np.uint16) * 257) + np.uint16(3)
    for name, pixels in (("colour.png", deep[..., ::-1]), ("grey.png", deep[..., 1]), ("colour.tif", deep[..., ::-1])):
        cv2.imwrite(str(tmp_path / name), np.ascontiguousarray(pixels))
        expected = deep if "colour" in name else deep[..., 1]
        found = read_result(tmp_path / name)
        assert found.dtype == np.uint16
        assert np.array_equal(found, expected)
        assert np.array_equal(to_8_bits(found), np.round(expected / 257).astype(np.uint8))
        for reader in (read_rgb, read_grey):
            with pytest.raises(ImageProblem, match=rf"{name} has more than 8 bits per channel"):
                reader(tmp_path / name)


def test_what_is_written_is_read_back(tmp_path):
    write_png(tmp_path / "new/a.png", COLOUR)
    assert np.array_equal(read_rgb(tmp_path / "new/a.png"), COLOUR)
    (tmp_path / "b.png").write_bytes(encode_png(GREY))
    assert np.array_equal(read_result(tmp_path / "b.png"), GREY)


# --- refused ---


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header tells a size that its (absent) pixels do not have."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def frames(path: Path, **options) -> Path:
    return save(path, Image.fromarray(COLOUR), save_all=True, append_images=[Image.fromarray(255 - COLOUR)], **options)


def flipped(path: Path, place: int) -> Path:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    return path


def cut(path: Path, share: float = 0.6) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def four_bands(path: Path) -> Path:
    return save(path, Image.merge("CMYK", [Image.fromarray(GREY)] * 4))


MAKERS = {
    "missing": (lambda folder: folder / "a.png", "is missing"),
    "empty": (lambda folder: [(folder / "a.png").touch(), folder / "a.png"][1], r"is empty \(0 bytes\)"),
    "no image": (
        lambda folder: [(folder / "a.png").write_text("hello"), folder / "a.png"][1],
        "cannot be read as an im",
    ),
    "apple double": (
        lambda folder: [(folder / "a.png").write_bytes(b"\0\5\26\7" + bytes(4000)), folder / "a.png"][1],
        "cannot be read as an image",
    ),
    "gif": (lambda folder: save(folder / "a.png", GREY, format="GIF"), "no PNG, JPEG, BMP, TIFF or WebP"),
    "folder": (lambda folder: [(folder / "a.png").mkdir(), folder / "a.png"][1], "is a folder, pipe or device"),
    "pipe": (lambda folder: [os.mkfifo(folder / "a.png"), folder / "a.png"][1], "is a folder, pipe or device"),
    "broken link": (lambda folder: [(folder / "a.png").symlink_to("nowhere"), folder / "a.png"][1], "is missing"),
    "cut JPEG": (lambda folder: cut(save(folder / "a.jpg", COLOUR, quality=95)), "truncated"),
    "cut progressive JPEG": (lambda folder: cut(save(folder / "a.jpg", COLOUR, progressive=True)), "truncated"),
    "cut PNG": (lambda folder: cut(save(folder / "a.png", COLOUR)), "cannot be read as an image"),
    "PNG less its end": (lambda folder: cut(save(folder / "a.png", COLOUR), 0.995), "cannot be read as an image"),
    "cut BMP": (lambda folder: cut(save(folder / "a.bmp", COLOUR)), "truncated"),
    "cut TIFF": (lambda folder: cut(save(folder / "a.tif", COLOUR)), "cannot be read as an image"),
    "cut WebP": (lambda folder: cut(save(folder / "a.webp", COLOUR, lossless=True)), "cannot be read as an image"),
    "PNG with a flipped bit": (
        lambda folder: flipped(save(folder / "a.png", COLOUR), 900),
        "cannot be read as an image",
    ),
    "transparent": (lambda folder: save(folder / "a.png", with_alpha(128)), "transparent in places"),
    "colour key": (
        lambda folder: save(folder / "a.png", COLOUR, transparency=tuple(map(int, COLOUR[3, 4]))),
        "transparent in places",
    ),
    "transparent palette": (
        lambda folder: save(folder / "a.png", Image.fromarray(COLOUR).quantize(8), transparency=0),
        "transparent in places",
    ),
    "CMYK": (lambda folder: four_bands(folder / "a.jpg"), "has the colours CMYK"),
    "LAB": (lambda folder: save(folder / "a.tif", Image.fromarray(COLOUR, "LAB")), "has the colours LAB"),
    "pages": (lambda folder: frames(folder / "a.tif"), "holds 2 pictures"),
    "animated PNG": (lambda folder: frames(folder / "a.png"), "holds 2 pictures"),
    "animated WebP": (lambda folder: frames(folder / "a.webp", lossless=True), "holds 2 pictures"),
    "float": (lambda folder: save(folder / "a.tif", GREY.astype(np.float32)), "signed or float|more than 8 bits"),
    "32-bit": (lambda folder: save(folder / "a.tif", GREY.astype(np.int32)), "signed or float|more than 8 bits|32-bit"),
    "30000 pixels a side": (
        lambda folder: [(folder / "a.png").write_bytes(png(30000, 30000)), folder / "a.png"][1],
        "more than 67,108,864 pixels",
    ),
    "13000 pixels a side": (
        lambda folder: [(folder / "a.png").write_bytes(png(13000, 13000, colour=0)), folder / "a.png"][1],
        "more than 67,108,864 pixels",
    ),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", MAKERS)
def test_what_cannot_be_understood_is_refused_by_name(tmp_path, kind):
    make, message = MAKERS[kind]
    path = make(tmp_path)
    for reader in READERS:
        with pytest.raises(ImageProblem, match=message) as error:
            reader(path)
        assert path.name in str(error.value)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.png")
        with pytest.raises(ImageProblem, match="is a folder, pipe or device"):
            read_rgb(Path("a.png"))


def test_16_bits_that_may_be_12_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), COLOUR.astype(np.uint16) * 16)
    with pytest.raises(ImageProblem, match="no value above 4080: is it 12-bit data"):
        read_result(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((4, 4), np.uint16))
    assert not read_result(tmp_path / "black.png").any()


def test_a_transparent_16_bit_result_is_refused(tmp_path):
    deep = np.full((8, 8, 4), 60000, np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    with pytest.raises(ImageProblem, match="transparent in places"):
        read_result(tmp_path / "a.png")
    deep[..., 3] = 65535
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    assert read_result(tmp_path / "a.png").shape == (8, 8, 3)


def test_the_size_is_told_from_the_header(tmp_path):
    assert image_size(save(tmp_path / "a.png", COLOUR)) == (24, 32)
    for suffix in ("jpg", "png", "webp", "tif"):
        assert image_size(save(tmp_path / f"b.{suffix}", COLOUR, exif=turned(6))) == (32, 24)
    late = tmp_path / "late.png"  # the chunk with the orientation may stand behind the pixels
    exif, content = turned(6).removeprefix(b"Exif\0\0"), save(late, COLOUR).read_bytes()
    late.write_bytes(content[:-12] + chunk(b"eXIf", exif) + content[-12:])
    assert image_size(late) == read_rgb(late).shape[:2] == (32, 24)
    assert image_size(tmp_path / "none.png") is None
    (tmp_path / "c.png").mkdir()
    assert image_size(tmp_path / "c.png") is None


# --- which files ---


def test_hidden_files_are_no_images_and_two_of_a_name_are_refused(tmp_path):
    for name in ("b.png", "a.png", "a.TIF", "._a.png", ".hidden.jpg", "Thumbs.db", "notes.txt"):
        (tmp_path / name).touch()
    found = images_in(tmp_path)
    assert {stem: [path.name for path in files] for stem, files in found.items()} == {
        "a": ["a.TIF", "a.png"],
        "b": ["b.png"],
    }
    assert the_one(found["b"]) == tmp_path / "b.png"
    with pytest.raises(ImageProblem, match=r"a\.TIF and .*a\.png stand for one image"):
        the_one(found["a"])
    assert images_in(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("name", [b"a\xff.png", b"a\x1b[2J.png", b"a\n.png"])
def test_names_that_cannot_be_printed_are_refused_in_print(tmp_path, name):
    try:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    (files,) = images_in(tmp_path).values()
    with pytest.raises(ImageProblem, match="a control character or bytes that are no text; rename the file") as error:
        the_one(files)
    assert str(error.value).isprintable()


def test_the_table_of_rules_names_the_limit():
    assert "MOST_PIXELS" in images.__doc__
