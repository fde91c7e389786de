"""Messages of Google's generated clients as plain JSON."""

from __future__ import annotations

from typing import Any


def as_json(message: Any) -> dict[str, Any]:
    """Give what a message holds: fields that are not set are left out, and enums are words."""
    return dict(
        type(message).to_dict(message, use_integers_for_enums=False, always_print_fields_with_no_presence=False)
    )
