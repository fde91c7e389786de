"""Switches that are not faults: how slowly Google's own systems notice a change. Kept in the store, reset with it."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from emulator.core.store import Store

KIND = "settings"


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be switched, by `PUT /_emulator/settings`.

    Attributes:
        service_account_delay_s: A new service account is not found by reads, and refused in policies, for this long
            after its creation (virtual seconds). Google takes up to a minute (kinds.md 1.3 and 12.2).
        run_cpu_quota: vCPUs that one Cloud Run service may ask for (most instances times size); 0: no limit.
        run_memory_quota_gib: The same for memory. New projects have 20 vCPU and 40 GiB (constraints.md 2.3).
        run_gpu_quotas: 1: GPUs of Cloud Run (most instances, and those that run) must fit into what Cloud Quotas tells.
        run_pending_s: How long (real seconds) a request to a full Cloud Run service waits before it gets 429.
        run_most_idle: Idle Cloud Run instances that are kept in all, besides the minimums of services.
        run_seed: Seed of the traffic split, a whole number; 0: another split each time. Read when Cloud Run starts.
        registry_chunks: 1: files of images may come in chunks, as to other registries. Artifact Registry takes none.
        vertex_queue_s: How long (virtual seconds) a new job of Vertex AI waits in the queue for its machine.
    """

    service_account_delay_s: float = 0
    run_cpu_quota: float = 0
    run_memory_quota_gib: float = 0
    run_gpu_quotas: float = 0
    run_pending_s: float = 10
    run_most_idle: float = 32
    run_seed: float = 0
    registry_chunks: float = 0
    vertex_queue_s: float = 0

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> "Settings":
        """Check and build.

        Raises:
            ValueError: An unknown switch or a value that is no number of seconds.
        """
        unknown = sorted(raw.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"there is no setting {', '.join(map(repr, unknown))}")
        for name, value in raw.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name!r} must be a number, 0 or more")
        return cls(**raw)


def read(store: Store) -> Settings:
    """The switches as they are; those never set have their default."""
    body = store.get(KIND, KIND)
    return Settings() if body is None else Settings(**json.loads(body))


def write(store: Store, settings: Settings) -> None:
    """Set all switches at once."""
    store.put(KIND, KIND, json.dumps(asdict(settings)).encode())
