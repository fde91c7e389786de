"""Which part of the services a task of the job works on."""

from __future__ import annotations

import os
from dataclasses import dataclass

from reconciler.core.shards import shard_of


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the services is ours.

    Args:
        index: From 0.
        count: How many there are.

    Source:
        cloud.google.com/run/docs/container-contract#jobs-env-vars.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def ours(cls) -> Shard:
        """Read what Cloud Run says; alone where it says nothing."""
        said = [os.environ.get(f"CLOUD_RUN_TASK_{name}", "") for name in ("INDEX", "COUNT")]
        index, count = (int(text) if text.isascii() and text.isdigit() else 0 for text in said)
        return cls(index, count) if index < count else cls()

    def takes(self, region: str, name: str) -> bool:
        """Tell whether a service is ours."""
        return shard_of(region, name, self.count) == self.index
