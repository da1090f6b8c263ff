"""The card of a fusion metric, and the image it is computed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tsdm_bench.cards import OURS, Card
from tsdm_bench.torch_later import Tensor


@dataclass(eq=False)
class Plane:
    """A batch of grey images N×1×H×W, float32 holding integers 0…255, with a memo of what was computed from it.

    The memo is what makes the second method on the same sources cheap: source statistics (Sobel maps, local moments,
    histograms) are stored here under a name and computed once, whatever the number of methods and metrics.
    """

    x: Tensor
    colour: Tensor | None = None
    """The N×3×H×W RGB image behind it, uint8, where there is one: read only by definitions that say "per channel"."""
    memo: dict[Any, Any] = field(default_factory=dict)

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """The value stored under ``key``, computed on first use."""
        if key not in self.memo:
            self.memo[key] = compute()
        return self.memo[key]


@dataclass(frozen=True, kw_only=True)
class Metric(Card):
    """One exact definition of one metric. The name is the id: ``qabf``, ``ssim_mean``, ``psnr_vifb``… Another constant
    is another id. The source is the paper and, where it is the point of the id, the public code whose numbers it
    reproduces.

    ``compute(ir, vis, fused)`` returns one float64 value per image (N,); metrics without ``reference`` ignore the
    first two arguments.
    """

    symbol: str
    """What a table's head shows: ``Qabf``."""
    family: Literal["quality", "information", "structure", "edge", "perception"]
    direction: Literal["higher", "lower", "zero"]
    range: tuple[float, float]
    unit: str
    definition: str
    """Formula, constants and border rule, in a sentence or two of Markdown/LaTeX."""
    cost: Literal["c0", "c1", "c2", "c3"]
    reference: bool
    """Whether it compares the fused image with the sources (else it looks at the fused image alone)."""
    compute: Callable[[Plane, Plane, Plane], Any]
    tables: str = ""
    """Which published tables the values may be compared with."""
    flat: str = ""
    """The documented value on flat or identical images, where the formula alone would be 0/0."""
    presets: Mapping[str, int] = field(default_factory=dict)
    """The presets that it belongs to, each with its place: the columns of tables are in this order."""
    licence: str = OURS


def variant(card: Metric, **changes: Any) -> Metric:
    """Another definition of a metric: its card with ``changes``, in no preset but those that they name."""
    return replace(card, **({"presets": {}} | changes))
