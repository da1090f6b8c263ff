"""Methods that are network files: TorchScript, torch.export and ONNX."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from fusion.external import parse
from fusion.method import prepare


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
