"""Naturalness of the fused image, judged by a model of photographs."""

from __future__ import annotations

from urllib.error import URLError

import torch
from torch import Tensor

from bench.metrics.metric import Metric, Plane

WORST = 100.0


def brisque(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mittal, Moorthy & Bovik 2012 through piq, one image at a time.

    Raises ValueError where piq's model is neither in torch's cache nor reachable.
    """
    import piq  # a second to import, needed by this metric only

    try:
        scores = [piq.brisque(image[None], data_range=255.0, reduction="none") for image in fused.x]
    except URLError as error:
        raise ValueError(
            f"brisque needs piq's support vectors, which could not be downloaded ({error.reason}); run once with a "
            f"network connection or place brisque_svm_weights.pt in {torch.hub.get_dir()}/checkpoints"
        ) from None
    return torch.stack([score.reshape(()) for score in scores]).to(torch.float64).nan_to_num(WORST, WORST, WORST)


BRISQUE = Metric(
    name="brisque",
    symbol="BRISQUE",
    title="Blind image spatial quality",
    family="quality",
    direction="lower",
    range=(-float("inf"), float("inf")),
    unit="",
    definition="36 statistics of locally normalised luminance at two scales, scored by a support vector regression "
    "trained on LIVE photographs; usually 0…100, can leave that range. piq's implementation and model. Secondary "
    "on images "
    "that look thermal.",
    source="Mittal, Moorthy & Bovik, *TIP* 21, 2012; piq",
    tables="papers that use piq or the authors' release, roughly; not MATLAB's `brisque`, which has another model",
    cost="c1",
    reference=False,
    compute=brisque,
    flat=f"{WORST:g} on a flat image, whose statistics are undefined",
    licence="Apache-2.0 (piq)",
)
