"""Where tensors lie and how exactly they are computed: decided here once, and passed down by whoever runs the work.

Between rooms images are float32 on the device of the run. Weights are read into the CPU's memory and moved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsdm_bench.errors import UsageError
from tsdm_bench.words import counted


def pick_device(name: str) -> str:
    """``auto`` is CUDA where there is one; raises ``UsageError`` for any other name than that, cpu, cuda or cuda:N.

    >>> pick_device("cpu")
    'cpu'
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, number = name.partition(":")
    if name != "cpu" and (kind != "cuda" or (colon and not number.isdecimal())):
        raise UsageError(f"--device {name}: expected auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine offers no CUDA device; use --device cpu")
    if number and int(number) >= torch.cuda.device_count():
        devices = counted(torch.cuda.device_count(), "CUDA device")
        raise UsageError(f"--device {name}: this machine has {devices}, from cuda:0")
    return name


def to_device(tensor: Tensor, device: torch.device | str) -> Tensor:
    """``tensor`` on ``device``; to a GPU it goes through pinned memory, and nothing waits for it.

    >>> to_device(torch.zeros(2), "cpu").device.type
    'cpu'
    """
    if torch.device(device).type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def compute_in_float32() -> None:
    """Let float32 products of this process be float32 on a GPU too: TensorFloat32 rounds their factors to 11 bits.

    Called by whoever runs the work, never by a module that is imported.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def free_bytes(device: torch.device | str) -> int | None:
    """Memory of a GPU that nothing uses yet; None for other devices, whose memory others share."""
    if torch.device(device).type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + kept


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether a device had no room for a tensor; what was freed since is then given back to it.

    >>> ran_out_of_memory(ValueError("another fault"))
    False
    """
    if not isinstance(error, torch.OutOfMemoryError):
        return False
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return True


def wait_for(device: torch.device | str) -> None:
    """Until a GPU has done what it was given; other devices do it at once."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
