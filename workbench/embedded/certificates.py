"""The certificate with which the parts of the object store authenticate each other, created per home.

One file contains the private key, its certificate and the certificate of the authority that signed it. It is replaced
atomically, so that a kill never leaves a key with another key's certificate. The authority's own key is discarded after
signing, so that a reader of the home cannot issue another certificate.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.embedded.home import write_private

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE_FILE = "objects.pem"
LASTS = timedelta(days=3650)
RENEWED_BEFORE_END = timedelta(days=180)  # renewed at a start, so that it does not expire while the stack runs
CLOCK_SLACK = timedelta(days=1)


def ensure_certificate(home: Path, now: datetime | None = None) -> Path:
    """The home's certificate file (mode 0600), created or renewed if it is missing, damaged or about to expire."""
    path = home / CERTIFICATE_FILE
    if not _usable(path, now or datetime.now(UTC)):
        write_private(path, make_certificate(now or datetime.now(UTC)))
    return path


def client_context(certificate: Path) -> ssl.SSLContext:
    """The TLS context of a client of this home's object store: its certificate, and verification of the server's."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.load_cert_chain(str(certificate))
    return context


def make_certificate(now: datetime) -> bytes:
    """PEM of a new private key, its certificate for loopback, and the authority's certificate."""
    # Imported here, because the import takes 60 ms and is needed once per home.
    import ipaddress

    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return make_chain(
        named("workbench object store authority"),
        named("workbench object store"),
        (now - CLOCK_SLACK, now + LASTS),
        [(x509.SubjectAlternativeName(hosts), False), (x509.ExtendedKeyUsage(both_ways), False)],
    )


def make_chain(
    authority_name: x509.Name,
    name: x509.Name,
    valid: tuple[datetime, datetime],
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> bytes:
    """PEM of a new private key (P-256, PKCS#8), its certificate, and the certificate of an authority of its own.

    Args:
        valid: beginning and end, for both certificates.
        extensions: further extensions of the certificate, each with whether it is critical.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(authority_name)
            .subject_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid[0])
            .not_valid_after(valid[1])
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    issued = builder(name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    for extension, critical in extensions:
        issued = issued.add_extension(extension, critical=critical)
    from_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = issued.add_extension(from_authority, critical=False).sign(authority_key, hashes.SHA256())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return private + certificate.public_bytes(pem) + authority.public_bytes(pem)


def _usable(path: Path, now: datetime) -> bool:
    try:
        context = client_context(path)  # raises if the key does not match the certificate
        path.chmod(0o600)
        ends = [
            datetime.fromtimestamp(ssl.cert_time_to_seconds(str(c["notAfter"])), UTC) for c in context.get_ca_certs()
        ]
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return bool(ends) and min(ends) - now > RENEWED_BEFORE_END
