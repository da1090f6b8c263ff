"""Training detectors on fused images: the recipe, the images on disk, the start, and the training itself."""
