"""What Cloud Run's instances used becomes lines of the bill. Light to import: no message of Google's.

Only instances of services are metered: not requests, jobs, trainings, storage or what other APIs cost, for which lines
are added by hand. Nothing is free here, and there are no credits.
"""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.apis.billingbudgets import bill
from emulator.apis.cloudbilling.accounts import account_of, per_usd
from emulator.core.world import World

if TYPE_CHECKING:
    from emulator.processes.model import Size
    from emulator.processes.use import Use

PRICES = Path(__file__).with_name("prices.json")


@cache
def prices() -> dict[str, Any]:
    """The table, as it is written."""
    found: dict[str, Any] = json.loads(PRICES.read_text())
    return found


def look(world: World) -> None:
    """Take down what instances used since the last look."""
    from emulator.apis.run.running import running  # noqa: PLC0415 - who asks for a line by hand runs nothing

    started = running(world).started
    now = world.clock.now()
    for revision, size, use in started.used() if started is not None else ():
        _, project, _, region, *_ = revision.split("/")
        amount = price(size, use, region)
        account = account_of(world, project)
        if amount and account:
            labels = dict(size.labels) | labels_of(world, revision.partition("/revisions/")[0])
            span = min(use.since, now).isoformat(), now.isoformat()
            paid = amount * per_usd(world, account)
            bill.add(world, bill.Line(account, project, str(paid), *span, labels, region))


def labels_of(world: World, service: str) -> dict[str, str]:
    """The labels of a service as they are now; none where it is gone."""
    from emulator.apis.run.stored import SERVICES  # noqa: PLC0415 - imports Cloud Run's messages

    found = SERVICES.find(world, service)
    return {} if found is None else dict(found.labels)


def price(size: "Size", use: "Use", region: str) -> Decimal:
    """What instances of a size cost for what they were up to, in US dollars."""
    table = prices()["regions"]["dearer" if region in prices()["dearer"] else "others"]
    if size.always:
        life_s = use.busy_s + use.kept_s + use.idle_s
        return seconds(life_s) * (rate(table["always"], size) + Decimal(prices()["gpus"].get(size.gpu, "0")))
    return seconds(use.busy_s) * rate(table["busy"], size) + seconds(use.kept_s) * rate(table["kept"], size)


def rate(table: dict[str, str], size: "Size") -> Decimal:
    """What one instance costs a second."""
    return Decimal(str(size.cpu)) * Decimal(table["cpu"]) + Decimal(str(size.memory_gib)) * Decimal(table["gib"])


def seconds(found: float) -> Decimal:
    """Seconds, to the microsecond."""
    return Decimal(round(found * 1_000_000)) / 1_000_000
