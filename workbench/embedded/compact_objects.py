"""The object store forgets: names out of its index and its change log, bytes out of its volumes.

Three places keep what was deleted. The index of names (LevelDB) can only be rewritten while the server is down. The
change log, a file of SeaweedFS in its own volumes, repeats every name and header; a minute of it is in memory. And a
volume keeps deleted bytes until it is vacuumed. So the server is restarted, which rewrites the index and drops the minute
in memory; then the change log is removed, volumes are checked against the index, and all of them are vacuumed.

Killing the server is how it is stopped: it loses nothing it acknowledged, is back in two seconds instead of ten, and does
not write the minute of change log. What it had queued for deletion is found by the check of volumes against the index.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from workbench.embedded.object_names import ask_for_rewrite, rewrite_answer
from workbench.embedded.ports import remembered_ports
from workbench.embedded.process import ProcessId
from workbench.embedded.programs import find_object_server
from workbench.embedded.record import StackRecord, read_record

RESTART_TIMEOUT_S, SHELL_TIMEOUT_S = 60.0, 600.0
LEAST_GARBAGE = 1e-12  # a share of a volume: one byte of any volume is more


def forget_objects(home: Path, record: StackRecord | None) -> str:
    """Have the running object store of this home forget. Returns what could not be done."""
    part = record.part("objects") if record else None
    if part is None or part.process is None or not part.process.alive():
        return "the object store is not running: start the stack and erase again."
    ask_for_rewrite(home)
    os.kill(part.process.pid, signal.SIGKILL)
    killed = time.monotonic()
    if not _is_back(home, part.process, killed + RESTART_TIMEOUT_S):
        return f"the object store was not back within {RESTART_TIMEOUT_S:.0f} s: see objects.log and erase again."
    problem = rewrite_answer(home)
    if problem:
        return f"names stay in the object store's index: {problem}."
    # Nothing that was written before the kill is still on its way into the index: what is not there is garbage.
    return _run_shell(home, remembered_ports(home)["master"], age_s=time.monotonic() - killed)


def _is_back(home: Path, before: ProcessId, until: float) -> bool:
    while time.monotonic() < until:
        record = read_record(home)
        part = record.part("objects") if record else None
        if part is not None and part.ready and part.process not in (None, before) and rewrite_answer(home) is not None:
            return True
        time.sleep(0.05)
    return False


def _run_shell(home: Path, master_port: int, age_s: float) -> str:
    """Remove the change log, drop bytes that no name leads to, vacuum every volume."""
    commands = (
        "lock",
        "fs.log.purge -daysAgo=0",
        f"volume.fsck -reallyDeleteFromVolume -forcePurging -cutoffTimeAgo={max(0.001, age_s):.3f}s -tempPath={home / 'run'}",
        f"volume.vacuum -garbageThreshold={LEAST_GARBAGE}",
        "unlock",
    )
    argv = (find_object_server(), "-logtostderr=true", "-v=-1", "shell", f"-master=127.0.0.1:{master_port}")
    try:
        done = subprocess.run(
            argv,
            input="\n".join([*commands, "exit", ""]),
            cwd=home / "objects",  # where security.toml lies
            capture_output=True,
            text=True,
            timeout=SHELL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"volumes were not compacted within {SHELL_TIMEOUT_S:.0f} s: erase again."
    said = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower() or "WARNING" in line]
    if done.returncode or said:
        return f"volumes keep deleted bytes: {'; '.join(said[:3]) or f'exit code {done.returncode}'}."
    return ""
