"""Users' own methods: every kind of specification, and what each says when it fails."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from fusion.classical.pixelwise import MAXIMUM
from fusion.external import parse
from fusion.method import prepare
from tsdm_bench.errors import UsageError
from tsdm_bench.images import ImageProblem

CLEAN = {"dataset": "toy", "image": "01", "factor": "clean", "severity": 0, "modality": "both"}
NOISE = CLEAN | {"factor": "noise", "severity": 3}
MEAN_SCRIPT = """
    import sys, cv2
    ir, vis = cv2.imread(sys.argv[1], 0), cv2.imread(sys.argv[2])
    cv2.imwrite(sys.argv[3], vis // 2 + ir[..., None] // 2)
"""


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Even 8-bit levels, so that halving is exact."""
    levels = np.random.default_rng(0).integers(0, 128, (4, 20, 28)) * 2
    images = torch.from_numpy(levels.astype(np.float32) / 255)
    return images[None, :1], images[None, 1:]


def save(path: Path, image: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., ::-1]))


def script(folder: Path, text: str, name: str = "mean.py") -> str:
    """A command that runs this Python text."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


# ---- what can be said ------------------------------------------------------------------------------------------------


def test_name_and_options_are_taken_from_the_text(tmp_path):
    method = parse(f"PIAFusion=folder:{tmp_path}?luma=1")
    assert (method.name, method.kind, method.luma, method.keyed) == ("PIAFusion", "external", True, True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nonsense", "cannot understand the method 'nonsense'; expected folder:PATH"),
        ("folder:", "cannot understand"),
        ("folder:/no/such/place", "no folder /no/such/place"),
        ("folder:.?multiple=8", "folder takes the options luma, not multiple"),
        ("command:true {ir} {vis}", "lacks {out}"),
        ("command:no-such-program {ir} {vis} {out}", "no program 'no-such-program'"),
        ("no_such_module:fuse", "cannot import no_such_module for the method .* ModuleNotFoundError"),
        ("math:no_such_function", "math has no 'no_such_function'"),
        ("math:pi", "math:pi is a float; expected a function"),
        ("no/such/file.py:fuse", "no Python file .*file.py"),
        ("file:no_such.onnx", "no network file no_such.onnx"),
        ("command:true '{ir} {vis} {out}", "cannot be split into words: no closing quotation"),
        ("folder:~no-such-user/x", "no folder ~no-such-user/x"),
        ("a/b=folder:.", r"method name 'a/b': it has a '/', and a name is no path; use letters"),
        ("../x=command:true {ir} {vis} {out}", "method name '../x': "),
        ("CON=folder:.", "method name 'CON': it is a device on Windows"),
        ("=folder:.", "method name '': it names no file"),
        ("a\nb=folder:.", r"method name 'a\\nb': it has a control character"),
        ("file:a\0b.pt", "cannot understand"),
        ("math:sqrt?luma=2", "luma=2, expected a whole number from 0 to 1"),
        ("math:sqrt?multiple=0", "multiple=0, expected a whole number from 1 to 1024"),
        ("math:sqrt?multiple=1.5", "multiple=1.5, expected a whole number"),
        ("command:true {ir} {vis} {out}?timeout=0", "timeout=0, expected a number from 0.01"),
        ("command:true {ir} {vis} {out}?timeout=1.2.3", r"timeout=1\.2\.3, expected a number"),
        (f"file:{__file__}", r"test_external.py is no network file; export it as .pt, .ts, .pt2 or .onnx"),
    ],
)
def test_specification_that_cannot_work_is_refused_in_one_line(spec, message):
    with pytest.raises((ValueError, FileNotFoundError, UsageError), match=message) as caught:
        parse(spec)
    assert "\n" not in str(caught.value)


def test_a_name_may_be_of_any_script_and_a_path_may_hold_an_equals_sign(tmp_path):
    assert parse(f"融合 2=folder:{tmp_path}").name == "融合 2"
    (tmp_path / "lr=3").mkdir()
    (tmp_path / "lr=3" / "own.py").write_text("def fuse(ir, vis): return vis")
    assert parse(f"{tmp_path}/lr=3/own.py:fuse").name == "fuse"


def test_a_name_that_follows_from_the_text_is_checked_too(tmp_path):
    (tmp_path / "a:b").mkdir()
    with pytest.raises(UsageError, match=r"method name 'a:b': it has a ':'"):
        parse(f"folder:{tmp_path}/a:b")
    assert parse(f"ab=folder:{tmp_path}/a:b").name == "ab"


# ---- folder ----------------------------------------------------------------------------------------------------------


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


# ---- command ---------------------------------------------------------------------------------------------------------


def test_command_runs_for_each_pair_of_a_batch(tmp_path, pair):
    method = parse(f"command:{script(tmp_path, MEAN_SCRIPT)} {{ir}} {{vis}} {{out}}")
    assert method.name == "mean"
    ir, vis = torch.cat([pair[0], 0 * pair[0]]), torch.cat([pair[1], pair[1]])
    torch.testing.assert_close(prepare(method)(ir, vis), (ir + vis) / 2)


def test_command_may_work_on_folders_and_choose_the_file_name(tmp_path, pair):
    text = """
        import sys, pathlib, cv2
        ir, vis, out = map(pathlib.Path, sys.argv[1:])
        for path in ir.iterdir():
            cv2.imwrite(str(out / f"fused_{path.name}"), cv2.imread(str(vis / path.name)))
    """
    fuse = prepare(parse(f"command:{script(tmp_path, text)} {{ir_dir}} {{vis_dir}} {{out_dir}}"))
    torch.testing.assert_close(fuse(*pair), pair[1])


def test_command_uses_no_shell_unless_asked(tmp_path, pair):
    run = script(tmp_path, MEAN_SCRIPT)
    marker = tmp_path / "marker"
    prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} ; touch {marker}"))(*pair)
    assert not marker.exists()
    prepare(parse(f"shell:{run} {{ir}} {{vis}} {{out}} ; touch {marker}"))(*pair)
    assert marker.exists()


def test_failing_command_tells_its_last_words(tmp_path, pair):
    run = script(tmp_path, "raise SystemExit('no weights found')")
    with pytest.raises(RuntimeError, match="ended with status 1: no weights found"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}}"))(*pair)


def test_command_that_writes_nothing_is_told(tmp_path, pair):
    with pytest.raises(RuntimeError, match=r"should write one image to \{out\}; it ended well and wrote nothing"):
        prepare(parse(f"command:{script(tmp_path, 'pass')} {{ir}} {{vis}} {{out}}"))(*pair)


def test_slow_command_is_stopped_with_all_that_it_started(tmp_path, pair):
    text = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[4], "w").write(str(child.pid))
        child.wait()
    """
    child = tmp_path / "child"
    run = script(tmp_path, text)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"took more than 1\.5 s and was stopped"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} {child}?timeout=1.5"))(*pair)
    assert time.monotonic() - start < 20
    deadline = time.monotonic() + 5
    while alive(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(child.read_text()))


