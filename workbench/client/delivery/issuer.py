"""The key and the certificate that sign delivered files: given by settings, or made once per home.

The file of a home contains the private key, its certificate and the certificate of the authority that signed it. The
authority's key is discarded, as for the object store (``workbench.embedded.certificates``).
"""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WorkbenchError
from workbench.embedded.certificates import CLOCK_SLACK, make_chain
from workbench.embedded.home import write_private
from workbench.settings import Settings
from workbench.store.files import written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

ISSUER_FILE = "signing.pem"
CERTIFICATE_FILE = "signing-certificate.pem"  # without the key, to give to those who verify files elsewhere
ORGANISATION = "Talking-head workbench"
# There is no time stamp of a third party, so a signature ends with its certificate. It must outlast the videos.
LASTS = timedelta(days=20 * 365)


@dataclass(frozen=True)
class Issuer:
    """Signs files.

    Attributes:
        algorithm: the name that C2PA gives to the algorithm of the key, such as ``es256``.
        key: PEM of the private key, PKCS#8.
        chain: PEM of the certificate and of its authorities, in this order.
        fingerprint: SHA-256 of the certificate.
    """

    algorithm: str
    key: bytes
    chain: str
    fingerprint: str


def issuer(settings: Settings) -> Issuer:
    """The issuer of this deployment. The first call makes the key and the certificate of a home. Blocks.

    Raises WorkbenchError: settings.invalid if a given or kept file cannot be used; home.*
    """
    if settings.signing_key or settings.signing_certificate:
        return _given(settings)
    path = settings.home / ISSUER_FILE
    if not path.is_file():
        with written(path):
            _make(path)
    found = _read(path, path, "Restore the file, or move it away to make a new key and certificate.")
    if not (public := settings.home / CERTIFICATE_FILE).is_file():
        with written(public):
            write_private(public, found.chain.encode())
    return found


def certificates(settings: Settings) -> str:
    """PEM of the certificates that this deployment signs with; "" if it has never signed. Creates nothing.

    Raises WorkbenchError: settings.invalid.
    """
    given = settings.signing_key or settings.signing_certificate
    return issuer(settings).chain if given or (settings.home / ISSUER_FILE).is_file() else ""


def _given(settings: Settings) -> Issuer:
    for name in ("signing_key", "signing_certificate"):
        if not getattr(settings, name):
            raise _unusable(f"WORKBENCH_{name.upper()}", "it is not set", "Set both, or neither.")
    key, certificate = (Path(value).expanduser() for value in (settings.signing_key, settings.signing_certificate))
    return _read(key, certificate, "Correct WORKBENCH_SIGNING_KEY and WORKBENCH_SIGNING_CERTIFICATE.")


def _make(path: Path) -> None:
    """Create the file, unless another process was faster: a replaced key would orphan the files it has signed."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(name: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION)
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])

    only_signs = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    now, number = datetime.now(UTC), secrets.token_hex(4)  # no name of a host or a user: the file goes to others
    pem = make_chain(
        named(f"Authority of workbench {number}"),
        named(f"Workbench {number}"),
        (now - CLOCK_SLACK, now + LASTS),
        # The purposes that the C2PA specification asks of a certificate for signing (section 14.5.1).
        [(only_signs, True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)],
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:  # mode 0600 from the start
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return


def _read(key_file: Path, certificate_file: Path, remedy: str) -> Issuer:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    encoding = serialization.Encoding
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(str(key_file), f"the private key cannot be read: {error}", remedy) from error
    try:
        chain = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(str(certificate_file), f"the certificate cannot be read: {error}", remedy) from error
    public = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*public) != chain[0].public_key().public_bytes(*public):
        raise _unusable(str(certificate_file), "the first certificate belongs to another key", remedy)
    if chain[0].not_valid_after_utc < datetime.now(UTC):
        raise _unusable(str(certificate_file), f"the certificate expired on {chain[0].not_valid_after_utc:%F}", remedy)
    return Issuer(
        algorithm=_algorithm(key, key_file, remedy),
        key=key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        chain="".join(certificate.public_bytes(encoding.PEM).decode() for certificate in chain),
        fingerprint=chain[0].fingerprint(hashes.SHA256()).hex(),
    )


def _algorithm(key: PrivateKeyTypes, file: Path, remedy: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        found = {256: "es256", 384: "es384", 521: "es512"}.get(key.curve.key_size)
    else:
        found = (
            "ps256"
            if isinstance(key, rsa.RSAPrivateKey)
            else "ed25519"
            if isinstance(key, ed25519.Ed25519PrivateKey)
            else None
        )
    if found is None:
        raise _unusable(str(file), "C2PA does not know this kind of key", remedy)
    return found


def _unusable(where: str, seen: str, remedy: str) -> WorkbenchError:
    return WorkbenchError(
        "settings.invalid",
        f"delivered files cannot be signed: {seen}",
        where=where,
        allowed="PEM files: a private key (EC, RSA or Ed25519) without a password, and its certificate chain",
        remedy=remedy,
    )
