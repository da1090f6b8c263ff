"""Several factors at once, ``vis:rain+ir:stripe_noise``: any factors, on one image or on both, at one severity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from degradation.factor import FACTORS, MAX_SEVERITY, MODALITIES, STAGES, Factor, Modality, Parameters
from degradation.presets import PRESETS
from tsdm_bench.cards import unknown
from tsdm_bench.errors import UsageError

Hit = Literal["ir", "vis", "both"]
"""Which images a condition degrades."""
AND, ON = "+", ":"
VISIBLE_FIRST: tuple[Modality, ...] = ("vis", "ir")


@dataclass(frozen=True)
class MixedCondition:
    """Several factors that act on one pair; made by :func:`find_factor`, where a factor would do.

    ``parts`` holds (modality, factor), the visible image first, and for each image in the order in which light meets
    them (:data:`degradation.factor.STAGES`; within a stage as written). Each factor draws as it does alone.
    """

    parts: tuple[tuple[Modality, Factor], ...]

    @property
    def name(self) -> str:
        """``vis:rain+ir:stripe_noise``, the same however it was written."""
        return AND.join(f"{modality}{ON}{factor.name}" for modality, factor in self.parts)

    @property
    def title(self) -> str:
        """For the reader; where a factor could hit either image, with the one that it hits.

        >>> find_factor("vis:rain+ir:noise_gray").title
        'Rain + Noise, grey (ir)'
        """
        return " + ".join(
            factor.title + (f" ({modality})" if len(factor.modalities) > 1 else "") for modality, factor in self.parts
        )

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The images that it hits."""
        return tuple(modality for modality in MODALITIES if self.steps(modality))

    @property
    def version(self) -> str:
        """Another one where that of a factor is another."""
        return AND.join(factor.version for _, factor in self.parts)

    @property
    def parameter(self) -> str:
        """What its ladder steps through, in words."""
        return "severity of each"

    @property
    def unit(self) -> str:
        """Unit of that."""
        return f"1 to {MAX_SEVERITY}"

    @cached_property
    def ladder(self) -> Mapping[Modality, tuple[Parameters, ...]]:
        """As that of a factor; the names of parameters bear that of their factor: ``rain.length``."""
        return {
            modality: tuple(
                {
                    f"{factor.name}.{name}": value
                    for factor in self.steps(modality)
                    for name, value in factor.ladder[modality][rung].items()
                }
                for rung in range(MAX_SEVERITY)
            )
            for modality in self.modalities
        }

    def steps(self, modality: Modality) -> tuple[Factor, ...]:
        """The factors that act on one image, in their order."""
        return tuple(factor for hit, factor in self.parts if hit == modality)


def find_factor(name: str) -> Factor | MixedCondition:
    """The factor, or the mixed condition, of that name; what is mixed of one factor alone is that factor.

    Raises ``UsageError`` that says what is wrong with the name.

    >>> find_factor("ir:stripe_noise+vis:low_light+vis:rain").name
    'vis:rain+vis:low_light+ir:stripe_noise'
    >>> find_factor("ir:contrast").name
    'contrast'
    """
    return named_condition(name)[0]


def named_condition(name: str) -> tuple[Factor | MixedCondition, Hit | None]:
    """What a name means, and which images it says are hit: None where it is a factor alone, which does not say so.

    >>> named_condition("ir:contrast")[1], named_condition("contrast")[1], named_condition("vis:rain+vis:fog")[1]
    ('ir', None, 'vis')
    """
    if AND not in name and ON not in name:
        if name not in FACTORS:
            raise unknown(FACTORS.kind, name, [*FACTORS, *PRESETS], FACTORS.shown_by)
        return FACTORS[name], None
    parts = [_part(text, name) for text in name.split(AND)]
    for part in parts:
        if parts.count(part) > 1:
            raise UsageError(
                f"condition {name!r} names {part[0]}{ON}{part[1].name} twice; name each factor once per image, and "
                f"raise the severity for more of it"
            )
    parts.sort(key=lambda part: (VISIBLE_FIRST.index(part[0]), STAGES.index(part[1].stage)))
    hit = {modality for modality, _ in parts}
    hits: Hit = "both" if len(hit) > 1 else parts[0][0]
    if len({factor.name for _, factor in parts}) == 1:
        return parts[0][1], hits
    return MixedCondition(tuple(parts)), hits


def _part(text: str, name: str) -> tuple[Modality, Factor]:
    modality, _, factor_name = text.partition(ON)
    known = next((known for known in MODALITIES if known == modality), None)
    if known is None or not factor_name:
        raise UsageError(
            f"condition {name!r}: {text!r} does not say which image is hit; write each factor with its image, such as "
            f"vis:rain+ir:stripe_noise"
        )
    factor = FACTORS[factor_name]
    if known not in factor.modalities:
        raise UsageError(
            f"condition {name!r}: {factor_name} cannot hit {modality!r}; write {factor.modalities[0]}:{factor_name} or "
            f"choose another factor (run_bench.py list factors)"
        )
    return known, factor


def file_word(name: str) -> str:
    """The name of a factor or mixed condition as a part of file names, which are to work on every system.

    >>> file_word("vis:rain+ir:stripe_noise"), file_word("low_light")
    ('vis-rain--ir-stripe_noise', 'low_light')
    """
    return name.replace(AND, "--").replace(ON, "-")
