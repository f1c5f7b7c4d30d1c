"""Faults that are really injected: processes killed, connections cut, disks filled; then counted what is left."""
