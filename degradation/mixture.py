"""Random degradation by several models, each with its share of the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from degradation.factor import Modality
from degradation.random_model import PAPER, Probability, RandomModel, Step, draw_steps


class Part(BaseModel):
    """A model with its share of the images; each of its steps takes place with ``step_probability`` only.

    Without a step an image shows one kind of loss alone; ``step_probability: 0`` leaves a share of the images clean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Probability
    step_probability: Probability = 1.0
    model: RandomModel = PAPER


def draw_mixed_steps(
    modality: Modality, generator: np.random.Generator, parts: Sequence[Part], rest: RandomModel = PAPER
) -> list[Step]:
    """Draw the steps for one image, by one of ``parts`` or, where their shares leave it out, by ``rest``.

    >>> draw_mixed_steps("ir", np.random.default_rng(0), [Part(share=1, step_probability=0)])
    []
    """
    number = generator.random()
    for part in parts:
        if number < part.share:
            steps = draw_steps(modality, generator, part.model)
            return [step for step in steps if generator.random() < part.step_probability]
        number -= part.share
    return draw_steps(modality, generator, rest)
