"""The pretended device refuses what CUDA refuses, and lets through what CUDA lets through."""

from __future__ import annotations

import numpy as np
import pytest
import torch


def test_tensors_of_two_devices_do_not_meet(device: torch.device) -> None:
    here, there = torch.ones(3), torch.ones(3, device=device)
    for mix in (
        lambda: here + there,
        lambda: there.add_(here),
        lambda: torch.cat([there, here]),
        lambda: torch.where(there > 0, there, here),
        lambda: torch.nn.functional.conv1d(there.view(1, 1, 3), here.view(1, 1, 3)),
        lambda: torch.stack([there.mean(), here.mean()]),
    ):
        with pytest.raises(RuntimeError, match="same device"):
            mix()


def test_numpy_does_not_reach_the_device(device: torch.device) -> None:
    there = torch.ones(3, device=device)
    for reach in (there.numpy, lambda: np.asarray(there), lambda: torch.from_numpy(there)):
        with pytest.raises(TypeError):
            reach()
    assert there.cpu().numpy().tolist() == [1, 1, 1]


def test_what_is_made_of_the_device_lies_on_it(device: torch.device) -> None:
    there = torch.tensor([3.0, 1.0], device=device)
    made = [
        there.new_tensor([1]),
        there.new_zeros(2),
        torch.arange(2, device=device),
        torch.ones(2).to(there),
        there[0],
    ]
    assert {each.device.type for each in made} == {device.type}
    assert there.sort().values.tolist() == [1, 3]
    assert (there * 2).sum().item() == 8
    assert (there + torch.tensor(1.0)).tolist() == [4, 2]  # a single number may come from anywhere
    there[torch.tensor([1])] = 5  # and so may an index
    assert there.tolist() == [3, 5]
