"""Detectors that are known by name: a module per origin, with the cards in it."""
