"""Naturalness of the fused image, judged by a model of photographs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from urllib.error import URLError

from bench.metrics.citations import MITTAL_2012, MITTAL_2013
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

WORST = 100.0
BLOCK = 96  # pixels, Mittal, Soundararajan & Bovik 2013


def brisque(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mittal, Moorthy & Bovik 2012 through piq, one image at a time.

    Raises ValueError where piq's model is neither in torch's cache nor reachable.
    """
    import piq  # a second to import, needed by this metric only

    return scored(
        fused, lambda image: piq.brisque(image, data_range=255.0, reduction="none"), "brisque", "brisque_svm_weights.pt"
    )


def niqe(ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """Mittal, Soundararajan & Bovik 2013 through pyiqa, one image at a time.

    Raises ValueError where pyiqa is not installed, its model is neither in torch's cache nor reachable, or the images
    hold fewer than two blocks of 96×96 pixels.
    """
    height, width = fused.x.shape[-2:]
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise ValueError(f"niqe compares blocks of {BLOCK}×{BLOCK} pixels, of which {width}×{height} has less than two")
    try:
        model = "pyiqa/niqe_modelparameters.mat"
        return scored(fused, lambda image: photographs(image.device)(image / 255), "niqe", model)
    except ImportError:
        raise ValueError(
            "niqe needs pyiqa, whose licence excludes commercial use: pip install 'tsdm-bench[metrics]' or leave it out"
        ) from None


@lru_cache(maxsize=1)
def photographs(device: torch.device) -> Callable[[Tensor], Tensor]:
    """pyiqa's NIQE of N×1×H×W in [0, 1]."""
    import pyiqa

    return pyiqa.create_metric("niqe", device=device)


def scored(fused: Plane, score: Callable[[Tensor], Tensor], name: str, model: str) -> Tensor:
    """The score of each image 1×1×H×W, ``WORST`` where it is undefined; ``model`` is the file that is downloaded."""
    try:
        scores = [score(image[None]).reshape(()) for image in fused.x]
    except URLError as error:
        raise ValueError(
            f"{name} needs a model that could not be downloaded ({error.reason}); run once with a network connection "
            f"or place {model.rpartition('/')[2]} in {torch.hub.get_dir()}/{model.rpartition('/')[0] or 'checkpoints'}"
        ) from None
    return torch.stack(scores).to(torch.float64).nan_to_num(WORST, WORST, WORST)


BRISQUE = Metric(
    name="brisque",
    symbol="BRISQUE",
    title="Blind image spatial quality",
    family="quality",
    direction="lower",
    range=(-float("inf"), float("inf")),
    unit="",
    definition="36 statistics of locally normalised luminance at two scales, scored by a support vector regression "
    "trained on LIVE photographs; usually 0…100, can leave that range. piq's implementation and model. Secondary on "
    "images that look thermal.",
    source="Mittal, Moorthy & Bovik, *TIP* 21, 2012; piq",
    citation=MITTAL_2012,
    tables="papers that use piq or the authors' release, roughly; not MATLAB's `brisque`, which has another model",
    cost="c1",
    reference=False,
    compute=brisque,
    flat=f"{WORST:g} on a flat image, whose statistics are undefined",
    licence="Apache-2.0 (piq)",
)

NIQE = variant(
    BRISQUE,
    name="niqe",
    symbol="NIQE",
    title="Natural image quality evaluator",
    range=(0, float("inf")),
    definition="36 statistics of locally normalised luminance at two scales in blocks of 96×96 pixels; distance "
    "$\\sqrt{(\\mu_1-\\mu_2)^T((\\Sigma_1+\\Sigma_2)/2)^{-1}(\\mu_1-\\mu_2)}$ of their Gaussian from that of "
    "photographs. pyiqa's `niqe` with the authors' model. Secondary on images that look thermal. Optional: `pip "
    "install 'tsdm-bench[metrics]'`.",
    source="Mittal, Soundararajan & Bovik, *SPL* 20, 2013; pyiqa",
    citation=MITTAL_2013,
    tables="papers that use pyiqa or the authors' release; not MATLAB's `niqe`, which has another model",
    cost="c2",
    compute=niqe,
    licence="PolyForm Noncommercial (pyiqa)",
)
