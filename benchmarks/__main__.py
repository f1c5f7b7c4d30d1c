"""Everything but the peers, one after the other; takes about seventy minutes on two cores that do nothing else."""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    ("hop",),
    ("runner",),
    ("talking_head", "15", "on"),
    ("talking_head", "15", "off"),
    ("talking_head", "15", "dead"),
    ("again",),
    ("memory",),
    ("upload_memory",),
    ("animation",),
    ("stream",),
    ("store",),
    ("run_filters",),
    ("page_start",),
    ("notebook_start",),
    ("notebook_widgets",),
    ("tracking",),
    ("watchers",),
)

for name, *arguments in RUNS:
    print(f"\n== python -m benchmarks.{' '.join((name, *arguments))}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=True)
