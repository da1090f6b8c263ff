"""Labels and images made by hypothesis: what is valid is read back exactly, and nothing else ends in another error.

``TSDM_BENCH_EXAMPLES=3000`` tries more of each.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.datasets.labels import LabelFault, read_classes, read_voc, read_yolo, spelling
from bench.datasets.pair import Box
from tsdm_bench.images import ImageProblem, image_size, read_result, read_rgb

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402 - after the skip

SIZE = (480, 640)
NAMES = ("person", "car", "bus")
examples = hypothesis.settings(
    max_examples=int(os.environ.get("TSDM_BENCH_EXAMPLES", "40")),
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
words = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
fractions = st.floats(0, 1, allow_subnormal=False)
sizes = st.floats(1e-3, 1)
lines = st.lists(st.tuples(st.integers(0, 2), fractions, fractions, sizes, sizes), max_size=6, unique=True)
pixels = st.integers(1, 640), st.integers(1, 480)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@examples
@hypothesis.given(
    lines, st.sampled_from(["\n", "\r\n", "\n\n", " \r"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
)
def test_valid_yolo_lines_are_read_back_exactly(tmp_path, objects, end, encoding):
    text = "".join(" ".join(map(repr, line)) + end for line in objects)
    labels = read_yolo(written(tmp_path, "a.txt", text.encode(encoding)), SIZE, NAMES)
    height, width = SIZE
    expected = [
        Box(NAMES[k], (x - w / 2) * width, (y - h / 2) * height, w * width, h * height) for k, x, y, w, h in objects
    ]
    assert labels.faults == ()
    assert labels.boxes == tuple(dict.fromkeys(expected))


@examples
@hypothesis.given(st.lists(st.tuples(words, *pixels, *pixels, st.booleans()), max_size=5))
def test_valid_voc_objects_are_read_back_exactly(tmp_path, objects):
    items, boxes = [], {False: {}, True: {}}
    for name, x1, y1, x2, y2, difficult in objects:
        (left, right), (top, bottom) = sorted((x1, x2)), sorted((y1, y2))
        corners = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        items.append(
            f"<object><name>{name}</name><difficult>{difficult:d}</difficult><bndbox>{corners}</bndbox></object>"
        )
        boxes[difficult][Box(name, left - 1, top - 1, right - left + 1, bottom - top + 1)] = None
    hypothesis.assume(not boxes[True].keys() & boxes[False].keys())
    size = f"<size><width>{SIZE[1]}</width><height>{SIZE[0]}</height></size>"
    text = f"<annotation>{size}{''.join(items)}</annotation>"
    labels = read_voc(written(tmp_path, "a.xml", text.encode()), SIZE)
    assert labels.faults == ()
    assert (labels.boxes, labels.difficult) == (tuple(boxes[False]), tuple(boxes[True]))


@examples
@hypothesis.given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.from_regex(r"[0-3] [-+.0-9e]{1,6} [.0-9naif]{1,4} 0?\.[0-9]{1,3} 0?\.[0-9]{1,3}( 0\.5){0,3}\s?").map(
            str.encode
        ),
    )
)
def test_any_bytes_are_labels_or_faults_by_line(tmp_path, content):
    path = written(tmp_path, "a.txt", content)
    for labels in (read_yolo(path, SIZE, NAMES), read_voc(path, SIZE)):
        assert all("a.txt" in fault and fault.isprintable() for fault in (*labels.faults, *labels.notes))
        assert all(-7 < b.x + b.w / 2 < 647 and -5 < b.y + b.h / 2 < 485 and b.w * b.h > 0 for b in labels.boxes)
    try:
        names = read_classes(path)
    except LabelFault as error:
        fault = str(error)
    else:
        fault = "a.txt"
        assert len(set(map(spelling, names))) == len(names) > 0
    assert "a.txt" in fault


@examples
@hypothesis.given(st.lists(words, min_size=1, max_size=6, unique_by=spelling), st.sampled_from(["\n", "\r\n", " \n"]))
def test_class_lists_are_read_back(tmp_path, names, end):
    assert read_classes(written(tmp_path, "classes.txt", (end.join(names) + end).encode("utf-8-sig"))) == tuple(names)


lossless = {"PNG": {}, "BMP": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {"lossless": True}}
sides = st.integers(1, 40)
modes = st.sampled_from(["1", "L", "P", "RGB", "RGBA", "LA"])


@examples
@hypothesis.given(sides, sides, st.sampled_from(sorted(lossless)), modes, st.integers(0, 99))
def test_lossless_pictures_are_read_back_exactly_and_cut_ones_refused(tmp_path, width, height, how, mode, seed):
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(255)
    buffer = io.BytesIO()
    try:
        picture.save(buffer, how, **lossless[how])
    except OSError:  # no such mode in this format
        hypothesis.reject()
    data, expected = buffer.getvalue(), np.array(picture.convert("RGB"))
    path = written(tmp_path, "a.png", data)
    assert np.array_equal(read_rgb(path), expected)
    result = read_result(path)
    assert np.array_equal(result if result.ndim == 3 else np.dstack([result] * 3), expected)
    assert image_size(path) == (height, width)
    written(tmp_path, "a.png", data[: random.integers(0, len(data) * 9 // 10)])
    with pytest.raises(ImageProblem, match=r"a\.png"):
        read_rgb(path)
