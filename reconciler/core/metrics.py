"""Metrics that programs of ours write, and that alerts look at: alerts on them are made before their first point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core import heartbeat, measures

METRICS: Mapping[str, Callable[[], dict[str, Any]]] = {
    heartbeat.TYPE: heartbeat.descriptor,
    measures.BREACH: measures.breach_descriptor,
}
"""What describes each, by its type."""
