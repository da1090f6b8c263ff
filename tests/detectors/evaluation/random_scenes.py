"""Random objects, and detections that are right, beside them, of another class, doubled, or of nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

CLASSES = ["Bus", "Car", "People"]
SIDES = ["x", "y", "w", "h"]
TRUTH, FOUND = ["image", "class", *SIDES], ["image", "class", "score", *SIDES]


def scene(seed: int, images: int = 20) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random objects, and detections that are near them, of another class, doubled, or of nothing."""
    random = np.random.default_rng(seed)
    objects, found = [], []
    for image in map(str, range(images)):
        for _ in range(random.integers(1, 7)):
            name, box = CLASSES[random.integers(3)], [*random.uniform(0, 400, 2), *random.uniform(15, 120, 2)]
            objects.append((image, name, *box))
            for _ in range(random.integers(0, 3)):
                named = name if random.random() < 0.75 else CLASSES[random.integers(3)]
                spread = random.choice([0.02, 0.1, 0.3])
                moved = [side + spread * box[2 + i % 2] * random.normal() for i, side in enumerate(box)]
                found.append((image, named, random.uniform(0.05, 1), *moved[:2], *np.abs(moved[2:])))
        for _ in range(random.integers(0, 3)):
            box = [*random.uniform(0, 400, 2), *random.uniform(15, 120, 2)]
            found.append((image, CLASSES[random.integers(3)], random.uniform(0.05, 0.8), *box))
    return pd.DataFrame(objects, columns=TRUTH), pd.DataFrame(found, columns=FOUND)
