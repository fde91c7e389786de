"""Which names Cloud Storage takes for buckets and objects."""

from __future__ import annotations

import re

from emulator.apis.storage import errors

_BUCKET = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_SHORTEST, _LONGEST, _LONGEST_DOTTED = 3, 63, 222
_MAX_OBJECT_BYTES = 1024


def check_bucket(name: str) -> None:
    """Check a bucket's name.

    Raises:
        StorageError: 400, as the service says it.

    Source:
        cloud.google.com/storage/docs/buckets#naming.
    """
    parts = name.split(".")
    longest = _LONGEST_DOTTED if len(parts) > 1 else _LONGEST
    well_formed = (
        _BUCKET.fullmatch(name)
        and _SHORTEST <= len(name) <= longest
        and all(0 < len(part) <= _LONGEST for part in parts)
        and not _ADDRESS.fullmatch(name)
        and not name.startswith("goog")
        and "google" not in name
    )
    if not well_formed:
        raise errors.invalid(f"Invalid bucket name: '{name}'")


def check_object(name: str) -> None:
    """Check an object's name: UTF-8, 1 to 1024 bytes, no line breaks.

    Raises:
        StorageError: 400.

    Source:
        cloud.google.com/storage/docs/objects#naming.
    """
    if not name:
        raise errors.required("name")
    size = len(name.encode("utf-8", "surrogatepass"))
    forbidden = name in {".", ".."} or name.startswith(".well-known/acme-challenge/")
    if size > _MAX_OBJECT_BYTES or forbidden or set(name) & {"\r", "\n"} or _has_surrogate(name):
        raise errors.invalid(f"Invalid object name: '{name[:64]}'")


def _has_surrogate(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)
