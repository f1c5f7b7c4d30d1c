"""Removes deleted data from the object store's files: names from its index and change log, bytes from its volumes.

Deleted data remains in three places. The index of names (LevelDB) can only be rewritten while the server is down. The
change log, a file of SeaweedFS in its own volumes, repeats every name and header; up to a minute of it is in memory.
And a volume keeps deleted bytes until it is vacuumed. Therefore the server is restarted, which rewrites the index and
discards the part in memory. Then the change log is removed, volumes are checked against the index, and all volumes are
vacuumed.

The server is killed rather than stopped: it loses no acknowledged data, restarts in two seconds instead of ten, and
does not write the last minute of the change log. The check of volumes against the index finds queued deletions.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from workbench.embedded.object_names import ask_for_rewrite, rewrite_answer
from workbench.embedded.ports import remembered_ports
from workbench.embedded.process import ProcessId
from workbench.embedded.programs import find_object_server
from workbench.embedded.record import StackRecord, read_record

RESTART_TIMEOUT_S, SHELL_TIMEOUT_S = 60.0, 600.0
LEAST_GARBAGE = 1e-12  # a share of a volume, smaller than one byte of any volume
# SeaweedFS deletes bytes every 1.1 s. This pause waits for that, and separates data written after the restart from the
# data that the check of volumes examines, whose limit can only be given as an age.
PAUSE_S = 2.5


def forget_objects(home: Path, record: StackRecord | None) -> str:
    """Remove deleted data from the files of this home's running object store. Returns what could not be done."""
    part = record.part("objects") if record else None
    if part is None or part.process is None or not part.process.alive():
        return "the object store is not running: start the stack and repeat the erasure."
    asked = time.monotonic()
    ask_for_rewrite(home)
    time.sleep(PAUSE_S)
    os.kill(part.process.pid, signal.SIGKILL)
    if not _is_back(home, part.process, time.monotonic() + RESTART_TIMEOUT_S):
        return f"the object store did not restart within {RESTART_TIMEOUT_S:.0f} s: check objects.log and try again."
    names = rewrite_answer(home)
    # All data from before the kill is in the index by now, so older data that is not in the index is garbage.
    volumes = _compact_volumes(home, remembered_ports(home)["master"], older_than=asked)
    return " ".join([f"names remain in the object store's index: {names}."] * bool(names) + [volumes] * bool(volumes))


def _is_back(home: Path, before: ProcessId, until: float) -> bool:
    while time.monotonic() < until:
        record = read_record(home)
        part = record.part("objects") if record else None
        if part is not None and part.ready and part.process not in (None, before) and rewrite_answer(home) is not None:
            return True
        time.sleep(0.05)
    return False


def _compact_volumes(home: Path, master_port: int, older_than: float) -> str:
    until = time.monotonic() + SHELL_TIMEOUT_S
    dirty = _volumes_with_garbage(home / "objects")
    while True:
        problem = _run_shell(home, master_port, older_than)
        # The master ignores the command silently while another vacuum is running.
        dirty &= _volumes_with_garbage(home / "objects")
        if problem or not dirty:
            return problem
        if time.monotonic() > until:
            return f"the object store did not compact {len(dirty)} of its volumes: repeat the erasure."
        time.sleep(1.0)


def _run_shell(home: Path, master_port: int, older_than: float) -> str:
    """Remove the change log, delete unnamed bytes older than the given time, and vacuum every volume."""
    argv = (find_object_server(), "-logtostderr=true", "-v=-1", "shell", f"-master=127.0.0.1:{master_port}")
    with subprocess.Popen(
        argv,
        cwd=home / "objects",  # the folder of security.toml
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        assert shell.stdin and shell.stdout
        watchdog = threading.Timer(SHELL_TIMEOUT_S, shell.kill)
        watchdog.start()
        try:
            shell.stdin.write("lock\nfs.log.purge -daysAgo=0\nfs.pwd\n")
            shell.stdin.flush()
            output = []
            for line in shell.stdout:  # wait for the lock first, so that the age below is not too small
                output.append(line)
                if line.strip() == "/":
                    break
            age = f"{time.monotonic() - older_than:.3f}s"
            shell.stdin.write(
                f"volume.fsck -reallyDeleteFromVolume -forcePurging -cutoffTimeAgo={age} -tempPath=../run\n"
            )
            shell.stdin.write(f"volume.vacuum -garbageThreshold={LEAST_GARBAGE}\nunlock\nexit\n")
            shell.stdin.close()
            output += shell.stdout.readlines()
        except BrokenPipeError:
            output.append("error: the shell ended early\n")
        finally:
            watchdog.cancel()
    errors = [line.strip() for line in output if "error" in line.lower() or "WARNING" in line]
    if shell.returncode or errors:
        return f"volumes still contain deleted bytes: {'; '.join(errors[:3]) or f'exit code {shell.returncode}'}."
    return ""


def _volumes_with_garbage(folder: Path) -> set[tuple[str, int]]:
    """Volumes whose index contains deleted entries, by name and inode, because a vacuum replaces the file.

    An entry has eight bytes of key, four or five of offset (depending on the build of SeaweedFS) and four of size, with
    all bits set for deleted data.
    """
    found = set()
    for path in folder.glob("*.idx"):
        index = path.read_bytes()
        for width in (17, 16):
            ends = range(width, len(index) + 1, width)
            if len(index) % width == 0 and any(index[end - 4 : end] == b"\xff" * 4 for end in ends):
                found.add((path.name, path.stat().st_ino))
    return found
