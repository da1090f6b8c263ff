"""How a detector is trained, as plain numbers: the same for every method of a comparison."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Network, length and augmentation of a training. Its start (``initial``) and its images are given apart."""

    architecture: str = "yolov5n.yaml"
    """An ultralytics architecture by name, or the path of a YAML file."""
    epochs: int = 30
    image_size: int = 640
    batch: int = 16
    optimizer: str = "AdamW"
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.01
    """As a fraction of ``learning_rate``; it falls linearly."""
    warmup_epochs: float = 1.0
    warmup_bias_learning_rate: float = 0.0
    """Where biases start; ultralytics' 0.1 is meant for SGD, with AdamW every step would be that long."""
    mosaic: float = 1.0
    mosaic_free_epochs: int = 5
    """Four images are joined in one, except in the last epochs."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1:
            raise ValueError(f"a recipe needs at least 1 epoch and a batch of 1, got {self.epochs} and {self.batch}")
        if self.image_size < 32 or self.image_size % 32:
            raise ValueError(f"image_size of a recipe must be a multiple of 32, got {self.image_size}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate of a recipe must be above 0, got {self.learning_rate}")


RECIPES = {
    "small": Recipe(epochs=15, image_size=320, batch=4, mosaic=0.5),
    "full": Recipe(epochs=100, image_size=640, batch=32, warmup_epochs=3.0, mosaic_free_epochs=10),
}
"""``small`` takes minutes per method on a CPU for a few dozen pairs, ``full`` is for all of M3FD on a GPU."""
