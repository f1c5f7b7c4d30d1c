"""Services that train: their checkpoints are parts, and their results are artifacts that other services use."""
