"""The devices that these tests run on: one that is pretended, everywhere, and a GPU where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from pretended import pretended_device

from tsdm_bench.device import compute_in_float32


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")
        compute_in_float32()
        yield torch.device("cuda")
        return
    with pretended_device() as found:
        yield found