LEAVES_A_DAEMON = """
    import os, sys, time
    import cv2
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(4)
        os._exit(0)
    os.wait()
    cv2.imwrite(sys.argv[3], cv2.imread(sys.argv[2]))
    time.sleep(float(sys.argv[4]))
"""


def test_what_outlives_the_command_does_not_keep_its_result(tmp_path, pair):
    """A daemon that left the session holds stderr open; the command itself has ended."""
    run = script(tmp_path, LEAVES_A_DAEMON)
    start = time.monotonic()
    torch.testing.assert_close(prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} 0"))(*pair), pair[1])
    assert time.monotonic() - start < 4


def test_a_daemon_does_not_lengthen_the_time_limit(tmp_path, pair):
    run = script(tmp_path, LEAVES_A_DAEMON)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"took more than 1 s and was stopped"):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}} 60?timeout=1"))(*pair)
    assert time.monotonic() - start < 4


def test_what_a_command_leaves_in_the_background_is_stopped(tmp_path, pair):
    run, child = script(tmp_path, MEAN_SCRIPT), tmp_path / "child"
    start = time.monotonic()
    prepare(parse(f"shell:sleep 60 & echo $! > {child}; {run} {{ir}} {{vis}} {{out}}"))(*pair)
    assert time.monotonic() - start < 20
    deadline = time.monotonic() + 5
    while alive(int(child.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(child.read_text()))


def test_a_flood_of_words_is_drained_and_only_its_end_is_kept(tmp_path, pair):
    text = "import sys; [sys.stderr.write('x' * 99_999 + '\\n') for _ in range(200)]; sys.exit('the \\x1b[2J end')"
    with pytest.raises(RuntimeError, match=r"ended with status 1: .*the \\x1b\[2J end$") as caught:
        prepare(parse(f"command:{script(tmp_path, text)} {{ir}} {{vis}} {{out}}"))(*pair)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ("os.mkfifo(out)", "pair.png is a link, pipe or folder"),
        ("os.symlink('/dev/zero', out)", "pair.png is a link, pipe or folder"),
        ("os.symlink(sys.argv[2], out)", "pair.png is a link, pipe or folder"),
        ("os.mkdir(out)", "pair.png is a link, pipe or folder"),
        ("d = os.path.dirname(out); os.rmdir(d); os.symlink(os.path.dirname(sys.argv[2]), d)", "is a link, pipe"),
        ("open(out, 'wb').truncate(1 << 40)", "wrote pair.png of 1,099,511,627,776 bytes for a pair of 560 pixels"),
        ("open(out, 'w')", "pair.png"),
        ("[open(out + f'{i}.png', 'w') for i in range(9)]", r"wrote pair.png0.png, .*pair.png4.png$"),
    ],
)
def test_what_is_no_image_file_is_refused_without_opening_it(tmp_path, pair, make, message):
    run = script(tmp_path, f"import os, sys\nout = sys.argv[3]\n{make}")
    with pytest.raises((RuntimeError, ValueError), match=message):
        prepare(parse(f"command:{run} {{ir}} {{vis}} {{out}}?timeout=20"))(*pair)


