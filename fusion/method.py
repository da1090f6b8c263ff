"""The card of a fusion method, and how a card becomes a function from a pair to a fused image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tsdm_bench.cards import OURS, Card, Registry
from tsdm_bench.weights.card import WeightFile

if TYPE_CHECKING:  # names are looked up before torch is imported, which takes seconds
    import torch
    from torch import Tensor


class Fuse(Protocol):
    """``fuse(ir, vis[, key]) -> fused``: float32 NCHW in [0, 1]; ir N×1×H×W, vis N×3×H×W RGB, fused N×3×H×W RGB."""

    def __call__(self, ir: Tensor, vis: Tensor, key: dict | None = None, /) -> Tensor:
        """Fuse a batch; ``key`` names the pair and its condition, for results that were computed elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Method(Card):
    """One way of fusing a pair.

    ``load(paths, device)`` returns the function; ``paths`` maps the name of each file of :attr:`weights` to a local
    path and is empty for methods that need none. With ``luma`` the function sees (ir N×1×H×W, Y N×1×H×W) and returns a
    fused luma N×1×H×W; the wrapper of :func:`prepare` keeps Cb, Cr of the visible input. With ``keyed`` it takes a
    third argument, a dict of ``image, factor, severity, modality`` (results that were computed elsewhere are found by
    it).
    """

    kind: Literal["source", "classical", "learned", "external", "unfused"]
    description: str
    licence: str = OURS
    year: int | None = None
    venue: str = ""
    luma: bool = False
    multiple: int = 1
    """Height and width are padded (replicate, right and bottom) to a multiple of this and cropped back."""
    parameters: int = 0
    weights: tuple[WeightFile, ...] = ()
    trained_on: tuple[str, ...] = ()
    """Datasets of ours whose pairs the weights have seen, as far as it is known: their numbers there are no test."""
    keyed: bool = False
    code: tuple[Path, ...] = ()
    """Files that decide what a user's own method does: scripts, modules, networks."""
    result_file: Callable[[dict], Path] | None = None
    """Where the ready result of a pair lies (by its key); None for a method that computes. May raise ``OSError`` or
    ``ValueError`` where there is none."""
    load: Callable[[dict[str, Path], Any], Callable[..., Any]]
    restores: str = ""
    """Name of the method itself where restorers stand in front of it."""
    knows_condition: bool = False
    """Whether it is told how the pair was degraded, which no user of a camera knows."""
    before: Callable[..., Callable[..., Any]] | None = None
    """``before(paths, device, memory)`` loads ``restore(ir, vis, key) -> (ir, vis)``, which goes before fusing."""

    @property
    def ours(self) -> bool:
        """Whether this project trained its weights; tables show such methods apart from published ones."""
        return self.kind == "learned" and bool(self.weights) and self.licence == OURS


METHODS: Registry[Method] = Registry(
    "method", Method, ("fusion.classical", "fusion.learned", "fusion.tsdm"), "tsdm_bench.methods"
)


def rgb_to_ycbcr(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Full-range BT.601 luma and chroma of an N×3×H×W RGB image in [0, 1] (each N×1×H×W, chroma centred on 0.5).

    The constants are those of TSDM-Fusion and kornia: Y = .299R + .587G + .114B, Cb = .564(B-Y) + .5,
    Cr = .713(R-Y) + .5.

    >>> import torch
    >>> y, cb, cr = rgb_to_ycbcr(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1))
    >>> [round(float(value), 3) for value in (y, cb, cr)]
    [0.299, 0.331, 1.0]
    """
    r, g, b = rgb.split(1, dim=1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y, (b - y) * 0.564 + 0.5, (r - y) * 0.713 + 0.5


def ycbcr_to_rgb(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    """Inverse of :func:`rgb_to_ycbcr` (N×3×H×W, not clamped)."""
    import torch

    cb, cr = cb - 0.5, cr - 0.5
    return torch.cat([y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb], dim=1)


def prepare(
    method: Method,
    weights: dict[str, Path] | None = None,
    device: torch.device | str = "cpu",
    memory: object | None = None,
) -> Fuse:
    """Load ``method`` and wrap it to the common protocol: restore, pad, fuse, crop, colour, clamp to [0, 1].

    ``memory`` is what several methods share of restored images (:class:`fusion.restoration.chain.Memory`).

    Returns ``fuse(ir, vis[, key])``; raises ``ValueError`` where the two images differ in size or channel count.

    >>> import torch
    >>> fuse = prepare(METHODS["average"])
    >>> fuse(torch.zeros(1, 1, 12, 20), torch.ones(1, 3, 12, 20)).shape
    torch.Size([1, 3, 12, 20])
    """
    import torch
    from torch.nn.functional import pad

    core = method.load(weights or {}, torch.device(device))
    restore = method.before(weights or {}, torch.device(device), memory) if method.before else None

    @torch.inference_mode()
    def fuse(ir: Tensor, vis: Tensor, key: dict | None = None) -> Tensor:
        if ir.ndim != 4 or vis.ndim != 4 or ir.shape[1] != 1 or vis.shape[1] != 3 or ir.shape[-2:] != vis.shape[-2:]:
            raise ValueError(
                f"{method.name}: expected ir N×1×H×W and vis N×3×H×W of one size, got {tuple(ir.shape)} and "
                f"{tuple(vis.shape)}"
            )
        if restore:
            ir, vis = restore(ir, vis, key)
        height, width = ir.shape[-2:]
        lacking = (0, -width % method.multiple, 0, -height % method.multiple)
        ir_in, vis_in = (pad(x, lacking, mode="replicate") if any(lacking) else x for x in (ir, vis))
        extra = (key,) if method.keyed else ()
        if method.luma:
            y, cb, cr = rgb_to_ycbcr(vis_in)
            fused = ycbcr_to_rgb(core(ir_in, y, *extra), cb, cr)
        else:
            fused = core(ir_in, vis_in, *extra)
        if fused.shape[1] == 1:
            fused = fused.expand(-1, 3, -1, -1)
        return fused[..., :height, :width].clamp(0, 1)

    return fuse
