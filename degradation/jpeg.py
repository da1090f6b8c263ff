"""Loss by JPEG compression, with the real codec."""

from __future__ import annotations

import cv2
import numpy as np


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode uint8 H×W×C (C = 1 or 3, RGB) at ``quality`` 1…100 and decode it again.

    Baseline JPEG of the Independent JPEG Group's tables, colour subsampled 4:2:0: byte for byte what PIL's ``save``
    gives. A grey image loses exactly what its replication to three channels would lose.
    """
    if image.shape[-1] == 1:
        return _decode(_encode(image, quality), cv2.IMREAD_GRAYSCALE)[..., None]
    decoded = _decode(_encode(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality), cv2.IMREAD_COLOR)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def _decode(data: np.ndarray, mode: int) -> np.ndarray:
    if (image := cv2.imdecode(data, mode)) is None:
        raise AssertionError("what the codec has just written, it reads")
    return image


def _encode(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