def alive(process: int) -> bool:
    """Whether a process runs (one that ended and that nobody has waited for does not)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# ---- Python ----------------------------------------------------------------------------------------------------------

MODULE = """
    import numpy as np
    import torch

    from fusion.method import Method

    def mean(ir, vis):
        return (ir + vis) / 2

    def numpy_maximum(ir, vis):
        return torch.from_numpy(np.maximum(ir.cpu().numpy(), vis.cpu().numpy()))

    def luma_maximum(ir, y):
        assert y.shape[1] == 1
        return torch.maximum(ir, y)

    def eight_bits(ir, vis):
        return vis * 255

    def tanh(ir, vis):
        return (ir + vis) - 1

    def negative(ir, vis):
        return -0.05 - 0.05 * vis

    def standardised(ir, vis):
        return (vis - vis.mean()) / vis.std()

    def divided_twice(ir, vis):
        return vis / 255

    def overshooting(ir, vis):
        return vis + 0.09 * torch.sign(vis - 0.5)

    def black(ir, vis):
        return vis * 0

    def not_a_number(ir, vis):
        return torch.where(vis == vis.max(), float("nan"), vis)

    def infinite(ir, vis):
        return 1 / (vis - vis.min())

    def two_channels(ir, vis):
        return vis[:, :2]

    def turned(ir, vis):
        return vis.transpose(2, 3)

    def smaller(ir, vis):
        return vis[..., 1:, 1:]

    def without_batch(ir, vis):
        return vis[0]

    def integers(ir, vis):
        return (vis * 255).to(torch.uint8)

    def not_a_tensor(ir, vis):
        return vis.numpy()

    class Blend(torch.nn.Module):
        def forward(self, ir, vis):
            return 0.5 * ir + 0.5 * vis

    blend = Blend()

    CARD = Method(
        name="card", title="Card", kind="external", description="", source="", load=lambda weights, device: mean
    )
    TANH_CARD = Method(
        name="card", title="Card", kind="learned", description="", source="", load=lambda weights, device: tanh
    )
