"""Training data: datasets, the embedded generator, augmentation, batches."""
