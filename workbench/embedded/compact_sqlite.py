"""Rewrites a SQLite file through a separate connection, while other processes have it open."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

WAIT_S = 30.0


def vacuum(path: Path, wait_s: float = WAIT_S) -> str:
    """VACUUM the file and empty its write-ahead log. Returns what could not be done.

    Waits at most ``wait_s`` for transactions of other processes. They wait for it, as for any long writer.
    """
    if not path.exists():
        return ""
    until = time.monotonic() + wait_s
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=wait_s, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("VACUUM")
        # An earlier reader keeps old pages of the log, so each attempt copies as much as it can.
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                return f"the log of {path.name} could not be emptied: another process read it for {wait_s:.0f} s."
            time.sleep(0.05)
    except sqlite3.OperationalError as error:
        return f"{path.name} could not be rewritten: {error}. Try again when fewer jobs are running."
    finally:
        connection.close()
    return ""
