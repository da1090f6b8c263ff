"""Training of TSDM-Fusion: settings, patches, losses, what a step is, the loop, and what a run leaves behind."""
