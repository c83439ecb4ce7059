"""Vault: people's words as the database holds them, each person's key, and the master key that wraps those keys."""

from __future__ import annotations

import hmac
import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warehouse.events.personal import ERASED

MARK = "hidden:1:"  # the 1 is the version of all that follows: AES-256-GCM, nonce in front, base 64
FINGERPRINT = "hmac:"
_HIDDEN = re.compile(re.escape(MARK) + r"([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{38,})")
_BLANK = "hidden"
_NONCE_BYTES, _KEY_BYTES = 12, 32


class WrongMasterKey(Exception):
    """People's keys were wrapped by another master key; the message is one sentence for the operator."""


class TamperedWords(Exception):
    """Hidden words are not what their key once wrote."""


class MasterKey(Protocol):
    """The port to a key management service: it wraps the keys of people and never shows its own."""

    @property
    def id(self) -> str:
        """Which master key it is, told beside every key it wrapped."""

    def wrap(self, key: bytes, key_id: UUID) -> bytes:
        """A person's key as the database may hold it."""

    def unwrap(self, wrapped: bytes, key_id: UUID) -> bytes:
        """The person's key; raises WrongMasterKey."""

    def fingerprint(self, purpose: str, said: bytes) -> bytes:
        """A keyed hash: equal for equal words, and no use to those who have only the database."""


@dataclass(frozen=True, slots=True, repr=False)
class LocalMasterKey:
    """A master key in this process's memory, derived from a secret of the installation."""

    id: str
    _wrapping: AESGCM
    _hashing: bytes

    @classmethod
    def derived(cls, secret: bytes) -> Self:
        """By HKDF-SHA256 (RFC 5869), a part for each use."""

        def part(use: str) -> bytes:
            return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"jovey {use} 1".encode()).derive(secret)

        return cls(part("name of the master key")[:8].hex(), AESGCM(part("keys of people")), part("fingerprints"))

    def wrap(self, key: bytes, key_id: UUID) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, key_id.bytes)

    def unwrap(self, wrapped: bytes, key_id: UUID) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], key_id.bytes)
        except InvalidTag as error:
            raise WrongMasterKey(
                f"The keys of people were wrapped by another master key than {self.id}; set JOVEY_MASTER_KEY (or "
                "JOVEY_SECRET_KEY) to the secret they were made with."
            ) from error

    def fingerprint(self, purpose: str, said: bytes) -> bytes:
        return hmac.digest(self._hashing, purpose.encode() + b"\x1f" + said, "sha256")


@dataclass(frozen=True, slots=True, repr=False)
class PersonKey:
    """The key that one person's words are hidden under."""

    id: UUID
    _cipher: AESGCM
    _nonces: bytes

    @classmethod
    def new(cls, key_id: UUID, master: MasterKey) -> tuple[PersonKey, bytes]:
        """A random key, and how the database may hold it."""
        key = os.urandom(2 * _KEY_BYTES)
        return cls._of(key_id, key), master.wrap(key, key_id)

    @classmethod
    def unwrapped(cls, key_id: UUID, wrapped: bytes, master: MasterKey) -> PersonKey:
        """The key from what the database holds; raises WrongMasterKey."""
        return cls._of(key_id, master.unwrap(wrapped, key_id))

    @classmethod
    def _of(cls, key_id: UUID, key: bytes) -> PersonKey:
        return cls(key_id, AESGCM(key[:_KEY_BYTES]), key[_KEY_BYTES:])

    def hide(self, event_id: UUID, field: str, words: str) -> str:
        """The words of an event's field, hidden: always alike for the same event, field and words.

        The nonce is a keyed hash of all three (a synthetic nonce): a true retry compares equal, and no nonce ever meets
        two texts, not even when an event that was never committed is decided again with other words.
        """
        said = words.encode()
        place = event_id.bytes + field.encode() + b"\x1f"
        nonce = hmac.digest(self._nonces, place + said, "sha256")[:_NONCE_BYTES]
        body = nonce + self._cipher.encrypt(nonce, said, self.id.bytes)
        return f"{MARK}{_text(self.id.bytes)}:{_text(body)}"

    def reveal(self, body: str) -> str:
        """The words from the last part of what hide() gave; raises TamperedWords."""
        raw = _bytes(body)
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self.id.bytes).decode()
        except InvalidTag as error:
            raise TamperedWords(f"Words hidden under key {self.id} were changed by somebody without it.") from error


def keys_named(texts: Iterable[str]) -> set[UUID]:
    """The ids of the keys that the hidden words in these texts need."""
    found = (match[1] for text in texts if MARK in text for match in _HIDDEN.finditer(text))
    return {UUID(bytes=_bytes(one)) for one in set(found)}


def revealed(document: str, keys: Mapping[UUID, PersonKey | None]) -> str:
    """A JSON text with all hidden words readable; where the key is gone they read `erased`. Raises TamperedWords."""

    def words(match: re.Match[str]) -> str:
        key = keys.get(UUID(bytes=_bytes(match[1])))
        return ERASED if key is None else json.dumps(key.reveal(match[2]), ensure_ascii=False)[1:-1]

    return _HIDDEN.sub(words, document) if MARK in document else document


def blanked(document: str, gone: Collection[UUID] = ()) -> str:
    """A JSON text without its hidden words, for those who may see the fact but not whom it is about.

    They read `hidden`, and `erased` where the key is one of those gone.
    """

    def word(match: re.Match[str]) -> str:
        return ERASED if gone and UUID(bytes=_bytes(match[1])) in gone else _BLANK

    return _HIDDEN.sub(word, document) if MARK in document else document


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
