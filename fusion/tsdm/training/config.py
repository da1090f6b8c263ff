"""What a training run is made of: typed settings, read from YAML. The defaults are the paper's values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from degradation import PAPER, RandomModel
from degradation.mixture import Part
from fusion.tsdm.networks.discriminator import HALVINGS
from fusion.tsdm.networks.student import WINDOW
from fusion.tsdm.training.losses import SSIM_WINDOW, Backbone, GeneratorLabels, SsimSign
from fusion.tsdm.training.shipped import config_file
from tsdm_bench.files import read_yaml

Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
WHOLE_IMAGES_ONLY = ("longest_side", "smallest_scale", "grey_probability", "scene_contrast")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(_Settings):
    """Where patches come from."""

    sources: tuple[str, ...] = Field(min_length=1)
    """Names of datasets, or folders of pairs named ``00001_IR.png``, ``00001_VI.png`` (as in the paper)."""
    validation_sources: tuple[str, ...] = ()
    """Kept out of training as a whole."""
    validation_fraction: float = Field(0.1, ge=0, lt=1)
    """This last part of each source's listing is kept out of training (neighbouring frames stay together)."""
    validation_pairs: int = Field(16, ge=0)
    """Pairs that are looked at after each epoch, taken evenly over those kept out; their central part."""
    validation_side: int = Field(256, ge=16)
    """Longest side of that part, in pixels."""
    patch: tuple[Count, Count] = (128, 256)
    """Height and width of a training patch; smaller images are extended by their border."""
    crops_per_pair: int = Field(8, ge=1)
    """Random patches of each pair in an epoch."""
    flips: bool = False
    """Mirror half of the patches left to right; the paper does not."""
    permute_colours: bool = False
    """Swap the colour channels of visible patches at random, so that few scenes teach all hues; the paper does not."""
    degrade: Literal["auto", "patches", "batches"] = "auto"
    """Of a student's training: ``patches`` one by one in the data workers, or ``batches`` at once on the device that
    trains; ``auto`` is batches on a GPU. The draws are the same, the images up to rounding (docs/training.md)."""
    whole_images: bool = False
    """Make targets once, of whole images, and change brightness and contrast of whole images, as a test does; else both
    are done to each patch, as in the paper. The next four settings need it."""
    longest_side: int | None = Field(None, ge=16)
    """Larger images are shrunk to this many pixels on their longer side."""
    smallest_scale: float = Field(1.0, gt=0, le=1)
    """Half of the patches show a larger window, shrunk by a random factor between this and 1."""
    grey_probability: float = Field(0.0, ge=0, le=1)
    """Share of the visible patches without colour."""
    scene_contrast: tuple[Positive, Positive] = (1.0, 1.0)
    """The contrast of a clean pair and of its target is scaled by a random factor between these two. How rich in
    contrast a scene is cannot be known; a network that has seen few datasets would guess what is usual in them."""
    workers: int = Field(4, ge=0)

    @model_validator(mode="after")
    def _whole_images_only(self) -> DataSettings:
        alone = [name for name in WHOLE_IMAGES_ONLY if getattr(self, name) != type(self).model_fields[name].default]
        if alone and not self.whole_images:
            raise ValueError(f"data.{alone[0]} needs data.whole_images: true")
        if self.whole_images and self.degrade == "batches":
            raise ValueError("data.degrade: batches cannot be had with data.whole_images; expected auto or patches")
        return self


class OptimiserSettings(_Settings):
    """AdamW whose learning rate is multiplied by ``factor`` every ``step_epochs`` epochs."""

    learning_rate: Positive = 5e-4
    weight_decay: Weight = 0.01
    step_epochs: int = Field(10, ge=1)
    factor: float = Field(0.5, gt=0, le=1)
    decay_epochs: int = Field(0, ge=0)
    """Over the last so many epochs the rate falls to zero, by as much in each; the paper's does not."""
    gradient_norm: Positive | None = None
    """Longer gradients are cut to this norm."""


class TeacherLoss(_Settings):
    """The weight and the sign of SSIM beside L1 and gradients, see :func:`fusion.tsdm.training.losses.teacher_loss`."""

    ssim_weight: Weight = 0.001
    ssim_sign: SsimSign = "corrected"


