"""The check of ``workbench doctor``: a small image is signed and verified, as a delivered file would be."""

from __future__ import annotations

import tempfile
from pathlib import Path

from schemas.delivery import SignatureState
from schemas.errors import WorkbenchError
from schemas.refs import ImageRef
from schemas.stack import Finding, Level
from workbench.client.delivery.issuer import issuer
from workbench.client.delivery.manifest import manifest, statement
from workbench.client.delivery.signature import write_signed
from workbench.client.delivery.verify import verify
from workbench.settings import Settings

CHECK = "signing"


def signing_finding(settings: Settings) -> Finding:
    """Whether delivered files are signed. Makes the key of the home if it has none. Blocks for 0.2 s."""
    from PIL import Image

    ref = ImageRef(sha256="0" * 64)
    try:
        with tempfile.TemporaryDirectory() as folder:
            plain, signed = Path(folder) / "plain.png", Path(folder) / "signed.png"
            Image.new("RGB", (16, 16)).save(plain)
            by = issuer(settings)
            write_signed(plain, signed, ref.media_type, manifest(ref, statement(ref, None)), by)
            found = verify(signed, settings)
    except WorkbenchError as error:
        message = f"{error.message}: {error.seen}" if error.seen else error.message
        level = Level.PROBLEM if error.code == "settings.invalid" else Level.WARNING  # files leave, but without a mark
        return Finding(check=CHECK, level=level, message=message, remedy=error.remedy)
    if found.state is not SignatureState.TRUSTED:
        remedy = "Give a certificate for C2PA: digitalSignature, an extended key usage such as emailProtection, and O=."
        problem = "; ".join(found.problems) or f"a signed file is verified as {found.state.value}"
        return Finding(check=CHECK, level=Level.PROBLEM, message=problem, remedy=remedy)
    return Finding(check=CHECK, level=Level.OK, message=f"delivered files are signed by {found.issuer}", remedy="")
