"""Quality of the fused image alone, judged by networks that learned from people's opinions of photographs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from bench.metrics.citations import BLAU_2018, GOLESTANEH_2022, KE_2021, WANG_2023
from bench.metrics.metric import Metric, Plane, variant
from tsdm_bench.torch_later import Tensor, torch

PRESET = "no-reference"


def judged(name: str, ir: Plane, vis: Plane, fused: Plane) -> Tensor:
    """The score of each RGB image by a model of pyiqa, one at a time; a grey image has three equal channels.

    Some models look at random crops: the draw is the same for every image. Raises ``ValueError`` where pyiqa is not
    installed, or its weights are neither in its cache nor reachable.
    """
    levels = fused.x.expand(-1, 3, -1, -1) if fused.colour is None else fused.colour
    try:
        model = judge(name, fused.x.device)
        return torch.stack([_seeded(model, image[None].float() / 255) for image in levels]).to(torch.float64)
    except ImportError:
        raise ValueError(
            f"{name} needs pyiqa, whose licence excludes commercial use: pip install 'tsdm-bench[metrics]' or leave it "
            f"out"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{name} needs weights (100 to 600 MB) that pyiqa could not load ({error}); run once with a network "
            f"connection or place them in {torch.hub.get_dir()}/pyiqa"
        ) from None


@lru_cache(maxsize=4)
def judge(name: str, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A model of pyiqa, of N×3×H×W in [0, 1]."""
    import pyiqa

    return pyiqa.create_metric(name, device=device)


def _seeded(model: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    devices = [image.device] if image.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad():
        torch.manual_seed(0)
        return model(image).reshape(())


MUSIQ = Metric(
    name="musiq",
    symbol="MUSIQ",
    title="Multi-scale image quality transformer",
    family="quality",
    direction="higher",
    range=(0, 100),
    unit="",
    definition="A transformer over patches of the image at three scales, trained on KonIQ-10k; colour image. pyiqa's "
    "`musiq`. Optional: `pip install 'tsdm-bench[metrics]'`; the weights are fetched by pyiqa.",
    source="Ke, Wang, Wang, Milanfar & Yang, *ICCV* 2021; pyiqa",
    citation=KE_2021,
    tables="ControlFusion, DSPFusion (papers that use pyiqa)",
    cost="c3",
    reference=False,
    compute=partial(judged, "musiq"),
    flat="what the network says of it",
    presets={PRESET: 1},
    licence="PolyForm Noncommercial (pyiqa)",
)

TRES = variant(
    MUSIQ,
    name="tres",
    symbol="TReS",
    title="Transformers, relative ranking and self-consistency",
    range=(-float("inf"), float("inf")),
    definition="A convolutional network and a transformer over 50 random crops of 224×224 pixels (here the same draw "
    "for every image), trained on KonIQ-10k; colour image. pyiqa's `tres`. Optional, as MUSIQ.",
    source="Golestaneh, Dadsetan & Kitani, *WACV* 2022; pyiqa",
    citation=GOLESTANEH_2022,
    compute=partial(judged, "tres"),
    presets={PRESET: 2},
)

CLIPIQA = variant(
    MUSIQ,
    name="clipiqa",
    symbol="CLIP-IQA",
    title="Quality by CLIP",
    range=(0, 1),
    definition='Softmax of the similarities of the image to "Good photo." and to "Bad photo.", by CLIP\'s ResNet-50 '
    "without positional embedding; colour image. pyiqa's `clipiqa`. Optional, as MUSIQ.",
    source="Wang, Chan & Loy, *AAAI* 2023; pyiqa",
    citation=WANG_2023,
    tables="ControlFusion (papers that use pyiqa)",
    compute=partial(judged, "clipiqa"),
    presets={PRESET: 3},
)

PI = variant(
    MUSIQ,
    name="pi",
    symbol="PI",
    title="Perceptual index",
    direction="lower",
    range=(-float("inf"), float("inf")),
    definition="((10 − Ma) + NIQE)/2, Ma the learned score of Ma et al. 2017 (NRQM). pyiqa's `pi`. Optional, as MUSIQ.",
    source="Blau, Mechrez, Timofte, Michaeli & Zelnik-Manor, *ECCV Workshops* 2018; pyiqa",
    citation=BLAU_2018,
    tables="DSPFusion (papers that use pyiqa)",
    compute=partial(judged, "pi"),
    presets={PRESET: 4},
)
