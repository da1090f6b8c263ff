"""What the pixels of a file mean: reading, writing, 8 bits, luma, batches.

A file is either understood or refused by name; nothing about it is guessed.

==================================  ================================================================================
what is found                       what is done
==================================  ================================================================================
grey, palette, 1-bit, RGB           expanded to 8-bit grey or RGB, exactly
EXIF orientation                    applied, as viewers, annotation tools and OpenCV do
an alpha channel or colour key      dropped where every pixel is opaque, else refused
more than 8 bits per channel        refused; 16 bits are allowed for results of a method (:func:`read_result`)
CMYK, LAB, signed or float samples  refused
several pictures in one file        refused (TIFF pages, animations); of an MPO the first is read, as in any JPEG reader
a suffix that is not the format     read by its content
an ICC profile or gamma             ignored, as benchmarks do
cut off, damaged, empty             refused; a PNG also where a checksum does not hold
more than ``MOST_PIXELS`` pixels    refused by the header, before any memory is taken
folders, pipes, sockets, devices    refused without opening them
==================================  ================================================================================
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import open as open_image  # bound here: ultralytics replaces Image.open by one that asks for plug-ins
from PIL.TiffImagePlugin import TiffImageFile

from tsdm_bench.errors import UsageError, printable, words_of
from tsdm_bench.files import write_atomically
from tsdm_bench.names import why_no_file_name

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MOST_PIXELS = 1 << 26
"""8192×8192: four times the largest image of the field, 0.8 GB as RGB float32."""
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "YCbCr")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
ORIENTATION, BITS_PER_SAMPLE, SAMPLE_FORMAT = 274, 258, 339  # tags of TIFF and EXIF
TURNED_BY_90 = (5, 6, 7, 8)
TWELVE_BITS = 1 << 12
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
ORIENTATION_KEYWORDS = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
MOST_CHUNKS = 1 << 16


class ImageProblem(ValueError):
    """A file that cannot serve as an image; the message names it and says what to do."""


# --- which files ---


def short(path: Path) -> str:
    """The last three parts of a path, fit for printing: enough to find the file, short enough for one line."""
    return printable(os.path.join(*path.parts[-3:]))


def images_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The image files directly in ``folder`` by name without suffix, sorted; empty where there is no such folder.

    More than one file of a name is for the caller to refuse (:func:`the_one`). Hidden files are none: a Mac puts
    ``._001.png``, which is no image, beside every image that it copies. Names that are not UTF-8 are escaped.
    """
    if not folder.is_dir():
        return {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot list {folder}: {error.strerror}; make it readable or name another folder") from None
    found: dict[str, tuple[Path, ...]] = {}
    for path in paths:
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            name = printable(path.stem)
            found[name] = (*found.get(name, ()), path)
    return found


def the_one(files: tuple[Path, ...]) -> Path:
    """The only file of a name; raises :class:`ImageProblem` where there are several, or the name can be no id."""
    if len(files) > 1:
        raise ImageProblem(f"{' and '.join(map(short, files))} stand for one image; keep one of them")
    if problem := why_no_file_name(files[0].stem):
        raise ImageProblem(f"{short(files[0])}: {problem}; rename the file")
    return files[0]


# --- reading ---


def read_rgb(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W×3 uint8 RGB (grey is replicated).

    Raises :class:`ImageProblem` naming the file where it is none of what the head of this module lists.
    """
    with _opened(path, whole=True) as image:
        if _is_deep(image):
            raise ImageProblem(
                f"{short(path)} has more than 8 bits per channel (mode {image.mode}); convert it to 8 bits first"
            )
        return np.array(_decoded(image, short(path)).convert("RGB"))


def read_grey(path: Path) -> np.ndarray:
    """Read an 8-bit image as H×W uint8 grey (BT.601 luma of colour files; the same errors as :func:`read_rgb`)."""
    return cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY)


def read_result(path: Path) -> np.ndarray:
    """Read what a method wrote, as H×W grey or H×W×3 RGB, uint8, or uint16 where the file has 16 bits per channel.

    The same errors as :func:`read_rgb`, and one for a 16-bit file that no value of which reaches 4096: it may be dark,
    or hold 12-bit data.
    """
    with _opened(path, whole=True) as image:
        name = short(path)
        deep = _is_deep(image)
        decoded = _decoded(image, name)  # also where it is deep: PIL meets a file that is cut off, OpenCV does not
        if not deep:
            return np.array(decoded)
        if image.mode.startswith(("F", "I")) and not image.mode.startswith("I;16"):
            raise ImageProblem(f"{name} has float or 32-bit samples; convert it to 8 or 16 bits first")
        if image.getexif().get(ORIENTATION, 1) not in (0, 1):
            raise ImageProblem(f"{name} has 16 bits and an EXIF orientation; store it upright")
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ImageProblem(f"{name} has samples of an unusual kind; convert it to 8 bits, or to 16-bit PNG")
    if pixels.ndim == 3 and pixels.shape[2] == 4 and pixels[..., 3].min() < np.iinfo(np.uint16).max:
        raise ImageProblem(_transparent(name))
    pixels = np.ascontiguousarray(pixels[..., 2::-1]) if pixels.ndim == 3 else pixels
    if 0 < pixels.max() < TWELVE_BITS:
        raise ImageProblem(
            f"{name} has 16 bits but no value above {pixels.max()}: is it 12-bit data? convert it to 8 bits first"
        )
    return pixels


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 of a :func:`read_result`: 16-bit values are divided by 257 and rounded.

    >>> to_8_bits(np.array([0, 128, 129, 65535], np.uint16)).tolist()
    [0, 0, 1, 255]
    """
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def image_size(path: Path) -> tuple[int, int] | None:
    """(H, W) of an image from its header, as it will be read; None where the file cannot serve."""
    try:
        with _opened(path) as image:
            asked = image.format != "TIFF" and (image.format != "PNG" or _png_may_be_turned(path))
            turned = asked and image.getexif().get(ORIENTATION) in TURNED_BY_90
            return (image.width, image.height) if turned else (image.height, image.width)
    except ImageProblem:
        return None


def _png_may_be_turned(path: Path) -> bool:
    """Whether a PNG has a chunk that can hold an orientation; PIL would decode the whole picture to find out."""
    with path.open("rb", buffering=0) as file:
        at = len(PNG_SIGNATURE)
        for _ in range(MOST_CHUNKS):
            file.seek(at)
            head = file.read(48)
            if len(head) < 8:
                return False
            length, kind = struct.unpack(">I4s", head[:8])
            keyword = head[8:].partition(b"\0")[0]
            if kind == b"eXIf" or (kind in TEXT_CHUNKS and keyword in ORIENTATION_KEYWORDS):
                return True
            at += 12 + length
    return True


@contextmanager
def _opened(path: Path, *, whole: bool = False) -> Iterator[Image.Image]:
    """An image file whose header is fit to be decoded; all that goes wrong with it is an :class:`ImageProblem`.

    With ``whole`` the checksums of a PNG are verified, which reads all of it.
    """
    name = short(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageProblem(f"{name} is a folder, pipe or device, not an image file")
        if status.st_size == 0:
            raise ImageProblem(f"{name} is empty (0 bytes); copy it again")
        # PIL, not OpenCV: OpenCV fills the lost part of a truncated file with grey and only warns.
        with open_image(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            if whole and image.format == "PNG":
                with open_image(path, formats=FORMATS) as to_verify:
                    to_verify.verify()
            yield image
    except ImageProblem:
        raise
    except FileNotFoundError:
        raise ImageProblem(f"{name} is missing") from None
    except Image.DecompressionBombError:
        raise ImageProblem(f"{name} is declared to have more than {MOST_PIXELS:,} pixels; make it smaller") from None
    except UnidentifiedImageError:
        formats = "PNG, JPEG, BMP, TIFF or WebP"
        raise ImageProblem(f"{name} cannot be read as an image: it is no {formats}, or its header is damaged") from None
    except Exception as error:  # on damaged files decoders raise almost anything
        raise ImageProblem(f"{name} cannot be read as an image: {words_of(error)}") from None


def _tag(image: Image.Image, number: int) -> tuple[int, ...]:
    """A tag of a TIFF file, a value per channel; (1,) where it is not there."""
    return image.tag_v2.get(number, (1,)) if isinstance(image, TiffImageFile) else (1,)


def _is_deep(image: Image.Image) -> bool:
    """Whether a channel has more than 8 bits, which PIL cuts in silence from colour files; asked before decoding."""
    if image.format == "TIFF":
        return max(_tag(image, BITS_PER_SAMPLE)) > 8
    return image.mode.startswith(("I", "F")) or (image.format == "PNG" and ";16" in str(getattr(image, "tile", "")))


def _decoded(image: Image.Image, name: str) -> Image.Image:
    """The whole picture, upright and without alpha: mode L or RGB, or as it is where it has more than 8 bits."""
    frames = getattr(image, "n_frames", 1)
    if image.format != "MPO" and frames > 1:
        raise ImageProblem(f"{name} holds {frames} pictures; store the one that is meant")
    if image.format == "TIFF" and set(_tag(image, SAMPLE_FORMAT)) != {1}:
        raise ImageProblem(f"{name} has signed or float samples; convert it to 8 bits first")
    if _is_deep(image):
        image.load()
        return image
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise ImageProblem(f"{name} has the colours {image.mode}; convert it to 8-bit RGB or grey first")
    grey = image.mode in GREY_MODES
    transparent = image.mode in ALPHA_MODES or "transparency" in image.info
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if transparent:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            raise ImageProblem(_transparent(name))
    return image.convert("L" if grey else "RGB")


def _transparent(name: str) -> str:
    return f"{name} is transparent in places; flatten it onto a background first"


# --- writing ---


def encode_png(pixels: np.ndarray) -> bytes:
    """An H×W, H×W×3 RGB or H×W×4 (red, green, blue and another channel) uint8 image as a PNG file."""
    image = pixels
    if pixels.ndim == 3:
        image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(".png", image)[1].tobytes()


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write an H×W or H×W×3 RGB uint8 image as PNG, whole or not at all."""
    data = encode_png(pixels)
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
