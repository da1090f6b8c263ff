"""Where a training runs: devices and precision, by Lightning Fabric. Everything else asks Fabric for the device."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from tsdm_bench.errors import words_of
from tsdm_bench.words import counted

if TYPE_CHECKING:
    from lightning.fabric import Fabric

EXTRA = "training needs the packages of the extra `train`: pip install 'tsdm-bench[train]'"


class Hardware(NamedTuple):
    """Where to train, in the words of Lightning Fabric."""

    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"


ONE_DEVICE = Hardware()


def open_fabric(hardware: Hardware) -> Fabric:
    """Fabric on that hardware, its processes started; raises ``ValueError`` where this machine does not have it."""
    try:
        from lightning.fabric import Fabric
        from lightning.fabric.strategies import DDPStrategy
    except ImportError:
        raise ValueError(EXTRA) from None
    # Batch statistics differ between processes, and the discriminator runs twice before its gradients are exchanged.
    strategy = DDPStrategy(broadcast_buffers=False) if hardware.devices > 1 else "auto"
    try:
        fabric = Fabric(
            accelerator=hardware.accelerator, strategy=strategy, devices=hardware.devices, precision=hardware.precision
        )
        fabric.launch()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{hardware}: {words_of(error)}") from None
    return fabric


def on_gpu(fabric: Fabric) -> bool:
    """Whether the batches of this process go to a GPU."""
    return fabric.device.type == "cuda"


def hardware_facts(fabric: Fabric, hardware: Hardware) -> dict[str, Any]:
    """What the model card says of the machine."""
    if on_gpu(fabric):
        name = torch.cuda.get_device_name(fabric.device)
    else:
        name = f"{platform.machine()} CPU, {counted(torch.get_num_threads(), 'thread')}"
    return {
        "hardware": f"{fabric.world_size} × {name}, precision {hardware.precision}",
        "software": f"Python {sys.version.split()[0]}, PyTorch {torch.__version__}",
    }
