"""The discriminator of the adversarial loss: a VGG-style classifier (TSDM-Fusion, Section III-D; SRGAN's layout)."""

from __future__ import annotations

from torch import Tensor, nn

HALVINGS = 6
LEAKY_SLOPE = 0.2


class Discriminator(nn.Module):
    """``discriminator(rgb) -> logit``: N×3×H×W in [0, 1] to N×1, for the one patch size it was made for.

    ``patch`` is (height, width), both multiples of 64; the release trains on 128×256. State-dict keys are those of the
    authors' release.
    """

    def __init__(self, patch: tuple[int, int] = (128, 256)) -> None:
        super().__init__()
        if any(side < 2**HALVINGS or side % 2**HALVINGS for side in patch):
            raise ValueError(f"discriminator patch {patch}: height and width must be multiples of {2**HALVINGS}")
        self.patch = patch
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
        widths = [64, 128, 256, 512, 512, 512]
        for i, width in enumerate(widths):
            layers += _block(width, width, stride=2)
            if i + 1 < len(widths):
                layers += _block(width, widths[i + 1], stride=1)
        self.features = nn.Sequential(*layers)
        cells = patch[0] * patch[1] // 4**HALVINGS
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * cells, 100), nn.LeakyReLU(LEAKY_SLOPE, inplace=True), nn.Linear(100, 1)
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """Logits N×1 of N×3×H×W RGB in [0, 1]; ``ValueError`` for another size than ``patch``."""
        if tuple(rgb.shape[-2:]) != self.patch:
            raise ValueError(f"this discriminator was made for {self.patch} patches, got {tuple(rgb.shape[-2:])}")
        return self.classifier(self.features(rgb).flatten(1))


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
    ]
