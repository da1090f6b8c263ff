"""A fusion metric that a training loop accumulates: ``update``, ``compute``, ``reset``, the interface of torchmetrics.

``FusionMetric`` is a ``torchmetrics.Metric`` where that package is installed, so that Lightning can log it and
distributed runs add up, and a plain class with the same methods elsewhere. It is made on first use, because importing
torchmetrics takes seconds.

    from bench.metrics.training import FusionMetric
    qabf = FusionMetric("qabf")
    for ir, vis in loader:
        qabf.update(ir, vis, model(ir, vis))
    print(qabf.compute())
"""

from __future__ import annotations

from typing import Any

from tsdm_bench.torch_later import Tensor, torch


class Accumulator:
    """What ``FusionMetric`` needs of torchmetrics where that is not installed: states with defaults."""

    def __init__(self) -> None:
        self._defaults: dict[str, Tensor] = {}

    def add_state(self, name: str, default: Tensor, dist_reduce_fx: str) -> None:
        """Give the metric a tensor that :meth:`reset` sets back to ``default``."""
        self._defaults[name] = default
        setattr(self, name, default.clone())

    def reset(self) -> None:
        """Set every tensor of :meth:`add_state` back to its default."""
        for name, default in self._defaults.items():
            setattr(self, name, default.clone())


def _make() -> type:
    try:
        from torchmetrics import Metric as Base
    except ImportError:
        Base = Accumulator

    class FusionMetric(Base):
        """The mean of one metric over all images since ``reset``. Raises UsageError for an unknown id."""

        full_state_update = False
        is_differentiable = False
        total: Tensor
        count: Tensor

        def __init__(self, name: str, **kwargs: Any) -> None:
            from bench.metrics import METRICS

            super().__init__(**kwargs)
            self.card = METRICS[name]
            self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
            self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

        @property
        def higher_is_better(self) -> bool | None:  # type: ignore[override]  # torchmetrics documents both forms
            """None where the best value is 0."""
            return {"higher": True, "lower": False}.get(self.card.direction)

        def update(self, ir: Tensor, vis: Tensor, fused: Tensor) -> None:
            """Add a batch: N×1×H×W or N×3×H×W each, uint8 or floating point in [0, 1]."""
            from bench.metrics import plane_of

            with torch.no_grad():
                values = self.card.compute(*(plane_of(image) for image in (ir, vis, fused)))
            self.total = self.total + values.sum().to(self.total.device)
            self.count = self.count + len(values)

        def compute(self) -> Tensor:
            """The mean, float64. Raises ValueError before the first ``update``."""
            if self.count == 0:
                raise ValueError(f"{self.card.name} has seen no image yet; call update first")
            return self.total / self.count

    FusionMetric.__qualname__ = "FusionMetric"
    return FusionMetric


def __getattr__(name: str) -> Any:
    if name != "FusionMetric":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _make()
    return globals()[name]
