"""Detectors: what they find in fused images, and how well."""

from detectors.card import cards

__all__ = ["cards"]
