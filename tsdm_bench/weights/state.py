"""Loading weights without executing anything that a file says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file


def load_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The tensors of a file: ``.safetensors``, or a PyTorch file read with ``weights_only`` (plain tensors, nested
    dicts, numbers). Raises ``ValueError`` for a file that holds anything else: it would have to be executed.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path, device=str(device))
        return torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, EOFError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise ValueError(f"{path} holds no plain tensors ({reason}); expected a state dict or safetensors") from error
