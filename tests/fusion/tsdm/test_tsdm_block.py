"""The compiled Swin block against the plain equations in float64, and its parts against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_student import swin_block

from fusion.tsdm.kernels import product, window
from fusion.tsdm.kernels.blocks import swin_blocks
from fusion.tsdm.networks.student import DIM, SwinBlock
from tsdm_bench.compiled import numba

pytestmark = pytest.mark.skipif(numba is None, reason="without numba there are only plain forms")
needs_bfloat16 = pytest.mark.skipif(not product.PAIRS, reason="no AVX512-BF16 instructions here")


@pytest.fixture
def block():
    torch.manual_seed(0)
    block = SwinBlock().eval().requires_grad_(False)
    for name, parameter in block.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name and "weight" in name), std=0.2)
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    return block


def exact(block, x, times):
    """The block by the equations in float64, on plain windows, then on shifted ones, and so on."""
    state = {f"block.{key}": value.double() for key, value in block.state_dict().items()}
    x = x.double()
    for time in range(times):
        x = swin_block(state, "block", x, shift=4 * (time % 2))
    return x


def applied(block, x, times):
    return swin_blocks.compiled(x, [block] * times, [0.0] * times)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("size", [(1, 8, 8), (2, 8, 24), (2, 24, 16)])
def test_block_is_that_of_the_equations(block, size, times):
    x = torch.randn(*size, DIM)
    torch.testing.assert_close(applied(block, x, times), exact(block, x, times).float(), atol=4e-5, rtol=0)


@pytest.mark.parametrize("bias", [400.0, -400.0])
def test_large_biases_make_no_infinity(block, bias):
    """Powers of the logits themselves would overflow, or all vanish. A float32 logit of 400 is exact to 3e-5 only."""
    block.attn.relative_position_bias_table[100:] += bias
    x = torch.randn(1, 16, 16, DIM)
    torch.testing.assert_close(applied(block, x, 1), exact(block, x, 1).float(), atol=5e-4, rtol=0)


def test_one_thread_and_two_give_the_same_bytes(block):
    x = torch.randn(2, 24, 40, DIM)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(applied(block, x, 2))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)


def test_nan_is_not_hidden_and_stays_in_its_window(block):
    x = torch.randn(1, 16, 16, DIM)
    x[0, 3, 3, 7] = float("nan")
    out = applied(block, x, 1)
    assert out[:, :8, :8].isnan().all()
    assert out[:, 8:].isfinite().all()
    assert out[:, :, 8:].isfinite().all()


@needs_bfloat16
def test_under_bfloat16_autocast_only_rounding_differs(block):
    x = torch.randn(1, 16, 16, DIM)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = applied(block, x, 1)
    error = (rounded - exact(block, x, 1)).abs().max().item()
    assert 1e-4 < error < 0.1


@needs_bfloat16
def test_product_of_pairs_is_that_of_the_rounded_numbers():
    numbers = np.random.default_rng(0)
    weights, x = (numbers.standard_normal(shape).astype(np.float32) for shape in ((12, 48), (48, 64)))
    out = np.empty((12, 64), np.float32)
    product.product(out, np.ones_like(out), product.pairs(weights), x)
    rounded = [torch.from_numpy(a).bfloat16().double().numpy() for a in (weights, x)]
    np.testing.assert_allclose(out, 1 + rounded[0] @ rounded[1], atol=1e-5)


def test_product_takes_transposed_weights_and_another_start():
    numbers = np.random.default_rng(0)
    weights, x, start = (numbers.standard_normal(shape).astype(np.float32) for shape in ((8, 64), (8, 64), (64, 64)))
    out = np.empty((64, 64), np.float32)
    product.product(out, start, weights.T, x)
    np.testing.assert_allclose(out, start + weights.T.astype(float) @ x, atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1000.0, -1000.0])
def test_softmax_in_powers_of_two(offset):
    """The logits of one query in three are masked by -100, as where a shifted window wraps around the image."""
    torch.manual_seed(0)
    logits = 10 * torch.randn(64, 64) + offset
    logits[::2, ::3] -= 100
    powers = logits.numpy().copy()
    norm = window._softmax(powers)
    expected = (logits.double() * np.log(2)).softmax(0)
    np.testing.assert_allclose(powers * norm, expected, atol=3e-7)


def test_gelu_is_the_exact_one():
    x = torch.linspace(-30, 30, 64 * 96).view(96, 64)
    out = x.numpy().copy()
    window._gelu(out)
    np.testing.assert_allclose(out, torch.nn.functional.gelu(x.double()), atol=1e-6, rtol=1e-6)


def test_powers_of_two():
    x = np.linspace(-126, 127, 4001).astype(np.float32)
    powers = np.array([window._power_of_two(number) for number in x], np.float64)
    np.testing.assert_allclose(powers, np.exp2(x.astype(np.float64)), rtol=3e-7)
    assert 0 < window._power_of_two(np.float32(-1e6)) < 2e-38
    assert np.isnan(window._power_of_two(np.float32("nan")))
