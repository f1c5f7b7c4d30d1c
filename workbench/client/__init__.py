"""What the faces need: submit, watch, list, cancel, re-run."""
