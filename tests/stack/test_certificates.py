"""The certificate of a home: kept while valid, replaced before it expires or when it is damaged."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from workbench.embedded.certificates import LASTS, RENEWED_BEFORE_END, ensure_certificate
from workbench.embedded.object_security import check_secured


def test_a_certificate_is_kept_until_half_a_year_before_it_expires(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path).read_bytes()
    assert stat.S_IMODE((tmp_path / "objects.pem").stat().st_mode) == 0o600
    renewal = datetime.now(UTC) + LASTS - RENEWED_BEFORE_END
    assert ensure_certificate(tmp_path, renewal - timedelta(days=1)).read_bytes() == made
    assert ensure_certificate(tmp_path, renewal + timedelta(days=1)).read_bytes() != made


@pytest.mark.parametrize("damage", ["cut", "of another key", "empty", "open to all"])
def test_a_damaged_certificate_is_replaced_and_its_permissions_are_restricted(tmp_path: Path, damage: str) -> None:
    path = ensure_certificate(tmp_path)
    made = path.read_bytes()
    if damage == "of another key":
        (tmp_path / "other").mkdir()
        other = ensure_certificate(tmp_path / "other").read_bytes()
        end = b"-----END PRIVATE KEY-----\n"
        path.write_bytes(other.partition(end)[0] + end + made.partition(end)[2])
    elif damage == "open to all":
        path.chmod(0o644)
    else:
        path.write_bytes(made[:300] if damage == "cut" else b"")
    ensure_certificate(tmp_path)
    assert (path.read_bytes() == made) is (damage == "open to all")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_certificate(tmp_path).read_bytes() == path.read_bytes()


def test_an_object_store_that_started_without_security_does_not_count_as_up(tmp_path: Path) -> None:
    ensure_certificate(tmp_path)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        with pytest.raises(WorkbenchError, match="do not use TLS") as caught:
            check_secured(tmp_path, plain.server_port)
        plain.shutdown()
    assert caught.value.code == "store.unreachable"
