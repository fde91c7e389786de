"""The addresses of services, written down as plain JSON: read at a start without any of Google's messages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from emulator.apis.run.names import parts
from emulator.core.world import World
from emulator.processes.model import Route, Share

KIND = "run.address"
MAIN = ""
"""Key of a service's main address among its tags."""


@dataclass
class Addresses:
    """The addresses of a service as written down.

    Attributes:
        ports: Port by tag.
        shares: By tag: revision (full name), percent, instances to keep, most instances of the service or None,
            whether their number is set by hand.
        audiences: Custom ones.
        iap: Whether people sign in to Identity-Aware Proxy first.
    """

    ports: dict[str, int] = field(default_factory=dict)
    shares: dict[str, list[tuple[str, int, int, int | None, bool]]] = field(default_factory=dict)
    public: bool = False
    internal: bool = False
    audiences: list[str] = field(default_factory=list)
    iap: bool = False

    def uri(self, tag: str = MAIN) -> str:
        """The address of the service, or of a tag."""
        return f"http://127.0.0.1:{self.ports[tag]}"

    def revisions(self) -> set[str]:
        """Full names of the revisions that any address leads to: they may not be deleted."""
        return {share[0] for shares in self.shares.values() for share in shares}


class Doors(dict[str, threading.Lock]):
    """One lock per service of this cloud, by its name: whoever changes its addresses."""


@contextmanager
def changing(world: World, service: str) -> Iterator[None]:
    """Read, change, write down and show addresses alone.

    A deployment moves traffic while somebody else says who may call: each is to find what the other wrote, and what is
    shown last is to be what was written last.
    """
    with world.part(Doors, Doors).setdefault(service, threading.Lock()):
        yield


def load(world: World, service: str) -> Addresses | None:
    """Read a service's addresses; None for one that was never routed."""
    body = world.store.get(KIND, service)
    return None if body is None else Addresses(**json.loads(body))


def save(world: World, service: str, addresses: Addresses) -> None:
    """Write a service's addresses down, so that a restart listens on the same ports."""
    world.store.put(KIND, service, json.dumps(asdict(addresses)).encode())


def written(world: World) -> list[tuple[str, Addresses]]:
    """Every service that has addresses, with them, by name."""
    return [(service, Addresses(**json.loads(body))) for service, body in world.store.list(KIND)]


_LONGEST_LABEL = 63


def host_of(world: World, service: str, tag: str = MAIN) -> str:
    """Give the name on run.app that a service or a tag has by its own name; empty where that is too long for one.

    Source:
        https://cloud.google.com/run/docs/triggering/https-request#deterministic.
    """
    found = parts(service)
    number = world.project_number(found["projects"])
    label = f"{f'{tag}---' if tag else ''}{found['services']}-{number}"
    return f"{label}.{found['locations']}.run.app" if len(label) <= _LONGEST_LABEL else ""


def routes_of(world: World, service: str, addresses: Addresses) -> dict[int, Route]:
    """Describe a service's addresses to the data plane."""
    hosts = {tag: host_of(world, service, tag) for tag in addresses.shares}
    named = {f"https://{host}" for host in [host_of(world, service), *hosts.values()] if host}
    own = frozenset({*addresses.audiences, *named, *(addresses.uri(tag) for tag in addresses.ports)})
    return {
        addresses.ports[tag]: Route(
            service,
            tuple(Share(*share) for share in shares),
            addresses.public,
            addresses.internal,
            own,
            addresses.iap,
            hosts[tag],
        )
        for tag, shares in addresses.shares.items()
    }
