"""A role as the supervisor sees one: announces itself, drains at SIGTERM, and has a child of its own, as workers do.

Arguments: the file to append to, and seconds that draining takes.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from workbench.embedded.ready import announce_ready


def main(diary: Path, drain_s: float) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with diary.open("a") as file:
        file.write(f"child {child.pid}\n")
    announce_ready()
    signal.sigwait({signal.SIGTERM})
    time.sleep(drain_s)  # the work in hand
    with diary.open("a") as file:
        file.write("drained\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