"""


@pytest.fixture
def module(tmp_path) -> Path:
    path = tmp_path / "own_fusion.py"
    path.write_text(textwrap.dedent(MODULE))
    return path


def test_python_function_by_file_and_by_module(module, pair, monkeypatch):
    by_file = parse(f"{module}:mean")
    assert by_file.name == "mean"
    torch.testing.assert_close(prepare(by_file)(*pair), (pair[0] + pair[1]) / 2)
    monkeypatch.syspath_prepend(module.parent)
    for spec in ("own_fusion:mean", "python:own_fusion:mean"):
        torch.testing.assert_close(prepare(parse(spec))(*pair), (pair[0] + pair[1]) / 2)


def test_python_function_with_numpy_and_with_luma(module, pair):
    torch.testing.assert_close(prepare(parse(f"{module}:numpy_maximum"))(*pair), torch.maximum(*pair))
    fused = prepare(parse(f"{module}:luma_maximum?luma=1"))(*pair)
    assert fused.shape == pair[1].shape


def test_python_module_instance_and_method_card(module, pair):
    torch.testing.assert_close(prepare(parse(f"{module}:blend"))(*pair), (pair[0] + pair[1]) / 2)
    assert parse(f"{module}:CARD").name == "card"
    assert parse(f"mine={module}:CARD").name == "mine"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("eight_bits", r"values from .* to 25\d.*; expected \[0, 1\] \(divide 8-bit values by 255\)"),
        ("tanh", r"values from -\d.*; expected \[0, 1\], \d+% of them are more than 0\.1 outside .*\(x \+ 1\) / 2"),
        ("TANH_CARD", r"values from -\d.*; expected \[0, 1\]"),
        ("negative", r"values from -0\.\d+ to -0\.\d+; expected \[0, 1\]"),
        ("standardised", r"expected \[0, 1\], \d+% of them"),
        ("divided_twice", r"something brighter than 1/255 \(is it divided by 255 twice\?\)"),
        ("not_a_number", "values that are not finite"),
        ("infinite", "values that are not finite"),
        ("two_channels", r"must be 1×1×20×28 or 1×3×20×28 .*got 1×2×20×28"),
        ("turned", r"got 1×3×28×20"),
        ("smaller", r"got 1×3×19×27"),
        ("without_batch", r"got 3×20×28"),
        ("integers", "expected a float tensor .* got torch.uint8 tensor"),
        ("not_a_tensor", "expected a float tensor .* got ndarray"),
    ],
)
def test_python_result_on_another_scale_or_type_is_refused(module, pair, function, message):
    with pytest.raises(ValueError, match=message):
        prepare(parse(f"{module}:{function}"))(*pair)


@pytest.mark.parametrize("function", ["overshooting", "black"])
def test_a_small_overshoot_is_clamped_and_black_is_an_image(module, pair, function):
    fused = prepare(parse(f"{module}:{function}"))(*pair)
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_one_image_of_a_batch_on_another_scale_is_enough(module, pair):
    ir, vis = torch.cat([pair[0] * 0 + 1, pair[0]]), torch.cat([pair[1], pair[1]])
    with pytest.raises(ValueError, match=r"values from -\d"):
        prepare(parse(f"{module}:tanh"))(ir, vis)


def test_python_file_that_fails_to_import_is_told(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('missing weights')")
    with pytest.raises(ValueError, match=r"cannot import .*broken.py .*RuntimeError: missing weights"):
        parse(f"{tmp_path}/broken.py:fuse")


# ---- network files ---------------------------------------------------------------------------------------------------


class Network(torch.nn.Module):
    """A 1×1 convolution over the channels of both images that takes their mean; needs even sides."""

    def __init__(self, ir_channels: int, vis_channels: int) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(ir_channels + vis_channels, vis_channels, 1, bias=False)
        weight = torch.zeros(vis_channels, ir_channels + vis_channels)
        weight[:, :ir_channels] = 0.5 / ir_channels
        weight[range(vis_channels), range(ir_channels, ir_channels + vis_channels)] = 0.5
        self.mix.weight.data = weight[..., None, None]

    def forward(self, ir: torch.Tensor, vis: torch.Tensor) -> torch.Tensor:
        assert ir.shape[2] % 8 == 0
        return self.mix(torch.cat([ir, vis], dim=1))


def luma(rgb: torch.Tensor) -> torch.Tensor:
    return 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:]


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("channels", [(1, 3), (1, 1), (3, 3)])
def test_torchscript_network_gets_the_channels_it_takes(tmp_path, pair, channels):
    path = tmp_path / "own.pt"
    torch.jit.save(torch.jit.script(Network(*channels)), str(path))
    method = parse(f"file:{path}?multiple=8")
    assert (method.name, method.multiple) == ("own", 8)
    ir, vis = pair[0], 0.25 + pair[1] / 2
    fused = prepare(method)(ir, vis)
    if channels[1] == 3:
        torch.testing.assert_close(fused, (ir + vis) / 2)
    else:
        torch.testing.assert_close(luma(fused), (ir + luma(vis)) / 2, atol=3e-3, rtol=0)
        assert not torch.equal(fused[:, 0], fused[:, 2])


def test_exported_network_of_any_size(tmp_path, pair):
    path = tmp_path / "own.pt2"
    height, width = (8 * torch.export.Dim(side, min=2, max=512) for side in ("rows", "columns"))
    sides = {2: height, 3: width}
    example = torch.zeros(1, 1, 48, 56), torch.zeros(1, 3, 48, 56)
    torch.export.save(torch.export.export(Network(1, 3), example, dynamic_shapes=(sides, sides)), path)
    fused = prepare(parse(f"file:{path}?multiple=8"))(*pair)
    torch.testing.assert_close(fused, (pair[0] + pair[1]) / 2)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_network_that_cannot_run_tells_why(tmp_path):
    path = tmp_path / "own.ts"
    torch.jit.save(torch.jit.script(Network(2, 5)), str(path))
    with pytest.raises(ValueError, match=r"does not run on a pair of 64×64 images \(1\+3 channels: .*; 3\+3 channels"):
        prepare(parse(f"file:{path}"))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_state_dict_is_told_from_a_network(tmp_path):
    torch.save(Network(1, 3).state_dict(), tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"state.pt cannot be read as a network .* a state_dict alone"):
        prepare(parse(f"file:{tmp_path}/state.pt"))


def save_onnx(path: Path, names: tuple[str, str], channels: tuple[int, int], height: int | str = "height") -> None:
    """An ONNX network that returns the mean of its first and second input, counted as infrared and visible."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", count, height, "width"])
        for name, count in zip(names, channels, strict=True)
    ]
    output = helper.make_tensor_value_info("fused", TensorProto.FLOAT, None)
    half = helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])
    nodes = [helper.make_node("Add", list(names), ["sum"]), helper.make_node("Mul", ["sum", "half"], ["fused"])]
    graph = helper.make_graph(nodes, "mean", inputs, [output], [half])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


