"""Detectors: what they find in fused images, and how well."""

from detectors.card import DETECTORS

__all__ = ["DETECTORS"]
