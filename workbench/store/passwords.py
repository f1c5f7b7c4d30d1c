"""Password hashes: argon2id (RFC 9106) by argon2-cffi; its parameters stand in the stored text.

Hashes of earlier versions (scrypt, other parameters) still count; a login replaces them: ``needs_new_hash``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# Twice the least that OWASP's password storage cheat sheet allows, and as much work as scrypt was. One lane: the
# library's default of four would take every core of a small machine for each login.
_hasher = PasswordHasher(memory_cost=46 * 1024, time_cost=2, parallelism=1)


def hash_password(password: str) -> str:
    """``$argon2id$…`` with a fresh salt. Takes 46 MiB and about 80 ms of one core."""
    return _hasher.hash(_bytes(password))


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one that was hashed.

    Args:
        stored: None where the user is unknown: then the same work is done and the answer is no, so that the time
            does not tell which names exist.
    """
    if stored is not None and stored.startswith("scrypt$"):
        return _scrypt_matches(password, stored)
    try:
        _hasher.verify(stored or _hash_of_no_password(), _bytes(password))
    except VerifyMismatchError:
        return False
    return stored is not None


def needs_new_hash(stored: str) -> bool:
    """Whether the hash was made in another way than ``hash_password`` does now."""
    return stored.startswith("scrypt$") or _hasher.check_needs_rehash(stored)


@cache
def _hash_of_no_password() -> str:
    return hash_password(secrets.token_urlsafe(16))


def _scrypt_matches(password: str, stored: str) -> bool:
    """``scrypt$n$r$p$salt$key``, as hashes were made until argon2 came."""
    _, n, r, p, salt, key = stored.split("$")
    wanted = b64decode(key)
    memory = 128 * int(n) * int(r) + 1024 * 1024  # what scrypt needs, and room for OpenSSL's own
    derived = hashlib.scrypt(
        _bytes(password), salt=b64decode(salt), n=int(n), r=int(r), p=int(p), maxmem=memory, dklen=len(wanted)
    )
    return hmac.compare_digest(derived, wanted)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