class StudentLoss(_Settings):
    """L1 up to ``adversarial_from_epoch``; from it on the weighted sum of three terms."""

    fitted_share: float = Field(0.0, ge=0, le=1)
    """Share of L1 that is taken after each patch got the gain and offset that suit it best. Contrast and brightness of
    the target cannot be known for sure, and L1, whose gradient is a sign, does not see noise that is smaller than the
    error they leave. The paper's share is 0."""
    adversarial_from_epoch: int = Field(80, ge=1)
    charbonnier_weight: Weight = 10.0
    content_weight: Weight = 1.0
    content_backbone: Backbone = "vgg19"
    content_weights: Path | None = None
    """A local copy of torchvision's VGG19 weights, where they cannot be downloaded."""
    adversarial_weight: Weight = 0.005
    generator_labels: GeneratorLabels = "swapped"


class _Training(_Settings):
    data: DataSettings
    initial: str | None = None
    """Weights to start from in place of random ones: a file, or a name as for ``teacher``."""
    batch: Count
    epochs: Count
    ema_decay: float = Field(0.999, ge=0, lt=1)
    """Decay of the running average of the weights, the one that is validated and exported."""
    seed: int = Field(0, ge=0)


class TeacherConfig(_Training):
    """Training of the teacher (Section III-B)."""

    kind: Literal["teacher"] = "teacher"
    batch: Count = 16
    epochs: Count = 50
    optimiser: OptimiserSettings = OptimiserSettings()
    loss: TeacherLoss = TeacherLoss()

    @model_validator(mode="after")
    def _patch_holds_the_window_of_ssim(self) -> TeacherConfig:
        if min(self.data.patch) < SSIM_WINDOW:
            raise ValueError(f"data.patch: expected sides of at least {SSIM_WINDOW}, got {list(self.data.patch)}")
        return self


class StudentConfig(_Training):
    """Training of the student (Sections III-C and III-D)."""

    kind: Literal["student"] = "student"
    teacher: str = "tsdm_teacher.safetensors"
    """A weight file, or the name of one that the weights directory or this package has."""
    batch: Count = 6
    epochs: Count = 150
    optimiser: OptimiserSettings = OptimiserSettings(step_epochs=30)
    discriminator: OptimiserSettings = OptimiserSettings(learning_rate=1e-4, step_epochs=30)
    loss: StudentLoss = StudentLoss()
    network: Literal["transformer", "lite"] = "transformer"
    """The paper's student, or the small convolutional one."""
    sharpen: bool = True
    """Sharpen the sources of the targets, as the paper does."""
    degradation: RandomModel = PAPER
    variety: tuple[Part, ...] = ()
    """Further models of degradation, each with its share of the images. Needs ``data.whole_images``."""

    @model_validator(mode="after")
    def _whole_images(self) -> StudentConfig:
        if sum(part.share for part in self.variety) > 1:
            raise ValueError("variety: the shares sum to more than 1")
        if not self.data.whole_images and (self.variety or not self.sharpen):
            raise ValueError("variety and sharpen: false need data.whole_images: true")
        return self

    @model_validator(mode="after")
    def _patch_fits_the_networks(self) -> StudentConfig:
        adversarial = self.loss.adversarial_weight and self.loss.adversarial_from_epoch <= self.epochs
        multiple = 2**HALVINGS if adversarial else WINDOW
        if any(side % multiple for side in self.data.patch):
            raise ValueError(f"data.patch: expected multiples of {multiple}, got {list(self.data.patch)}")
        return self


TrainingConfig = TeacherConfig | StudentConfig
KINDS: dict[str, type[TrainingConfig]] = {"teacher": TeacherConfig, "student": StudentConfig}


def load_config(kind: str, name_or_path: str, overrides: Mapping[str, Any] | None = None) -> TrainingConfig:
    """The configuration of a ``teacher`` or ``student`` training: a shipped one by name, or any YAML file.

    ``overrides`` replace single fields by dotted name. Raises ``UsageError`` naming the fields that do not fit, each
    with its value, or the known configurations where there is no such file.
    """
    return read_yaml(config_file(kind, name_or_path), KINDS[kind], overrides, name=name_or_path)
