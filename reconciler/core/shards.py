"""Which shard of a pass takes which service: rendezvous hashing, so that another number of shards moves few of them."""

from __future__ import annotations

import hashlib


def shard_of(region: str, name: str, count: int) -> int:
    """Give the shard of a service: the one whose number, hashed with the service, comes out greatest.

    The same on every machine and in every version: shards that disagreed would each leave a service to the other.

    Args:
        region: Of the service.
        name: Its name.
        count: How many shards there are, 1 or more.
    """
    return max(range(count), key=lambda shard: hashlib.sha256(f"{region}/{name}/{shard}".encode()).digest())
