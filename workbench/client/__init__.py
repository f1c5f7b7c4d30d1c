"""What the front ends call: submit, watch, list, cancel, run again."""
