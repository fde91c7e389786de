"""What a budget holds back of a service, remembered on its label: what comes back, and what a limit of costs judges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import CAP_LABEL

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.kinds.run_service.record import RunService
    from schemas.sections.resources import Scaling

_HELD = re.compile(r"min-([0-9]{1,5})(?:-max-([0-9]{1,5}|left))?")
_LEFT = "left"
"""In the place of a limit that the spec leaves as it is found, until it is known which that is."""


def held(scaling: Scaling, facts: Facts) -> dict[str, str]:
    """Give the label of a service that a budget restrains: what the spec wants but for that; none where it does not.

    Args:
        scaling: Of the spec.
        facts: What is known.
    """
    restraint = facts.restraint
    if not (restraint.most or restraint.cold):
        return {}
    said = scaling.service_max_instances
    most = f"-max-{_LEFT if said is None else said}" if restraint.most else ""
    return {CAP_LABEL: f"min-{scaling.min_instances}{most}"}


def completed(fields: RunService, seen: RunService | None) -> Mapping[str, str]:
    """Give the labels, with the limit of somebody else's that a cap stands in the place of.

    Args:
        fields: As wanted.
        seen: As it is there.
    """
    said = fields.labels.get(CAP_LABEL, "")
    if not said.endswith(_LEFT):
        return fields.labels
    found = limit_below(seen) if seen else 0
    return {**fields.labels, CAP_LABEL: f"{said.removesuffix(_LEFT)}{found or 0}"}


def limit_below(seen: RunService) -> int | None:
    """Give the limit of the whole service without a budget's cap: what it was before, or what is there.

    Args:
        seen: As it is there.
    """
    label = seen.labels.get(CAP_LABEL)
    if label is None:
        return seen.service_max
    match = _HELD.fullmatch(label)
    if match is None:
        return None
    if match[2] is None:  # nothing is capped
        return seen.service_max
    return int(match[2]) if match[2] != _LEFT else None


def released(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a plain record, wanted or live, as it is without its budget's restraint.

    Args:
        record: The service's.
    """
    label = record.get("labels", {}).get(CAP_LABEL)
    match = _HELD.fullmatch(label) if label else None
    if match is None:
        return record
    capped = {} if match[2] in {None, _LEFT} else {"service_max": int(match[2])}
    return {**record, "min_instances": int(match[1]), **capped}
