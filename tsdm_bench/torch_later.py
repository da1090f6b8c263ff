"""torch for modules that hold cards beside code: imported when the code first runs.

Importing torch takes seconds, and who reads a card (a report, a list, a check of names) needs none of it. A module
that says ``from tsdm_bench.torch_later import Tensor, functional, torch`` has the names that it is used to.

>>> from tsdm_bench.torch_later import torch
>>> torch.ones(2).sum().item()
2.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional
else:

    class Later:
        """A module that is imported when one of its names is first asked for."""

        def __init__(self, name: str) -> None:
            self.__name__ = name

        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module(self.__name__), name)

    torch, functional = Later("torch"), Later("torch.nn.functional")
    Tensor = Any  # stands in annotations alone

__all__ = ["Tensor", "functional", "torch"]
