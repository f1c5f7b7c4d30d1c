"""A SQLite file is rewritten whole, from a connection of our own, while other processes have it open."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

WAIT_S = 30.0


def vacuum(path: Path, wait_s: float = WAIT_S) -> str:
    """VACUUM the file and empty its write-ahead log. Returns what could not be done.

    It waits for other processes' transactions for at most ``wait_s``; they wait for it, as for any long writer.
    """
    if not path.exists():
        return ""
    until = time.monotonic() + wait_s
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=wait_s, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("VACUUM")
        # A reader that began earlier keeps the log's old pages: each try copies what it can.
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                return f"another process has been reading {path.name} for {wait_s:.0f} s; its log could not be emptied."
            time.sleep(0.05)
    except sqlite3.OperationalError as error:
        return f"{path.name} could not be rewritten: {error}. Try again when less is going on."
    finally:
        connection.close()
    return ""
