"""What the data plane is told: containers, revisions, addresses. Plain records without any of Google's messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DEFAULT_CONCURRENCY = 80


@dataclass(frozen=True, slots=True)
class Probe:
    """A check on a container.

    `port` is the port as the spec names it; the emulator gives every container a free port of its own and translates.
    Times are whole seconds, as `google.cloud.run.v2.Probe` has them.
    """

    kind: Literal["tcp", "http", "grpc"]
    port: int
    path: str = "/"
    service: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    initial_delay_s: int = 0
    period_s: int = 10
    timeout_s: int = 1
    failure_threshold: int = 3


# What Cloud Run uses where no startup probe is given (recordings/run_service/v1-list).
def default_startup_probe(port: int) -> Probe:
    """Tell the startup probe of a container that names none: the port is open within 240 seconds."""
    return Probe("tcp", port, period_s=240, timeout_s=240, failure_threshold=1)


@dataclass(frozen=True, slots=True)
class Program:
    """How one container of an instance is started: a command in a folder, or an engine's command line.

    `notes` are for the container's log: what is not as it would be in Cloud Run.
    """

    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a container is."""

    project: str
    number: str
    region: str
    service_account: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a container is given when it starts.

    Attributes:
        port: Where it must listen; 0 for one that takes no requests.
        metadata_host: `host:port` of the metadata server that answers as its identity.
        scratch: A folder that its instance has to itself, as long as it is there; its name is like no other's.
        note: Writes a line into its log, soon; from any thread.
        ports: The port of this machine for each port of the instance's containers that is known.
        named_host: `host:port` where services answer to their names on run.app.
    """

    port: int
    metadata_host: str
    scratch: Path
    note: Callable[[str], None]
    ports: Mapping[int, int] = field(default_factory=dict)
    named_host: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a revision. `port` is set on the one that takes requests.

    `program` is called in a worker thread each time one starts: secrets are read at instance start. `over` is told, in
    the loop's thread, which must not wait, when nothing of an instance runs any more: of which, its `Place.scratch`.
    """

    name: str
    identity: Identity
    program: Callable[[Place], Program]
    port: int | None = None
    startup: Probe | None = None
    startup_is_default: bool = True
    liveness: Probe | None = None
    readiness: Probe | None = None
    after: tuple[str, ...] = ()
    over: Callable[[Path], None] | None = None

    @property
    def ports(self) -> frozenset[int]:
        """Ports that it is known to listen on: the one that takes requests, and those of its probes."""
        probes = (self.startup, self.liveness, self.readiness)
        return frozenset(filter(None, [self.port, *(probe.port for probe in probes if probe is not None)]))


@dataclass(frozen=True, slots=True)
class Size:
    """What an instance has, as it is billed.

    Attributes:
        cpu: vCPUs of all its containers.
        memory_gib: Memory of all of them.
        gpu: Type of its GPU, or nothing.
        always: CPU is allocated to it also without requests: it is billed for its whole life.
        labels: That the bill shows.
    """

    cpu: float = 0.0
    memory_gib: float = 0.0
    gpu: str = ""
    always: bool = False
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """What the data plane needs to run instances of a revision. `name` is the full resource name."""

    name: str
    containers: tuple[Container, ...]
    concurrency: int = DEFAULT_CONCURRENCY
    max_instances: int = 100
    timeout_s: float = 300.0
    size: Size = Size()
    h2c: bool = False  # its container takes requests by HTTP/2 alone
    affinity: bool = False  # a caller stays with its instance, by a cookie
    watched: bool = True  # its processes are its containers: not where a container engine runs them


@dataclass(frozen=True, slots=True)
class Share:
    """A part of an address's requests, in percent, and the revision (full name) that gets it."""

    revision: str
    percent: int
    min_instances: int = 0
    max_instances: int | None = None  # of the service; the revision has its own
    manual: bool = False  # just so many, whatever the revision says and however many requests there are


@dataclass(frozen=True, slots=True)
class Route:
    """One address: who answers it and who may call it. `service` is the full resource name.

    With `iap` people sign in to Identity-Aware Proxy first, and the service is called by that. `host` is its name on
    run.app, empty where it has none.
    """

    service: str
    shares: tuple[Share, ...]
    public: bool = False
    internal_only: bool = False
    audiences: frozenset[str] = frozenset()  # besides the addresses of the service
    iap: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the start of a revision's first instance ended. `reason` is empty when it serves."""

    reason: str = ""
    message: str = ""

    @property
    def ready(self) -> bool:
        """Tell whether the instance passed its startup probe."""
        return not self.reason


class CannotStartError(Exception):
    """A container cannot be started at all. Carries what the revision's condition will say."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.outcome = Outcome(reason, message)
