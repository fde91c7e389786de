"""Libraries that tell their makers of their use, told not to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

# onnxruntime since 1.32 makes an id of the device and sends events to its maker, from its first import on: what its API
# has against it comes too late for both. Source: Privacy.md of its package.
NAMES = ("ORT_DISABLE_TELEMETRY",)


def be_silent(environment: MutableMapping[str, str]) -> None:
    """Turn off what libraries tell of themselves; who said otherwise has said so.

    Args:
        environment: Of this process, before any of these libraries is imported.
    """
    for name in NAMES:
        environment[name] = environment.get(name) or "1"
