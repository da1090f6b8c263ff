"""Weights of the three networks: reading ours and the authors' files, checking them by name, exporting."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from tsdm_bench.weights.safe_pickle import load_tensors
from tsdm_bench.weights.state import load_state as read_plain

DERIVED_BUFFERS = (".attn_mask", ".relative_position_index")
"""Buffers of the authors' student that follow from the image size alone; ours computes them."""

STATE_KEYS = ("state_dict", "ema", "network", "params", "model")
"""Where a checkpoint may keep its state dict, in the order in which they are looked for."""

LISTED = 8


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in ``path``: safetensors, a plain PyTorch state dict, a training checkpoint of ours (its averaged
    weights), or the authors' ``{'model': module, 'state_dict': …}``. Nothing that the file says is executed.

    Raises ``ValueError`` where the file holds no state dict, ``FileNotFoundError`` where it does not exist.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}; give a .safetensors, .pt or .pth file that exists")
    if path.suffix == ".safetensors":
        return read_plain(path)
    tree = load_tensors(path)
    found = [tree, *(tree[key] for key in STATE_KEYS if key in tree)] if isinstance(tree, Mapping) else []
    for state in found:
        if isinstance(state, Mapping) and state and all(isinstance(value, Tensor) for value in state.values()):
            return {key.removeprefix("module."): value for key, value in state.items()}
    raise ValueError(f"{path} holds no state dict; expected tensors by name, or such a dict under 'state_dict'")


def load_state(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load ``state`` into ``network``, key by key.

    Raises ``ValueError`` that lists by name what is missing, unexpected, or of another shape; ``source`` says in the
    message where the state came from.
    """
    given = {key: value for key, value in state.items() if not key.endswith(DERIVED_BUFFERS)}
    wanted = network.state_dict()
    problems = [f"missing {key}" for key in wanted if key not in given]
    problems += [f"unexpected {key}" for key in given if key not in wanted]
    problems += [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        raise ValueError(f"{source} does not fit {type(network).__name__}: {', '.join(problems[:LISTED])}{more}")
    network.load_state_dict(given)


def load_network(network: nn.Module, path: Path) -> nn.Module:
    """``network`` with the weights in ``path``, in evaluation mode."""
    load_state(network, read_state(path), str(path))
    return network.eval()


def export(state: Mapping[str, Tensor], path: Path, half: bool = False, card: Mapping[str, Any] | None = None) -> None:
    """Write ``state`` as safetensors, in half precision if asked, and the model card ``card`` beside it as Markdown.

    Both files appear whole or not at all. Raises ``ValueError`` for weights that are not finite, before or after
    rounding to half precision.
    """
    rounded = {key: (value.half() if half and value.is_floating_point() else value) for key, value in state.items()}
    broken = [key for key, value in rounded.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise ValueError(f"{path} was not written: {', '.join(broken[:LISTED])} hold values that are not finite")
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    save_file({key: value.contiguous().cpu() for key, value in rounded.items()}, temporary)
    os.replace(temporary, path)
    if card:
        temporary.write_text(model_card(path.stem, card), encoding="utf-8")
        os.replace(temporary, path.with_suffix(".md"))


def model_card(name: str, facts: Mapping[str, Any]) -> str:
    """A Markdown page: one bullet per fact, a table for facts that are lists of rows (dicts with the same keys)."""
    lines = [f"# {name}", ""]
    tables = {key: value for key, value in facts.items() if isinstance(value, list)}
    lines += [f"- **{key}**: {value}" for key, value in facts.items() if key not in tables]
    for key, rows in tables.items():
        columns = list(rows[0]) if rows else []
        lines += ["", f"## {key}", "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
        lines += [f"| {' | '.join(str(row[column]) for column in columns)} |" for row in rows]
    return "\n".join(lines) + "\n"
