"""All measurements on one GPU, within a time: ``PYTHONPATH=. .engines/torch/bin/python -m benchmarks.gpu [--toy]``.

    --minutes 8     stop what still runs after this time
    --out FILE      also write what is printed into a file

One process for each measurement, so that none finds memory in use; the quick and the telling ones come first. ``--toy``
has tiny networks, for a CPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

MEASUREMENTS = (
    ("diffusion", "--models", "svd"),
    ("upscale",),
    ("lora",),
    ("diffusion", "--models", "sdxl"),
    ("diffusion", "--models", "sd"),
    ("diffusion", "--models", "wan", "--pairs", "1"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    until = time.monotonic() + given.minutes * 60
    failed = 0
    with given.out.open("w") if given.out else nullcontext(None) as file:
        for name, *arguments in MEASUREMENTS:
            left = until - time.monotonic()
            command = [sys.executable, "-m", f"benchmarks.gpu.{name}", *arguments, *(["--toy"] if given.toy else [])]
            text = f"\n# {' '.join(command[2:])}\n" + _run(command, left)
            failed += "\nfailed" in text
            print(text, flush=True)
            if file is not None:
                file.write(text)
                file.flush()
    return 1 if failed else 0


def _run(command: list[str], left_s: float) -> str:
    if left_s < 10:
        return "left out: the time is over"
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=left_s, check=False)
    except subprocess.TimeoutExpired as stopped:
        shown = stopped.stdout.decode() if isinstance(stopped.stdout, bytes) else stopped.stdout or ""
        return f"{shown}\nstopped: the time is over"
    return ended.stdout + (f"\nfailed: {ended.stderr[-2000:]}" if ended.returncode else "")


if __name__ == "__main__":
    sys.exit(main())
