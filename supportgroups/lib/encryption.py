"""Encrypts what people write, for keeping: AES-256-GCM under keys that can be changed.

A token reads `v1.<key id>.<the rest>`. It is bound to where it stands, so that a token that was
moved to another row does not open. `docs/decisions/0021-words-are-encrypted-at-rest.md` says what
this protects and what it does not.
"""

import base64
import binascii
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = "v1"
_NONCE = 12
#: Texts are filled up to multiples of this, so that the length of a token does not tell "yes" from
#: "rather not say".
_STEP = 64


class Unreadable(Exception):
    """No key opens this: the key is gone, or the value was changed or moved."""


def encrypt(words: str, *, bound_to: str) -> str:
    """A token that opens only with the same `bound_to`: say table, column and row."""
    key = current_key_id()
    sealed = base64.urlsafe_b64encode(_seal(words.encode(), key, bound_to)).decode()
    return f"{VERSION}.{key}.{sealed}"


def decrypt(token: str, *, bound_to: str) -> str:
    """The words of a token. Raises Unreadable."""
    key, sealed = _parts(token)
    try:
        data = base64.b64decode(sealed, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("This is no token.") from None
    return _open(data, key, bound_to).decode()


def encrypt_bytes(data: bytes, *, bound_to: str) -> bytes:
    """As `encrypt`, for files: `v1.<key id>.` and then bytes."""
    key = current_key_id()
    return f"{VERSION}.{key}.".encode() + _seal(data, key, bound_to)


def decrypt_bytes(token: bytes, *, bound_to: str) -> bytes:
    """The data of a token. Raises Unreadable."""
    start = len(VERSION) + len(current_key_id()) + 2
    key, _ = _parts(bytes(token[:start]).decode("ascii", "replace"))
    return _open(bytes(token[start:]), key, bound_to)


def current_key_id() -> str:
    """The key that everything new is encrypted under: the first one."""
    return key_ids()[0]


def key_ids() -> list[str]:
    """Of all keys we have, the current one first."""
    return list(_ciphers(tuple(settings.FIELD_ENCRYPTION_KEYS)))


def key_id_of(token: str) -> str:
    """The key that a token is under, which may be one we no longer have. Raises Unreadable."""
    return _parts(token)[0]


def parse_keys(text: str) -> list[str]:
    """Keys of a setting or a file, in their order. Raises ImproperlyConfigured."""
    keys = text.replace(",", " ").split()
    if not keys:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS holds no key. See .env.example.")
    for key in keys:
        if not re.fullmatch(r"[0-9a-f]{64}", key) or len(set(key)) == 1:
            raise ImproperlyConfigured(
                "FIELD_ENCRYPTION_KEYS holds something else than 64 random hexadecimal digits: "
                "make each with `openssl rand -hex 32`."
            )
    if len(set(keys)) != len(keys):
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS names a key twice.")
    return keys


def read_keys(file: str) -> str:
    """What stands in a file of keys. Raises ImproperlyConfigured."""
    try:
        return Path(file).read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"FIELD_ENCRYPTION_KEYS_FILE cannot be read: {error.strerror}."
        ) from None


@lru_cache(maxsize=8)
def _ciphers(keys: tuple[str, ...]) -> dict[str, AESGCM]:
    """Each key under its id, which tells nothing about it."""
    return {
        hashlib.sha256(b"supportgroups key id " + bytes.fromhex(key)).hexdigest()[:8]: AESGCM(
            bytes.fromhex(key)
        )
        for key in keys
    }


def _seal(data: bytes, key: str, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE)
    filled = data + b"\x80" + bytes(-(len(data) + 1) % _STEP)
    cipher = _ciphers(tuple(settings.FIELD_ENCRYPTION_KEYS))[key]
    return nonce + cipher.encrypt(nonce, filled, bound_to.encode())


def _open(sealed: bytes, key: str, bound_to: str) -> bytes:
    cipher = _ciphers(tuple(settings.FIELD_ENCRYPTION_KEYS)).get(key)
    if cipher is None:
        raise Unreadable(f"There is no key {key}.")
    try:
        filled = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise Unreadable("This was changed, or it belongs elsewhere.") from None
    return filled[: filled.rindex(b"\x80")]


def _parts(token: str) -> tuple[str, str]:
    match token.split("."):
        case [version, key, sealed] if version == VERSION and re.fullmatch(r"[0-9a-f]{8}", key):
            return key, sealed
    raise Unreadable("This is no token.")