@pytest.mark.parametrize(
    ("names", "channels"), [(("ir", "vis"), (1, 3)), (("visible", "infrared"), (3, 1)), (("a", "b"), (1, 3))]
)
def test_onnx_network_with_colour(tmp_path, pair, names, channels):
    save_onnx(tmp_path / "own.onnx", names, channels)
    fused = prepare(parse(f"file:{tmp_path}/own.onnx"))(*pair)
    torch.testing.assert_close(fused, (pair[0] + pair[1]) / 2)


def test_onnx_network_on_luma_keeps_the_colour(tmp_path, pair):
    save_onnx(tmp_path / "own.onnx", ("ir", "vis"), (1, 1))
    ir, vis = pair[0], 0.25 + pair[1] / 2
    fused = prepare(parse(f"file:{tmp_path}/own.onnx"))(ir, vis)
    torch.testing.assert_close(luma(fused), (ir + luma(vis)) / 2, atol=3e-3, rtol=0)


def save_onnx_of(path: Path, shapes: tuple[list, list], kind: int = TensorProto.FLOAT) -> None:
    """An ONNX network that returns its second input halved, whatever the forms of both."""
    inputs = [helper.make_tensor_value_info(n, kind, s) for n, s in zip(("ir", "vis"), shapes, strict=True)]
    half = helper.make_tensor("half", kind, [1], [0.5] if kind != TensorProto.UINT8 else [1])
    output = helper.make_tensor_value_info("fused", kind, None)
    graph = helper.make_graph([helper.make_node("Mul", ["vis", "half"], ["fused"])], "half", inputs, [output], [half])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


