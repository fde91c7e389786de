"""The bill: its lines, each with project and labels. Light to import: plain JSON."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from emulator.core.world import World

KIND = "billing.line"
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill.

    Attributes:
        account: Of the billing account that paid.
        project: Id.
        amount: In the account's currency; below zero for a credit.
        since: ISO 8601, virtual time.
        until: The same; equal to `since` for what was spent at once.
        labels: Of what it was spent for.
        region: Where; empty where nobody said.
    """

    account: str
    project: str
    amount: str
    since: str
    until: str
    labels: Mapping[str, str] = field(default_factory=dict)
    region: str = ""

    def within(self, begin: datetime, end: datetime) -> Decimal:
        """How much of it was spent in a time: evenly, from its beginning to its end."""
        since, until, amount = utc(self.since), utc(self.until), Decimal(self.amount)
        if since == until:
            return amount if begin <= since < end else Decimal(0)
        overlap = max(timedelta(0), min(until, end) - max(since, begin))
        return amount * (overlap // INSTANT) / ((until - since) // INSTANT)


def utc(text: str) -> datetime:
    """A time as it is written down."""
    return datetime.fromisoformat(text).astimezone(UTC)


def add(world: World, line: Line) -> None:
    """Put a line on the bill."""
    world.store.put(KIND, f"{line.account}/{line.since}/{uuid.uuid4().hex}", json.dumps(asdict(line)).encode())


def lines(world: World, account: str = "") -> Iterator[Line]:
    """The lines of an account's bill, or of every one, oldest first."""
    yield from (line for _, line in named(world, account))


def named(world: World, account: str = "") -> Iterator[tuple[str, Line]]:
    """The same, each with the name that it is kept under."""
    for name, body in world.store.list(KIND, f"{account}/" if account else ""):
        yield name, Line(**json.loads(body))
