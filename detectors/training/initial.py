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


def load_matching(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor | Mapping]) -> int:
    """Copy every tensor whose name and shape the model has; returns how many were copied.

    Tensors may lie one level down, as under ``state_dict``.
    """
    nested = [value for value in tensors.values() if isinstance(value, Mapping)]
    flat = {name: value for group in (tensors, *nested) for name, value in group.items() if torch.is_tensor(value)}
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    matching = {name: value.float() for name, value in flat.items() if shapes.get(name) == value.shape}
    model.load_state_dict(matching, strict=False)
    return len(matching)