@pytest.mark.parametrize(
    "shapes",
    [
        (["n", "h", "w", 1], ["n", "h", "w", 3]),
        ([1, 20, 28, 1], [1, 20, 28, 3]),
        ([1, 1, "h", "w"], [1, 3, "h", "w"]),
        ([4, 1, "h", "w"], [4, 3, "h", "w"]),
        ([2, "h", "w", 1], [2, "h", "w", 3]),
        (["n", 1, "h", "w"], ["n", "c", "h", "w"]),
    ],
)
def test_onnx_network_of_another_axis_order_or_batch(tmp_path, pair, shapes):
    save_onnx_of(tmp_path / "own.onnx", shapes)
    ir, vis = torch.cat([pair[0]] * 3), torch.cat([pair[1], 1 - pair[1], pair[1] / 2])
    torch.testing.assert_close(prepare(parse(f"file:{tmp_path}/own.onnx"))(ir, vis), vis / 2)


@pytest.mark.parametrize(
    ("shapes", "kind", "message"),
    [
        ((["n", 1, 8, 8], ["n", 4, 8, 8]), TensorProto.FLOAT, r"vis takes 4 channels; expected 1 or 3 \(N×C×H×W"),
        (
            (["n", 1, 8, 8], ["n", 3, 8]),
            TensorProto.FLOAT,
            r"expected float inputs N×C×H×W, .*; vis is tensor\(float\)",
        ),
        ((["n", 1, 8, 8], ["n", 3, 8, 8]), TensorProto.UINT8, r"expected float inputs .*; ir is tensor\(uint8\)"),
        (([2, 1, 8, 8], [4, 3, 8, 8]), TensorProto.FLOAT, r"takes 2 infrared and 4 visible images at once"),
    ],
)
def test_onnx_network_for_other_images_is_refused_by_name(tmp_path, shapes, kind, message):
    save_onnx_of(tmp_path / "own.onnx", shapes, kind)
    with pytest.raises(ValueError, match=r"own\.onnx.*" + message) as caught:
        prepare(parse(f"file:{tmp_path}/own.onnx"))
    assert "\n" not in str(caught.value)


def test_onnx_network_that_fails_on_a_pair_is_told_in_one_line(tmp_path, pair):
    save_onnx(tmp_path / "own.onnx", ("ir", "vis"), (1, 3))
    model = onnx.load(str(tmp_path / "own.onnx"))
    model.graph.node[0].input[1] = "half3"
    model.graph.initializer.append(helper.make_tensor("half3", TensorProto.FLOAT, [1, 1, 1, 999], [0.5] * 999))
    onnx.save(model, str(tmp_path / "own.onnx"))
    with pytest.raises(ValueError, match="the network does not run on 1×1×20×28 and 1×3×20×28: ") as caught:
        prepare(parse(f"file:{tmp_path}/own.onnx"))(*pair)
    assert "\n" not in str(caught.value)


def test_onnx_network_of_a_fixed_size_is_told(tmp_path, pair):
    save_onnx(tmp_path / "own.onnx", ("ir", "vis"), (1, 3), height=256)
    with pytest.raises(ValueError, match="takes images of height 256 only, the pair has 20; export it with dynamic"):
        prepare(parse(f"file:{tmp_path}/own.onnx"))(*pair)


def test_file_that_is_no_onnx_network_is_told(tmp_path):
    (tmp_path / "own.onnx").write_bytes(os.urandom(64))
    with pytest.raises(ValueError, match=r"own\.onnx is not an ONNX network that can be run"):
        prepare(parse(f"file:{tmp_path}/own.onnx"))


# ---- the guide -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_examples_of_the_guide_run(tmp_path, pair, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs" / "own_methods.md").read_text()
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", guide, re.DOTALL):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("export_network.py")

    def fused(spec: str) -> torch.Tensor:
        return prepare(parse(spec))(*pair)

    mean, maximum = (pair[0] + pair[1]) / 2, torch.maximum(*pair)
    python = shlex.quote(sys.executable)
    torch.testing.assert_close(fused(f"blend=command:{python} fuse_pair.py {{ir}} {{vis}} {{out}}?timeout=60"), mean)
    torch.testing.assert_close(fused("my_fusion.py:fuse"), mean)
    torch.testing.assert_close(fused("my_fusion.py:fuse_with_numpy"), maximum)
    assert fused("my_fusion.py:net?luma=1").shape == pair[1].shape
    torch.testing.assert_close(fused("file:net.onnx"), fused("file:net.pt"), atol=1e-5, rtol=0)
    torch.testing.assert_close(fused("my_package.py:CARD"), prepare(MAXIMUM)(*pair))
