"""A cloud in a dictionary, and two kinds in it, for tests of the engine that need no Google.

Toys are named by us, named toys by the server.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import Kind, Kinds
from reconciler.core.objects import Desired, Observed
from reconciler.core.paid import NOTHING
from reconciler.core.reference import Ref


@dataclass(frozen=True)
class Toy:
    """What is managed of a toy."""

    size: int = 1
    place: str = "here"
    url: str | Ref = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Cloud:
    """Everything there is, and what goes wrong with the next calls.

    Attributes:
        objects: By server's name: mark, service and record.
        faults: By verb: errors to raise, in order; None lets a call pass. One of `lost:create` comes after the write.
        calls: Verbs, in order.
        hidden: How many looks a new object stays out of.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, list[Exception | None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    hidden: int = 0
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    before: dict[str, Any] = field(default_factory=dict)

    def fault(self, verb: str) -> None:
        """Fail if it is time to."""
        waiting = self.faults.get(verb)
        if waiting and (error := waiting.pop(0)):
            raise error


class ToyClient:
    """A client of toys whose names are ours."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def observe(self, addresses):
        self.cloud.calls.append("observe")
        self.cloud.fault("observe")
        for address in addresses:
            if address.name in self.cloud.objects:
                yield self.seen(address, address.name)

    def seen(self, address, name):
        mark, fields, version = self.cloud.objects[name]
        return Observed(address, fields, uid=f"uid {version[0]}", version=str(version), mark=mark,
                        output={"url": f"https://{name}"})  # fmt: skip

    def create(self, want):
        self._write("create", want.address.name, want, (next(self.cloud.numbers), 0))

    def _write(self, verb, name, want, version):
        self.cloud.calls.append(verb)
        if hook := self.cloud.before.pop(verb, None):
            hook()
        self.cloud.fault(verb)
        self.cloud.objects[name] = (want.service, want.fields, version)
        self.cloud.fault(f"lost:{verb}")

    def update(self, want, seen, changes):
        del seen, changes
        made, times = self.cloud.objects[want.address.name][2]
        self._write("update", want.address.name, want, (made, times + 1))

    def delete(self, seen):
        self.cloud.calls.append("delete")
        self.cloud.fault("delete")
        self.cloud.objects.pop(seen.server_name or seen.address.name, None)


class NamedClient(ToyClient):
    """A client of toys whose names are the server's; new ones may be missing from the next lists."""

    def find(self, addresses, names):
        self.cloud.calls.append("find")
        self.cloud.fault("find")
        if self.cloud.hidden > 0:
            self.cloud.hidden -= 1
            return
        for server_name in sorted(self.cloud.objects):
            for address in addresses:
                mark = self.cloud.objects[server_name][0]
                if names.get(address) == server_name or mark == f"{address.name}":
                    seen = self.seen(address, server_name)
                    yield replace(seen, server_name=server_name, mark="churn" if mark else "")

    def update(self, want, seen, changes):
        del changes
        made, times = self.cloud.objects[seen.server_name][2]
        self._write("update", seen.server_name, replace(want, service=want.address.name), (made, times + 1))

    def create(self, want):
        number = next(self.cloud.numbers)
        name = f"channels/{number}"
        self._write("create", name, replace(want, service=want.address.name), (number, 0))
        return name


TOY = Kind("toy", "Toy", Toy, desired=lambda *_: iter(()), connect=ToyClient, paid=NOTHING,
           immutable=frozenset({"place"}), keyed=frozenset({"env"}), loss=lambda *_: "it is gone")  # fmt: skip
NAMED = replace(TOY, name="named", title="Named toy", connect=NamedClient, server_named=True)
KINDS = Kinds.of(TOY, NAMED)


def toy(name="one", *, kind="toy", needs=(), **fields):
    """Want a toy."""
    return Desired(Address(kind, GLOBAL, name), Toy(**fields), "churn", needs=frozenset(needs))


def unavailable():
    """An answer that never came."""
    return errors.Unavailable("call", "the toy", "no answer")
