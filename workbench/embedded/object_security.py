"""`security.toml` of SeaweedFS: every port but S3's own wants the home's certificate, over gRPC and over HTTP."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.certificates import CERTIFICATE_FILE, client_context
from workbench.embedded.home import write_private

SECURITY_FILE = "security.toml"
_GRPC_PARTS = ("master", "volume", "filer", "s3", "admin", "worker", "client", "msg_broker", "msg_agent", "mq")
_HTTP_PARTS = ("master", "volume", "filer", "admin")


def write_security(folder: Path, certificate: Path) -> None:
    """Write it into the server's working directory, the first place where SeaweedFS looks (mode 0600)."""
    pem = json.dumps(str(certificate))  # a JSON string is a TOML string
    lines = ["[grpc]", f"ca = {pem}"]
    for part in _GRPC_PARTS:
        lines += [f"[grpc.{part}]", f"cert = {pem}", f"key = {pem}"]
    for part in _HTTP_PARTS:
        lines += [f"[https.{part}]", f"cert = {pem}", f"key = {pem}", f"ca = {pem}"]
    lines += ["[https.client]", "enabled = true", f"cert = {pem}", f"key = {pem}", f"ca = {pem}"]
    write_private(folder / SECURITY_FILE, "\n".join([*lines, ""]).encode())


def check_secured(home: Path, master_port: int, timeout_s: float = 1.0) -> None:
    """The master speaks TLS under this home's certificate.

    SeaweedFS goes on without security, with a line in its log, when it cannot read its configuration: this finds out.
    Raises WorkbenchError (store.unreachable).
    """
    certificate = home / CERTIFICATE_FILE
    try:
        context = client_context(certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", master_port, timeout=timeout_s, context=context)
        try:
            connection.connect()
        finally:
            connection.close()
    except OSError as error:
        raise WorkbenchError(
            "store.unreachable",
            f"The object store's inner ports do not speak TLS under this home's certificate: {error}.",
            where=str(certificate),
            seen=f"https://127.0.0.1:{master_port}",
            remedy="Stop the stack, remove that file (a new one is made) and start again.",
        ) from None
