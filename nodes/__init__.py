"""Node types: one file per service, written on nodes/sdk.py and nothing else."""
