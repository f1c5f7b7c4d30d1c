"""Password hashes: scrypt with its parameters in the stored text, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from functools import cache

# 32 MiB and about 80 ms of one core a guess. Whoever raises them: older hashes go on working with their own.
_COST_N, _BLOCK_R, _PARALLEL_P = 2**15, 8, 1
_KEY_BYTES = 32


def hash_password(password: str) -> str:
    """``scrypt$n$r$p$salt$key`` with a fresh salt. Takes 32 MiB and about 80 ms."""
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, _COST_N, _BLOCK_R, _PARALLEL_P)
    return "$".join(("scrypt", str(_COST_N), str(_BLOCK_R), str(_PARALLEL_P), _text(salt), _text(key)))


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one that was hashed.

    Args:
        stored: None where the user is unknown: then the same work is done and the answer is no, so that the time
            does not tell which names exist.
    """
    _, n, r, p, salt, key = (stored or _nobodys_hash()).split("$")
    derived = _derive(password, b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(derived, b64decode(key)) and stored is not None


@cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe(16))


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    memory = 128 * n * r + 1024 * 1024  # what scrypt needs, and room for OpenSSL's own
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=_KEY_BYTES
    )


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
