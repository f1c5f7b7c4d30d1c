"""Signs the manifest of a bundle with the key that signs delivered files, and verifies such signatures."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.bundle import BundleSignature
from schemas.delivery import SignatureState
from schemas.errors import WorkbenchError
from workbench.client.delivery.issuer import Issuer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm
    from cryptography.x509 import Certificate


def seal(manifest: bytes, by: Issuer) -> BundleSignature:
    """The signature of these bytes. ECDSA is deterministic (RFC 6979), so that equal bundles have equal bytes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    key = serialization.load_pem_private_key(by.key, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(manifest, ec.ECDSA(_digest(by.algorithm), deterministic_signing=True))
    elif isinstance(key, rsa.RSAPrivateKey):
        digest = _digest(by.algorithm)
        signature = key.sign(manifest, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        assert isinstance(key, ed25519.Ed25519PrivateKey)  # ``issuer`` knows no other
        signature = key.sign(manifest)
    return BundleSignature(
        algorithm=by.algorithm, signature=base64.b64encode(signature).decode(), certificates=by.chain
    )


def check_seal(manifest: bytes, seal: BundleSignature, trusted: str, where: str) -> tuple[SignatureState, str]:
    """The state of a signature that holds, and the name of its issuer.

    Args:
        trusted: PEM of the certificates that count as known issuers.

    Raises WorkbenchError: bundle.signature if it does not hold.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        chain = x509.load_pem_x509_certificates(seal.certificates.encode())
        _verify(chain[0], manifest, base64.b64decode(seal.signature, validate=True), seal.algorithm)
    except (ValueError, binascii.Error, InvalidSignature, TypeError, IndexError) as error:
        raise _broken(where, str(error) or "the manifest differs from what was signed") from None
    now = datetime.now(UTC)
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        raise _broken(where, f"its certificate counts until {chain[0].not_valid_after_utc:%F}")
    known = x509.load_pem_x509_certificates(trusted.encode()) if trusted else []
    state = SignatureState.TRUSTED if _is_known(chain[0], known) else SignatureState.OTHER_ISSUER
    return state, _name(chain[0])


def _verify(certificate: Certificate, content: bytes, signature: bytes, algorithm: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm.startswith("es"):
        key.verify(signature, content, ec.ECDSA(_digest(algorithm)))
    elif isinstance(key, rsa.RSAPublicKey) and algorithm.startswith("ps"):
        digest = _digest(algorithm)
        key.verify(signature, content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm == "ed25519":
        key.verify(signature, content)
    else:
        raise ValueError(f"the certificate has no key for {algorithm[:20]}")


def _digest(algorithm: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    kinds = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    if algorithm[2:] not in kinds:
        raise ValueError(f"the algorithm {algorithm[:20]} is not known")
    return kinds[algorithm[2:]]


def _is_known(leaf: Certificate, known: list[Certificate]) -> bool:
    """Whether the certificate is a known one, or a known authority issued it."""
    from cryptography.exceptions import InvalidSignature

    for one in known:
        if one == leaf:
            return True
        try:
            leaf.verify_directly_issued_by(one)
            return True
        except (ValueError, TypeError, InvalidSignature):
            continue
    return False


def _name(certificate: Certificate) -> str:
    from cryptography.x509.oid import NameOID

    parts = [
        str(found.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for found in certificate.subject.get_attributes_for_oid(oid)
    ]
    return ", ".join(parts) or "an issuer without a name"


def _broken(where: str, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "bundle.signature",
        "the signature of the bundle does not hold",
        where=where,
        seen=seen,
        remedy="Nothing was imported. Get the bundle again from whoever exported it.",
    )
