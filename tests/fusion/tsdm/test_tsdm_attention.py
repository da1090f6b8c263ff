"""The attention of training on a CPU and its form for GPUs against the plain equations."""

from __future__ import annotations

import pytest
import torch

from fusion.tsdm.networks import attention

GROUPS = ((19, 0), (3, 1), (2, 3))
"""More windows of the first kind than are taken at once; kind 2 has none."""


def plain(qkv, biases, groups):
    windows, tokens, width = qkv.shape
    heads = biases.shape[1]
    q, k, v = qkv.float().view(windows, tokens, 3, heads, width // (3 * heads)).permute(2, 0, 3, 1, 4)
    kinds = torch.tensor([kind for count, kind in groups for _ in range(count)])
    logits = q @ k.transpose(-2, -1) * (width // (3 * heads)) ** -0.5 + biases[kinds]
    return (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return torch.randn(24, 64, 144, requires_grad=True), torch.randn(4, 6, 64, 64, requires_grad=True)


@pytest.mark.parametrize("form", [attention.window_attention, attention._fused])
@pytest.mark.parametrize("offset", [0, 300, -300])
def test_output_and_gradients_are_those_of_the_plain_form(inputs, form, offset):
    """With an offset the powers overflow or vanish unless the largest logit is taken off first."""
    qkv, biases = inputs
    target = torch.randn(24, 64, 48)
    results = [f(qkv, biases + offset, GROUPS) for f in (form, plain)]
    torch.testing.assert_close(*results, atol=1e-4 if offset else 3e-6, rtol=0)
    gradients = [torch.autograd.grad((result * target).sum(), inputs) for result in results]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3 if offset else 2e-5, rtol=0)


def test_bfloat16_goes_in_and_comes_out_and_only_its_rounding_shows(inputs):
    qkv, biases = (x.detach() for x in inputs)
    out = attention.window_attention(qkv.bfloat16(), biases, GROUPS)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), plain(qkv.bfloat16(), biases, GROUPS), atol=1e-5, rtol=2**-8)


def test_one_weight_too_large_for_a_power_makes_no_infinity(inputs):
    qkv, biases = (x.detach().clone() for x in inputs)
    biases[0, 2, 5, 7] = 400.0
    out = attention.window_attention(qkv, biases, GROUPS)
    torch.testing.assert_close(out, plain(qkv, biases, GROUPS), atol=1e-4, rtol=0)


def test_steps_cover_every_window_once_in_order():
    taken = [(i, kind) for part, kind in attention.steps(GROUPS, 8) for i in range(24)[part]]
    assert taken == [(i, 0) for i in range(19)] + [(i, 1) for i in range(19, 22)] + [(i, 3) for i in range(22, 24)]
