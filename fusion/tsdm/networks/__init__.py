"""The three networks of TSDM-Fusion: teacher, student and the discriminator of the student's training."""
