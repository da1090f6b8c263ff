"""What a network starts from: the tensors of a file, copied wherever name and shape agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from detectors.backends.ultralytics_backend import import_ultralytics


def initial_tensors(path: Path) -> Mapping[str, torch.Tensor | Mapping]:
    """The tensors of a file of plain tensors (as :func:`load_matching` reads them), or of an ultralytics checkpoint.

    Raises ``ValueError`` where the file is neither.
    """
    try:
        found = torch.load(path, weights_only=True)
    except Exception:  # of many kinds, and not what a reader needs: a pickled network is tried next
        found = None
    if isinstance(found, Mapping) and not isinstance(found.get("model"), torch.nn.Module):
        return found
    import_ultralytics()
    from ultralytics.nn.tasks import load_checkpoint

    try:
        return load_checkpoint(path)[0].state_dict()
    except Exception as error:
        raise ValueError(
            f"{path.name} cannot start a detector: it is neither a file of plain tensors nor an ultralytics "
            f"checkpoint; give another file or none"
        ) from error


RGB = 3


def widened(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """The kernels (out×3×h×w) of a convolution over RGB for images of more ``channels``, such as RGB and infrared.

    Every further channel gets the mean of the three kernels, and all are scaled by 3 / ``channels``: a grey scene that
    looks alike in every channel excites the layer as it did before.

    >>> widened(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), 4).flatten().tolist()
    [0.75, 1.5, 2.25, 1.5]
    """
    further = weight.float().mean(dim=1, keepdim=True).expand(-1, channels - RGB, -1, -1)
    return torch.cat([weight.float(), further], dim=1) * (RGB / channels)


def load_matching(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor | Mapping]) -> int:
    """Copy every tensor whose name and shape the model has; returns how many were copied.

    Tensors may lie one level down, as under ``state_dict``. The first convolution of a model that takes more channels
    starts from the one for three, see :func:`widened`.
    """
    nested = [value for value in tensors.values() if isinstance(value, Mapping)]
    flat = {name: value for group in (tensors, *nested) for name, value in group.items() if torch.is_tensor(value)}
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    first = next((name for name, value in model.named_parameters() if value.ndim == 4), "")
    if first in flat and flat[first].ndim == 4 and flat[first].shape[1] == RGB < shapes[first][1]:
        flat[first] = widened(flat[first], shapes[first][1])
    matching = {name: value.float() for name, value in flat.items() if shapes.get(name) == value.shape}
    model.load_state_dict(matching, strict=False)
    return len(matching)
