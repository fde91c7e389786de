"""What services cost, as one document: priced, and with what was measured and billed where somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.cli.planning import Target, working
from reconciler.cli.prices import prefer_kept, say_trouble
from reconciler.core.address import Address
from reconciler.cost.estimate import Estimate, estimate
from reconciler.cost.measured import as_measured
from reconciler.cost.shape import shape_of
from reconciler.cost.told import told
from reconciler.cost.usage import usage_of

if TYPE_CHECKING:
    from reconciler.core.inventory import Key
    from reconciler.cost.measured import Use
    from schemas import LoadedService

_NOT_ASKED = "no budget.export says where the bill is"
Keyed = tuple[str, "Key"]
"""Project, and region and name of a service."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of services besides their specs.

    Args:
        uses: How much they were used, where that was measured.
        bills: What they were billed, as plain data; None where nobody asked.
    """

    uses: Mapping[Keyed, Use] = field(default_factory=dict)
    bills: Mapping[Keyed, Mapping[str, Any]] | None = None


def measured(services: Sequence[LoadedService], target: Target) -> dict[Keyed, Use]:
    """Read how much services were used: three lists for each project, and what there is of them.

    Args:
        services: Loaded specs.
        target: Where.

    Raises:
        ApiError: It cannot be read.
    """
    from reconciler.engine.use import read_use  # noqa: PLC0415 - Google's packages load slowly

    found: dict[Keyed, Use] = {}
    for project, there, mine in _by_project(services, target):
        with working(there, quiet=True) as session:
            kind = session.kinds.primary.name
            seen = session.observe({Address(kind, each.region, each.name): "" for each in mine})
            made = {(a.location, a.name): one.output["made"] for a, one in seen.items() if one.output["made"]}
            found |= {(project, key): use for key, use in read_use(session, made).items()}
    return found


def bills(services: Sequence[LoadedService], target: Target) -> dict[Keyed, Mapping[str, Any]]:
    """Read what services were billed: one query for each project. What is not known is said of each.

    Args:
        services: Loaded specs.
        target: Where.
    """
    from reconciler.engine.billing import read_bill  # noqa: PLC0415 - Google's packages load slowly

    found: dict[Keyed, Mapping[str, Any]] = {}
    for project, there, mine in _by_project(services, target):
        asking = {each.name for each in mine if _names_export(each)}
        none = {"months": [], "unknown": _NOT_ASKED}
        found |= {(project, (each.region, each.name)): none for each in mine if each.name not in asking}
        if asking:
            with working(there, quiet=True) as session:
                bill = read_bill(session, asking)
            named = [each for each in mine if each.name in asking]
            found |= {(project, (each.region, each.name)): bill.of(each.name) for each in named}
    return found


def _names_export(loaded: LoadedService) -> bool:
    """Tell whether a spec says where its bill is."""
    budget = loaded.service.spec.budget
    return budget is not None and budget.export is not None


def _by_project(
    services: Sequence[LoadedService], target: Target
) -> Iterator[tuple[str, Target, Sequence[LoadedService]]]:
    for project in sorted({each.project or "" for each in services}):
        mine = [each for each in services if (each.project or "") == project]
        yield project, target.within(project), mine


def document(services: Sequence[LoadedService], rates: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Price services.

    Args:
        services: Loaded specs.
        rates: Use that is asked about, in place of what they declare.
        known: What was measured and billed.
    """
    say_trouble(prefer_kept())

    def priced(each: LoadedService) -> Estimate:
        shape, usage = shape_of(each.service), usage_of(each.service.spec).declaring(rates)
        use = known.uses.get(_key(each))
        return estimate(each.name, shape, as_measured(usage, use, shape) if use else usage)

    found = told([(each.project or "", priced(each)) for each in services], today=datetime.now(tz=UTC).date())
    for service, each in zip(found["services"], services, strict=True):
        use = known.uses.get(_key(each))
        service["measured"] = use.to_json() if use else None
        if known.bills is not None:
            service["billed"] = known.bills[_key(each)]
    return found


def _key(loaded: LoadedService) -> Keyed:
    return loaded.project or "", (loaded.region, loaded.name)
