"""A second device that a machine without a GPU can pretend to have: its tensors lie in the CPU's memory, yet refuse to
meet tensors of the CPU, and NumPy, as those of CUDA do.

Within :func:`pretended_device`, ``torch.device("pretended")`` takes tensors, networks and factory functions. Whatever
is computed on it is computed by the CPU's own kernels, so that values agree exactly with those of the CPU; what mixes
both devices raises ``RuntimeError``. Tensors of one number may be mixed with it, as CUDA allows.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretended"
LIBRARIES: list[torch.library.Library] = []
"""What they register ends with them."""
MOVES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
"""The only operations that take tensors of one device to another."""
INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}
"""Operations whose indices may lie on the CPU, as with CUDA."""


TAKE_NUMBERS = {"masked_fill", "masked_fill_", "fill", "fill_", "index_put", "index_put_", "_index_put_impl_"}
"""Operations, beside those that work point by point, whose tensors of one number may lie on the CPU."""


class PretendedTensor(torch.Tensor):
    """A tensor of the pretended device; ``held`` is what it holds, in the CPU's memory."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> PretendedTensor:
        with torch.inference_mode(held.is_inference()):  # views of usual tensors are usual ones
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                held.shape,
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                layout=held.layout,
                device=torch.device(NAME, 0),
                requires_grad=held.requires_grad,
            )
        made.held = held
        return made

    def __repr__(self) -> str:
        return f"pretended({self.held!r})"

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, **settings: Any) -> Any:
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy; use Tensor.cpu() first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(function, args, kwargs or {})


class _Factories(TorchDispatchMode):
    """Sees the operations that take no tensor of the pretended device but make one, such as ``zeros(device=…)``."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == NAME:
            return _computed(function, args, kwargs)
        if any(isinstance(leaf, PretendedTensor) for leaf in tree_leaves((args, kwargs))):
            return _computed(function, args, kwargs)
        return function(*args, **kwargs)


class _FromNumbers(TorchFunctionMode):
    """``torch.tensor([…], device=…)`` fills memory below the operations that the other mode sees."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        device = kwargs.get("device")
        if function in (torch.tensor, torch.as_tensor, torch.asarray) and device is not None:
            device = torch.device(kwargs.pop("device"))
            return function(*args, **kwargs).to(device)
        if function is torch.Tensor.new_tensor and isinstance(args[0], PretendedTensor):
            return args[0].held.new_tensor(*args[1:], **kwargs).to(args[0].device)
        return function(*args, **kwargs)


def _computed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What the CPU makes of it, on the device where CUDA would have put it."""
    if function is torch.ops.aten._has_compatible_shallow_copy_type.default:
        return False  # networks that move to the device get new parameters
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [leaf for leaf in leaves if isinstance(leaf, PretendedTensor)]
    if ours and function not in MOVES:
        _refuse_mixing(function, args, kwargs)
    device, kwargs = kwargs.get("device"), dict(kwargs)
    to_us = bool(ours) if device is None else torch.device(device).type == NAME
    if device is not None:
        kwargs["device"] = torch.device("cpu")
        if to_us:
            kwargs.pop("pin_memory", None)
            kwargs.pop("non_blocking", None)
    if function is torch.ops.aten.copy_.default:
        to_us = isinstance(args[0], PretendedTensor)
    plain_args, plain_kwargs = tree_map(_held, (args, kwargs))
    result = function(*plain_args, **plain_kwargs)
    if function is torch.ops.aten._local_scalar_dense.default:
        return result
    given = {id(leaf.held): leaf for leaf in ours}
    return tree_map(lambda each: _wrapped(each, given) if to_us else each, result)


def _held(each: Any) -> Any:
    return each.held if isinstance(each, PretendedTensor) else each


def _wrapped(each: Any, given: dict[int, PretendedTensor]) -> Any:
    """A result as a tensor of the device; what an operation in place gives back is the tensor it was given."""
    if not isinstance(each, torch.Tensor) or isinstance(each, PretendedTensor):
        return each
    return given[id(each)] if id(each) in given else PretendedTensor(each)


def _refuse_mixing(function: Any, args: Any, kwargs: Any) -> None:
    indices = args[1] if function in INDEXING else ()
    allowed = {id(each) for each in indices if each is not None}
    numbers = torch.Tag.pointwise in function.tags or function.name().split("::")[1].split(".")[0] in TAKE_NUMBERS
    for leaf in tree_leaves((args, kwargs)):
        if (
            isinstance(leaf, torch.Tensor)
            and not isinstance(leaf, PretendedTensor)
            and id(leaf) not in allowed
            and not (leaf.ndim == 0 and numbers)
        ):
            raise RuntimeError(
                f"expected all tensors to be on the same device, but {function} found {NAME}:0 and {leaf.device}"
            )


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **settings: Any) -> torch.Tensor:
    """Memory of the device, for operations that reach it past the modes."""
    return PretendedTensor(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: torch.Tensor, to: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    _held(to).copy_(_held(source))
    return to


@functools.cache
def _register() -> None:
    """Give the device its name, once in a process; torch asks its module a few questions."""
    module = types.ModuleType(f"torch.{NAME}")
    answers: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_amp_supported_dtype": lambda: [torch.float16, torch.bfloat16],
        "_lazy_init": lambda: None,
        "_is_in_bad_fork": lambda: False,
        "manual_seed_all": lambda seed: None,
    }
    vars(module).update(answers)
    setup = getattr(backend_registration, "_setup_privateuseone_for_python_backend", None)
    if setup is None:
        pytest.skip("needs a PyTorch that takes devices written in Python (2.10 or newer)")
    setup(NAME, module)
    operations, rest = torch.library.Library("aten", "IMPL"), torch.library.Library("_", "IMPL")
    operations.impl("empty_strided", _empty_strided, "PrivateUse1")
    operations.impl("_copy_from", _copy_from, "PrivateUse1")
    rest.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    LIBRARIES.extend((operations, rest))


@contextlib.contextmanager
def pretended_device() -> Iterator[torch.device]:
    """The device, for as long as the context lasts."""
    _register()
    with _Factories(), _FromNumbers():
        yield torch.device(NAME)
