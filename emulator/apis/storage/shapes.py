"""The types of the fields the emulator reads from a body; a body of other types is refused before anything is done.

Source:
    cloud.google.com/storage/docs/json_api/v1/buckets#resource and /objects#resource.
"""

from typing import Any

from emulator.apis.storage import errors

INT64 = "int64"
"""Written as a number or as a string of digits."""
TEXTS = {"*": str}
BUCKET: dict[str, Any] = {
    "name": str,
    "location": str,
    "storageClass": str,
    "labels": TEXTS,
    "versioning": {"enabled": bool},
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": bool}, "publicAccessPrevention": str},
}
OBJECT: dict[str, Any] = {
    "name": str,
    "contentType": str,
    "contentEncoding": str,
    "contentDisposition": str,
    "contentLanguage": str,
    "cacheControl": str,
    "storageClass": str,
    "customTime": str,
    "crc32c": str,
    "md5Hash": str,
    "eventBasedHold": bool,
    "temporaryHold": bool,
    "metadata": TEXTS,
    "contexts": {},
}
COMPOSE: dict[str, Any] = {
    "sourceObjects": [{"name": str, "generation": INT64, "objectPreconditions": {"ifGenerationMatch": INT64}}],
    "destination": OBJECT,
}
NOTIFICATION: dict[str, Any] = {
    "topic": str,
    "payload_format": str,
    "event_types": [str],
    "custom_attributes": TEXTS,
    "object_name_prefix": str,
}
POLICY: dict[str, Any] = {"bindings": [{"role": str, "members": [str]}], "etag": str, "version": int}


def check(document: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """Return the document if every field that is known has its type; null is always allowed.

    Raises:
        StorageError: 400, naming the field.
    """
    _check(document, shape, "")
    return document


def _check(value: Any, shape: Any, path: str) -> None:
    if value is None:
        return
    if isinstance(shape, dict) and isinstance(value, dict):
        for key, item in value.items():
            _check(item, shape.get(key, shape.get("*")), f"{path}.{key}".lstrip("."))
    elif isinstance(shape, list) and isinstance(value, list):
        for item in value:
            _check(item, shape[0], path)
    elif not _fits(value, shape):
        raise errors.invalid(f"Invalid value for: {path}")


def _fits(value: Any, shape: Any) -> bool:
    if shape is None:
        return True
    if shape == INT64:
        return str(value).isdecimal()
    return isinstance(shape, type) and isinstance(value, shape)
