"""The Triton form of the Swin blocks against the plain one: interpreted on a CPU, compiled on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fusion.tsdm.kernels.blocks import swin_blocks, swin_blocks_on_gpu
from fusion.tsdm.networks.student import DIM, SwinBlock

pytest.importorskip("triton", reason="Triton comes with torch for GPUs")
ROOT = Path(__file__).parents[3]


def blocks(count: int) -> nn.ModuleList:
    """Blocks whose weights are large enough that every part of them shows."""
    torch.manual_seed(0)
    made = nn.ModuleList(SwinBlock() for _ in range(count)).eval().requires_grad_(False)
    for name, parameter in made.named_parameters():
        nn.init.normal_(parameter, mean=float("norm" in name and "weight" in name), std=0.1)
        if "bias_table" in name:
            nn.init.normal_(parameter)
    return made


def tokens(*shape: int) -> Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(1))


INTERPRETED = """
import torch
from test_tsdm_block_gpu import blocks, tokens
from fusion.tsdm.kernels.blocks import swin_blocks
from fusion.tsdm.kernels.window_gpu import apply_block

for dtype, within in ((torch.float32, 2e-5), (torch.float16, 2e-2)):  # the interpreter cannot multiply bfloat16
    for shape in ((2, 16, 24), (1, 8, 8)):
        both, x = blocks(2), tokens(*shape)
        expected, found = swin_blocks.plain(x, both, [0.0] * 2), x.clone()
        for i, block in enumerate(both):
            apply_block(found, block, i == 1, dtype)
        apart = (found - expected).abs().max().item()
        assert apart <= within, (dtype, shape, apart)
        assert (expected - x).abs().mean() > 0.3

# One block on plain and on shifted windows, and with other weights: what was packed for one is not used for another.
twice = torch.nn.ModuleList([*blocks(1)] * 2)
with torch.no_grad():
    for shift in (0.0, 1.0):
        twice[0].mlp.fc2.bias.add_(shift)
        found = tokens(1, 8, 8)
        for shifted in (False, True):
            apply_block(found, twice[0], shifted, torch.float32)
        torch.testing.assert_close(found, swin_blocks.plain(tokens(1, 8, 8), twice, [0.0] * 2), atol=5e-5, rtol=0)
"""


def test_interpreted_it_is_the_plain_form() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    run = subprocess.run([sys.executable, "-c", INTERPRETED], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1), (torch.float16, 0.02)])
@pytest.mark.parametrize("shape", [(2, 16, 24), (1, 8, 8), (1, 104, 136)])
def test_on_a_gpu_it_is_the_plain_form(shape: tuple, dtype: torch.dtype, within: float) -> None:
    both, x = blocks(4), tokens(*shape)
    expected = swin_blocks.plain(x, both, [0.0] * 4)
    both = both.cuda()
    with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
        found = swin_blocks_on_gpu(x.cuda(), both, [0.0] * 4)
        assert torch.equal(swin_blocks(x.cuda(), both, [0.0] * 4), found)
    assert not swin_blocks.gpu_failed
    assert (found.cpu() - expected).abs().max() <= within * expected.abs().max()
