"""The installation's secret: what tokens are signed with and, unless another is given, what people's keys hang on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from warehouse.settings import Settings
from warehouse.vault import LocalMasterKey, MasterKey

_KEY_BYTES_MIN = 32  # RFC 7518 §3.2: a key as long as the hash


class SecretKeyUnusable(Exception):
    """A key of the installation cannot be used; the message is one sentence for the operator."""


def installation_key(settings: Settings) -> bytes:
    """JOVEY_SECRET_KEY, else `<home>/secret.key`, made at first use, for its owner alone."""
    if settings.secret_key is not None:
        return _long_enough(settings.secret_key.encode(), "JOVEY_SECRET_KEY")
    path = settings.home / "secret.key"
    if not path.exists():
        _make_key(path)
    return _long_enough(path.read_bytes().strip(), str(path))


def master_key(settings: Settings) -> Callable[[], MasterKey]:
    """What gives the master key when it is first asked for: only then a missing secret is made."""

    @cache
    def made() -> MasterKey:
        if settings.master_key is not None:
            return LocalMasterKey.derived(_long_enough(settings.master_key.encode(), "JOVEY_MASTER_KEY"))
        return LocalMasterKey.derived(installation_key(settings))

    return made


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it there: of several processes at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _long_enough(key: bytes, source: str) -> bytes:
    if len(key) < _KEY_BYTES_MIN:
        raise SecretKeyUnusable(f"{source} must hold at least {_KEY_BYTES_MIN} bytes to keep secrets safely.")
    return key
