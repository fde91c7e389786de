"""Names and marks of what we make. Deterministic: the same spec gives the same names, always."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

MANAGED_BY = "managed-by"
MANAGER = "mlservice"
SERVICE_LABEL = "mlservice-service"
VERSION_LABEL = "mlservice-version"
ATTEMPT_LABEL = "mlservice-attempt"
CAP_LABEL = "mlservice-cap"
HASH_LABEL = "mlservice-hash"
"""On a service whose limit of instances is a budget's: its book, beside it, may be deleted."""
MODEL_ENV = "MLSERVICE_MODEL"
"""What the model server is told of its model."""

_NOTE = re.compile(r"\[mlservice:([a-z0-9_-]+)\]")
_LABEL_UNSAFE = re.compile(r"[^a-z0-9_-]+")
_LABEL_LENGTH = 63


def mark_labels(service: str) -> dict[str, str]:
    """Give the labels that say an object is ours, and whose."""
    return {MANAGED_BY: MANAGER, SERVICE_LABEL: service}


def mark_of(labels: Any) -> str:
    """Read the mark back: the service's name, or nothing when the object is not marked as ours."""
    return str(labels.get(SERVICE_LABEL, "")) if labels.get(MANAGED_BY) == MANAGER else ""


def mark_text(service: str) -> str:
    """Give the mark for any text, as short as it can be: `noted` reads it back."""
    return f"[mlservice:{service}]"


def note(service: str) -> str:
    """Give the mark for a description, where an API has no labels."""
    return f"Managed by mlservice {mark_text(service)}"


def noted(description: str) -> str:
    """Read the mark back from a description."""
    found = _NOTE.search(description)
    return found.group(1) if found else ""


def label_value(text: str) -> str:
    """Make a label's value of any text.

    Source:
        Label values: at most 63 of `[a-z0-9_-]`, cloud.google.com/resource-manager/docs/creating-managing-labels.
    """
    return _LABEL_UNSAFE.sub("-", text.lower())[:_LABEL_LENGTH].strip("-")


def account_email(account: str, project: str) -> str:
    """Give the e-mail address of a service account of the project."""
    return f"{account}@{project}.iam.gserviceaccount.com"


def fingerprint(value: Any, *, length: int = 12) -> str:
    """Give a short digest of plain data that does not depend on the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
