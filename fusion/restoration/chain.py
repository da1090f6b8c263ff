"""``restorer+method``: a method whose inputs are restored before it fuses them.

    sci+gff                        SCI on the visible image, then GFF
    sci+dncnn+seafusion            SCI, then DnCNN (on both images), then SeAFusion
    ir:snrwdnn+vis:sci+gff         one restorer for each image

Without ``ir:`` or ``vis:`` a restorer works on every image that it can restore. What it gives is rounded to 8 bits, as
a saved file would be.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from degradation.factor import Modality
from fusion.method import METHODS, Method
from fusion.restoration.restorer import RESTORERS, Restorer, rounded, weights_of
from fusion.restoration.truth import faults_of
from tsdm_bench.errors import UsageError

STEP = re.compile(r"(?:(?P<modality>ir|vis):)?(?P<name>[\w-]+)\+")
WORDS = {"ir": "infrared", "vis": "visible"}


class Step(NamedTuple):
    """One restorer, and the images that it works on."""

    restorer: Restorer
    modality: Modality | None
    """The one that was asked for; None: all that it can restore."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The images that it works on."""
        return self.restorer.modalities if self.modality is None else (self.modality,)

    @property
    def title(self) -> str:
        """What a reader sees."""
        return self.restorer.title + (f" ({self.modality})" if self.modality else "")


class _Restored(NamedTuple):
    image: Tensor
    faults: tuple
    result: Tensor
    seconds: float


class Memory:
    """What each chain of restorers last gave, so that the methods of a cell share it.

    ``saved`` is the sum of the seconds that were not spent again; a measurement adds them.
    """

    def __init__(self) -> None:
        self.saved = 0.0
        self._last: dict[tuple, _Restored] = {}

    def restored(self, chain: tuple, image: Tensor, faults: tuple, restore: Callable[[], Tensor]) -> Tensor:
        """What ``restore()`` gives, remembered for the same chain, image and faults."""
        last = self._last.get(chain)
        if last and last.faults == faults and last.image.shape == image.shape and torch.equal(last.image, image):
            self.saved += last.seconds
            return last.result
        started = time.perf_counter()
        result = restore()
        if result.is_cuda:
            torch.cuda.synchronize(result.device)
        self._last[chain] = _Restored(image, faults, result, time.perf_counter() - started)
        return result


def split(spec: str) -> tuple[tuple[Step, ...], str]:
    """The restorers in front of a method, and the specification of the method itself.

    Raises ``UsageError`` for a restorer that is unknown or cannot restore that image, and where no method follows.

    >>> steps, method = split("ir:snrwdnn+sci+gff")
    >>> [(step.restorer.name, step.modalities) for step in steps], method
    ([('snrwdnn', ('ir',)), ('sci', ('vis',))], 'gff')
    """
    steps, rest = [], spec
    while match := STEP.match(rest):
        name, modality = match["name"], match["modality"]
        if name not in RESTORERS and not modality and "=" in rest:
            break  # a plus within the name of a user's own method
        if name not in RESTORERS and name in METHODS:
            raise UsageError(f"{spec!r}: {name} is a method; restorers come first and one method last, as in sci+gff")
        restorer = RESTORERS[name]
        if modality not in (None, *restorer.modalities):
            fitting = " or ".join(WORDS[each] for each in restorer.modalities)
            raise UsageError(
                f"{spec!r}: {name} restores the {fitting} image, not the {WORDS[modality]} one; write {name} or "
                f"{' or '.join(f'{each}:{name}' for each in restorer.modalities)}"
            )
        steps.append(Step(restorer, modality))
        rest = rest[match.end() :]
    if steps and not rest:
        raise UsageError(f"{spec!r}: no method behind the last +; expected restorer+method, as in {spec}gff")
    if not steps and rest in RESTORERS and rest not in METHODS:
        raise UsageError(f"{rest} is a restorer; put it in front of a method, as in {rest}+gff (or {rest}+vis)")
    return tuple(steps), rest


def restoring(steps: Sequence[Step], method: Method) -> Method:
    """``method`` with its inputs restored by ``steps``: a method like any other.

    Raises ``UsageError`` for a method whose results were computed elsewhere.
    """
    chain = "+".join(f"{step.modality}.{step.restorer.name}" if step.modality else step.restorer.name for step in steps)
    if method.result_file is not None:
        raise UsageError(f"{chain}+{method.name}: its results exist already, so that restoring first changes nothing")
    restorers = [step.restorer for step in steps]
    seen = [restorer.trained_on for restorer in restorers]
    versions = ", ".join(f"{restorer.name} {restorer.version}" for restorer in restorers)
    files = (*method.weights, *(file for restorer in restorers for file in weights_of(restorer)))
    return replace(
        method,
        name=f"{chain}+{method.name}",
        title=" + ".join([*(step.title for step in steps), method.title]),
        description=f"{method.description} Its inputs are restored first: {chain}.",
        licence="; ".join(dict.fromkeys([method.licence, *(restorer.licence for restorer in restorers)])),
        version=f"{method.version} after {versions}",
        parameters=method.parameters + sum(restorer.parameters for restorer in restorers),
        weights=tuple(dict.fromkeys(files)),
        trained_on=tuple(dict.fromkeys(name for names in (method.trained_on, *seen) for name in names)),
        before=partial(load_steps, tuple(steps)),
        citation="\n".join(filter(None, dict.fromkeys(card.citation for card in (method, *restorers)))),
        warning=" ".join(filter(None, dict.fromkeys(card.warning for card in (method, *restorers)))),
        restores=method.name,
        knows_condition=any(restorer.knows_condition for restorer in restorers),
    )


def load_steps(
    steps: Sequence[Step], weights: dict[str, Path], device: torch.device, memory: Memory | None = None
) -> Callable[[Tensor, Tensor, dict | None], tuple[Tensor, Tensor]]:
    """``restore(ir, vis, key) -> (ir, vis)``, all steps one after the other; N×1×H×W and N×3×H×W in [0, 1]."""
    loaded = [(step, step.restorer.load(weights, device)) for step in steps]
    memory = memory or Memory()

    def restore(ir: Tensor, vis: Tensor, key: dict | None) -> tuple[Tensor, Tensor]:
        images: dict[Modality, Tensor] = {"ir": ir, "vis": vis}
        for modality in get_args(Modality):
            done: tuple = (modality,)
            for step, function in loaded:
                if modality in step.modalities:
                    done = (*done, step.restorer.name)
                    faults = faults_of(key, modality) if step.restorer.knows_condition else ()
                    images[modality] = _apply(done, step.restorer, function, images[modality], faults, memory)
        # Whoever fuses may write into its inputs.
        return images["ir"].clone(), images["vis"].clone()

    return restore


def _apply(
    chain: tuple, restorer: Restorer, function: Callable[..., Tensor], image: Tensor, faults: tuple, memory: Memory
) -> Tensor:
    arguments = (image, faults) if restorer.knows_condition else (image,)
    return memory.restored(chain, image, faults, lambda: rounded(function(*arguments)))
