"""The key that signs seals: Ed25519, so that whoever checks a seal can make none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from warehouse.settings import Settings

KEY_BYTES = 32


class SealKeyUnusable(Exception):
    """The key that signs seals, or a past one, cannot be read; the message says which and what is wanted."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """The installation's private key; `public` is what others check its seals by."""

    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SealKey:
        """The key that RFC 8032 makes of 32 random bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def sign(self, statement: bytes) -> bytes:
        """64 bytes, the same each time."""
        return self._private.sign(statement)


def is_signed(statement: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the holder of that key signed exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal_key(settings: Settings) -> SealKey:
    """JOVEY_SEAL_KEY, else `<home>/seal.key`, made at first use, for its owner alone. Raises SealKeyUnusable."""
    if settings.seal_key is not None:
        return SealKey.from_seed(_bytes_of(settings.seal_key, "JOVEY_SEAL_KEY"))
    path = key_file(settings)
    if not path.exists():
        _make(path)
    return SealKey.from_seed(_bytes_of(path.read_text("ascii", "replace"), str(path)))


def trusted_keys(settings: Settings) -> frozenset[bytes]:
    """The public keys whose seals count: the present one's, if there is one, and JOVEY_SEAL_KEYS_PAST."""
    past = [word for word in settings.seal_keys_past.split(",") if word.strip()]
    keys = {_bytes_of(word, "JOVEY_SEAL_KEYS_PAST") for word in past}
    if settings.seal_key is not None or key_file(settings).exists():
        keys.add(seal_key(settings).public)
    return frozenset(keys)


def key_file(settings: Settings) -> Path:
    """Where the key lives that no setting gives."""
    return settings.home / "seal.key"


def names(keys: Collection[bytes]) -> str:
    """Public keys as people see them."""
    return ", ".join(sorted(key.hex() for key in keys)) or "none"


def _make(path: Path) -> None:
    """Write a new key beside its place and link it there: of several processes at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _bytes_of(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SealKeyUnusable(f"{source} must be {KEY_BYTES} bytes as {2 * KEY_BYTES} hexadecimal digits.")
    return key
