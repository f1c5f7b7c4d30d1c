"""`security.toml` of SeaweedFS: all ports except S3's require the home's certificate, over gRPC and HTTP."""

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
    """Write the file (mode 0600) into the server's working directory, where SeaweedFS looks first."""
    pem = json.dumps(str(certificate))  # a JSON string is a TOML string
    lines = ["[grpc]", f"ca = {pem}"]
    for part in _GRPC_PARTS:
        lines += [f"[grpc.{part}]", f"cert = {pem}", f"key = {pem}"]
    for part in _HTTP_PARTS:
        lines += [f"[https.{part}]", f"cert = {pem}", f"key = {pem}", f"ca = {pem}"]
    lines += ["[https.client]", "enabled = true", f"cert = {pem}", f"key = {pem}", f"ca = {pem}"]
    write_private(folder / SECURITY_FILE, "\n".join([*lines, ""]).encode())


def check_secured(home: Path, master_port: int, timeout_s: float = 1.0) -> None:
    """Check that the master uses TLS with this home's certificate.

    If SeaweedFS cannot read its configuration, it only logs a line and runs without security. This check detects that.
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
            f"The object store's internal ports do not use TLS with this home's certificate: {error}.",
            where=str(certificate),
            seen=f"https://127.0.0.1:{master_port}",
            remedy="Stop the stack, remove that file (a new one will be created) and start the stack again.",
        ) from None
