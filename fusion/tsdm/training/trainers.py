"""What a training step and a validation are, for the teacher and for the student."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from degradation import RandomModel
from fusion.method import rgb_to_ycbcr, ycbcr_to_rgb
from fusion.tsdm.inference import fuse_padded, fuse_whole
from fusion.tsdm.networks.discriminator import Discriminator
from fusion.tsdm.networks.lite import LiteStudent
from fusion.tsdm.networks.student import Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import load_network, read_state
from fusion.tsdm.training.config import OptimiserSettings, StudentConfig, TeacherConfig, TrainingConfig
from fusion.tsdm.training.data import Item, Patches, TrainingPair, validation_items
from fusion.tsdm.training.losses import (
    ContentLoss,
    charbonnier,
    discriminator_loss,
    fitted,
    generator_loss,
    ssim,
    teacher_loss,
)
from fusion.tsdm.training.whole_images import WholeImagePatches

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Terms = dict[str, Tensor]
"""The terms of a loss as they are summed, and their sum ``total``; each a scalar."""

Validation = tuple[dict[str, float], list[Tensor]]
"""Mean metrics over the validation pairs, and for each pair its images side by side (3×H×W)."""


class NotFinite(ValueError):
    """A loss became infinite or not a number; the weights were not touched by it."""


class Trainer(ABC):
    """Networks, their optimisers, one training step and one validation.

    ``modules`` and ``optimisers`` are what a checkpoint holds; ``modules["network"]`` is what is trained for.
    """

    metric: str
    """The validation metric that tells the best epoch."""
    maximise: bool
    degradation: RandomModel | None = None

    def __init__(self, config: TrainingConfig, fabric: Fabric) -> None:
        self.config, self.fabric = config, fabric
        self.modules: dict[str, nn.Module] = {}
        self.optimisers: dict[str, Optimizer] = {}
        self.schedules: dict[str, OptimiserSettings] = {}

    def _add(self, name: str, module: nn.Module, settings: OptimiserSettings) -> tuple[nn.Module, Optimizer]:
        """Register a module to be trained; returns what Fabric made of it and of its optimiser."""
        trained = [p for p in module.parameters() if p.requires_grad]
        optimiser = AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.modules[name], self.optimisers[name], self.schedules[name] = module, optimiser, settings
        return self.fabric.setup(module, optimiser)

    def set_learning_rates(self, epoch: int) -> dict[str, float]:
        """Step schedule: epochs 1 to n run at the initial rate, the next n at ``factor`` times it, and so on.

        With ``decay_epochs`` the rate falls to zero over the last epochs, by as much in each.
        """
        rates = {}
        for name, optimiser in self.optimisers.items():
            settings = self.schedules[name]
            rates[name] = settings.learning_rate * settings.factor ** ((epoch - 1) // settings.step_epochs)
            if settings.decay_epochs:
                rates[name] *= min(1, (self.config.epochs + 1 - epoch) / settings.decay_epochs)
            for group in optimiser.param_groups:
                group["lr"] = rates[name]
        return rates

    def patches(self, pairs: Sequence[TrainingPair], folder: Path, batches: bool) -> Patches:
        """The patches to train on, into the training folder ``folder``; ``batches`` as in :class:`Patches`."""
        return Patches(pairs, self.config.data, self.config.seed, self.degradation, batches)

    def validation_items(self, pairs: Sequence[TrainingPair]) -> list[Item]:
        """What :meth:`validate` is given after each epoch."""
        return validation_items(pairs, self.config.data, self.config.seed, self.degradation)

    def _update(self, optimiser: Optimizer, terms: Terms, name: str = "network") -> None:
        """One step of ``optimiser`` on ``terms["total"]``; raises :class:`NotFinite` on all processes alike."""
        finite = bool(torch.isfinite(terms["total"]))
        if not self.fabric.strategy.reduce_boolean_decision(finite, all=True):
            raise NotFinite(", ".join(f"{name} {value.item():.3g}" for name, value in terms.items()))
        optimiser.zero_grad()
        self.fabric.backward(terms["total"])
        if norm := self.schedules[name].gradient_norm:
            self.fabric.clip_gradients(self.modules[name], optimiser, max_norm=norm)
        optimiser.step()

    def state(self) -> dict[str, dict[str, Any]]:
        """What a checkpoint holds of the networks and their optimisers."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
        }

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Put a :meth:`state` back; a discriminator that it does not have yet starts afresh."""
        for name, module in state["modules"].items():
            self.modules[name].load_state_dict(module)
            self.optimisers[name].load_state_dict(state["optimisers"][name])

    @abstractmethod
    def step(self, batch: Item, epoch: int) -> Terms:
        """Update the networks on one batch (``Patches``) and return the loss terms before the update."""

    @abstractmethod
    def validate(self, network: nn.Module, items: Iterable[Item]) -> Validation:
        """Score ``network`` (the averaged weights) on validation items."""


class TeacherTrainer(Trainer):
    """The teacher on clean pairs: L1, gradients and SSIM to both sources (Section III-B)."""

    metric, maximise = "loss", False

    def __init__(self, config: TeacherConfig, fabric: Fabric) -> None:
        super().__init__(config, fabric)
        self.teacher, self.optimiser = self._add("network", Teacher(), config.optimiser)

    def step(self, batch: Item, epoch: int) -> Terms:
        """One update of the teacher."""
        y = rgb_to_ycbcr(batch["vis"])[0]
        fused = self.teacher(batch["ir"], y)
        terms = teacher_loss(fused, batch["ir"], y, self.config.loss.ssim_weight, self.config.loss.ssim_sign)
        self._update(self.optimiser, terms)
        return terms

    def validate(self, network: nn.Module, items: Iterable[Item]) -> Validation:
        """The loss, its terms, and SSIM to each source."""
        scores, panels = [], []
        for item in items:
            ir, (y, cb, cr) = item["ir"], rgb_to_ycbcr(item["vis"])
            fused = network(ir, y).float()
            terms = teacher_loss(fused, ir, y, self.config.loss.ssim_weight, self.config.loss.ssim_sign)
            scores.append(
                {
                    "loss": terms["total"].item(),
                    "l1": terms["l1"].item(),
                    "gradient": terms["gradient"].item(),
                    "ssim_ir": ssim(fused, ir).item(),
                    "ssim_vis": ssim(fused, y).item(),
                }
            )
            panels.append(_panel(ir, item["vis"], ycbcr_to_rgb(fused, cb, cr)))
        return _means(scores), panels


NETWORKS = {"transformer": (Student, fuse_whole), "lite": (LiteStudent, fuse_padded)}
"""The network of a student, and how it fuses an image of any size."""


class StudentTrainer(Trainer):
    """The student on degraded pairs: what the teacher makes of the sharpened clean ones is its target (III-C and D).

    L1 first; from ``loss.adversarial_from_epoch`` on Charbonnier, content and adversarial terms, the last against a
    discriminator that is trained beside it.
    """

    metric, maximise = "psnr", True

    def __init__(self, config: StudentConfig, fabric: Fabric, teacher: Path) -> None:
        super().__init__(config, fabric)
        loss = config.loss
        self.degradation = config.degradation
        self.teacher_identity = hashlib.sha256(teacher.read_bytes()).hexdigest()[:16]
        self.teacher = fabric.to_device(load_network(Teacher(), teacher).requires_grad_(False))
        network, self.fuse = NETWORKS[config.network]
        self.student, self.optimiser = self._add("network", network(), config.optimiser)
        late_terms = loss.adversarial_from_epoch <= config.epochs
        self.content = self.discriminator = None
        if late_terms and loss.content_weight:
            state = None if loss.content_weights is None else read_state(loss.content_weights)
            self.content = fabric.to_device(ContentLoss(loss.content_backbone, state))
        if late_terms and loss.adversarial_weight:
            self.discriminator, self.discriminator_optimiser = self._add(
                "discriminator", Discriminator(config.data.patch), config.discriminator
            )

    def patches(self, pairs: Sequence[TrainingPair], folder: Path, batches: bool) -> Patches:
        """Patches of whole degraded images, where the configuration asks for them."""
        if not self.config.data.whole_images:
            return super().patches(pairs, folder, batches)

        def teacher(ir: Tensor, y: Tensor) -> Tensor:
            with self.fabric.autocast():
                return self.teacher(self.fabric.to_device(ir), self.fabric.to_device(y))

        return WholeImagePatches(pairs, self.config, teacher, self.teacher_identity, folder / "targets")

    def step(self, batch: Item, epoch: int) -> Terms:
        """One update of the student, and of the discriminator in the adversarial epochs."""
        target = batch["target"] if "target" in batch else self._targets(batch["ir"], batch["vis"])
        overview = [batch["overview"]] if self.config.network == "lite" and "overview" in batch else []
        fused = self.student(batch["seen_ir"], batch["seen_vis"], *overview)
        if epoch < self.config.loss.adversarial_from_epoch:
            share = self.config.loss.fitted_share
            terms = {"l1": (1 - share) * F.l1_loss(fused, target)}
            if share:
                terms["fitted"] = share * F.l1_loss(fitted(fused, target), target)
        else:
            terms = self._late_terms(fused, target)
        terms["total"] = sum(terms.values())
        self._update(self.optimiser, terms)
        if "adversarial" in terms:
            logits = self.discriminator(target), self.discriminator(fused.detach())
            terms["discriminator"] = discriminator_loss(*logits)
            self._update(self.discriminator_optimiser, {"total": terms["discriminator"]}, "discriminator")
        return terms

    def _late_terms(self, fused: Tensor, target: Tensor) -> Terms:
        weights = self.config.loss
        terms = {"charbonnier": weights.charbonnier_weight * charbonnier(fused, target)}
        if self.content is not None:
            with self.fabric.autocast():
                terms["content"] = weights.content_weight * self.content(fused, target)
        if self.discriminator is not None:
            # The bare module: no gradients of its own are wanted here, nor exchanged between processes.
            critic = self.modules["discriminator"].requires_grad_(False)
            with self.fabric.autocast():
                real, fake = critic(target), critic(fused)
            critic.requires_grad_(True)
            terms["adversarial"] = weights.adversarial_weight * generator_loss(
                real.float(), fake.float(), weights.generator_labels
            )
        return terms

    @torch.no_grad()
    def _targets(self, ir: Tensor, vis: Tensor) -> Tensor:
        """The teacher's fusion of sharpened sources, with the colour of the visible one."""
        y, cb, cr = rgb_to_ycbcr(vis)
        with self.fabric.autocast():
            fused = self.teacher(ir, y)
        return ycbcr_to_rgb(fused.float(), cb, cr)

    def validation_items(self, pairs: Sequence[TrainingPair]) -> list[Item]:
        """With the ``target``, and the teacher's fusion of the degraded pair (``without``): neither ever changes."""
        items = super().validation_items(pairs)
        for item in items:
            on_device = self.fabric.to_device(item)
            item["target"] = self._targets(on_device["ir"], on_device["vis"]).clamp(0, 1).cpu()
            item["without"] = self._targets(on_device["seen_ir"], on_device["seen_vis"]).clamp(0, 1).cpu()
        return items

    def validate(self, network: nn.Module, items: Iterable[Item]) -> Validation:
        """PSNR and SSIM of the student to the target, and those of the teacher on the same degraded pair."""
        scores, panels = [], []
        for item in items:
            target, without = item["target"], item["without"]
            with self.fabric.autocast():
                fused = self.fuse(network, item["seen_ir"], item["seen_vis"])
            fused = fused.float().clamp(0, 1)
            scores.append(
                {
                    "psnr": _psnr(fused, target),
                    "ssim": _luma_ssim(fused, target),
                    "psnr_of_teacher_on_degraded": _psnr(without, target),
                    "ssim_of_teacher_on_degraded": _luma_ssim(without, target),
                }
            )
            panels.append(_panel(item["seen_ir"], item["seen_vis"], without, fused, target))
        return _means(scores), panels


def _psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, data range 1; equal images count as a difference of 1e-5."""
    return -10 * torch.log10(F.mse_loss(a, b).clamp_min(1e-10)).item()


def _luma_ssim(a: Tensor, b: Tensor) -> float:
    return ssim(rgb_to_ycbcr(a)[0], rgb_to_ycbcr(b)[0]).item()


def _means(scores: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(score[name] for score in scores) / len(scores) for name in scores[0]}


def _panel(*images: Tensor) -> Tensor:
    """Images of one pair (1×1×H×W or 1×3×H×W) side by side, 3×H×W in [0, 1]."""
    return torch.cat([image[0].expand(3, -1, -1).clamp(0, 1) for image in images], dim=2)
