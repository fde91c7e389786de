"""What a person may ask, of which version and step: what was meant for another one is not carried out."""

from __future__ import annotations

from reconciler.core.rollout.position import ON_ITS_WAY, Hand, Phase, Rollout, Version
from reconciler.core.rollout.record import Order
from schemas.sections.rollout import Strategy

_PHASES = {
    "promote": frozenset({Phase.PREVIEW, Phase.STEP}),
    "pause": frozenset({*ON_ITS_WAY, Phase.PINNED}),
    "resume": frozenset({*ON_ITS_WAY, Phase.PINNED}),
    "abort": frozenset({*ON_ITS_WAY, Phase.PINNED}),
    "rollback": frozenset({*ON_ITS_WAY, Phase.PINNED, Phase.STEADY}),
    "retry": frozenset({Phase.ROLLED_BACK, Phase.FAILED, Phase.STEADY}),
}
_RAISES = frozenset({"promote", "resume"})
"""They lead to more traffic for a version: so they are for the step that the person saw, too."""


def subject(rollout: Rollout) -> str:
    """Give the version that orders are about."""
    if rollout.phase is Phase.STEADY:
        return rollout.stable.hash if rollout.stable else ""
    if rollout.record is not None:
        return rollout.record.candidate
    return rollout.candidate.hash if rollout.candidate else rollout.wanted


def about(rollout: Rollout, verb: str) -> str:
    """Give the version that an order is for: `retry` of what is at rest is for the one that the spec says."""
    return rollout.wanted if verb == "retry" and rollout.phase is Phase.STEADY else subject(rollout)


def refusal(rollout: Rollout, order: Order) -> str:
    """Say why an order is not carried out; nothing where it is.

    Args:
        rollout: Where it stands.
        order: What was asked.
    """
    said = f"{order.verb} of {order.by} is not carried out: "
    if rollout.phase not in _PHASES[order.verb]:
        return f"{said}the rollout is {rollout.phase}"
    version = about(rollout, order.verb)
    if order.version != version:
        return f"{said}it is for version {order.version}, and this one is {version}"
    if order.verb in _RAISES and order.step != rollout.number:
        return f"{said}it is for step {order.step}, and step {rollout.number} is on"
    why = _obstacle(rollout, order)
    return f"{said}{why}" if why else ""


def _obstacle(rollout: Rollout, order: Order) -> str:
    record = rollout.record
    if rollout.policy.strategy is Strategy.MANUAL and order.verb != "resume":
        return "with strategy Manual the split stands in the spec: change it there"
    if order.verb == "retry" and rollout.phase is Phase.STEADY and rollout.rejection(rollout.wanted) is None:
        return "nothing was rejected"
    if order.verb == "promote" and order.ignore_gates and not order.reason:
        return "whoever passes over gates says why"
    by_gate = record is not None and record.paused.startswith(GATE) and order.ignore_gates
    if order.verb == "promote" and record is not None and record.paused and not by_gate:
        return f"{record.paused} paused it; resume it first"
    return _nowhere(rollout, order)


def _nowhere(rollout: Rollout, order: Order) -> str:
    """Say that there is nothing to go back to, or nothing to go on with."""
    if order.verb in {"abort", "rollback"} and not back_to(rollout):
        return "there is no version to go back to that was not taken back itself"
    if order.verb == "resume" and rollout.hand is Hand.OTHERS and rollout.policy.strategy is not Strategy.MANUAL:
        return "traffic goes to revisions that are not of this rollout; give all of it to one of them"
    return ""


GATE = "gate "
"""What the name of a gate begins with where it paused a rollout, as people do."""


def back_to(rollout: Rollout) -> str:
    """Give the revision that everything goes to where the version on its way is taken back; nothing where none is."""
    refused, stable = subject(rollout), rollout.stable
    if stable is not None and stable.hash != refused:
        return stable.revision
    before = rollout.record.before if rollout.record else ""
    named = [each for each in rollout.live.versions if before and each.revision == before]
    found = named or (_older(rollout) if not before else [])
    usable = [each for each in found if each.hash != refused and rollout.rejection(each.hash) is None]
    return usable[0].revision if usable else ""


def _older(rollout: Rollout) -> list[Version]:
    """Give what served before the one that has everything, newest first: as far as that can be told."""
    versions, stable = list(rollout.live.versions), rollout.stable
    if rollout.phase is not Phase.STEADY or stable is None:
        return []
    return [each for each in versions[versions.index(stable) + 1 :] if each.ready]


_BACK = frozenset({"abort", "rollback"})


def waiting(rollout: Rollout) -> Order | None:
    """Give the order that waits to be carried out; None for none, or one that would be refused."""
    order = rollout.order
    return order if order is not None and not refusal(rollout, order) else None


def in_the_way(rollout: Rollout, order: Order) -> str:
    """Say which order waits that this one must not take the place of; nothing where it may be left.

    One that waits gives way to what is more careful: to an order that takes the version back, and to `pause`. Any
    other order would lose what somebody asked for, and was told is asked.

    Args:
        rollout: Where it stands.
        order: What is asked, and not refused.
    """
    first = waiting(rollout)
    if first is None or says_as_much(first, order) or _gives_way(first, order):
        return ""
    return (
        f"{order.verb} of {order.by} is not left: {first.verb} of {first.by} of {first.at:%Y-%m-%d %H:%M} UTC waits to "
        "be carried out, by the run that is at work or by the next pass"
    )


def _gives_way(first: Order, order: Order) -> bool:
    if first.verb in _BACK:
        return False
    if order.verb in _BACK or (order.verb == "pause" and first.verb != "pause"):
        return True
    more = order.everything >= first.everything and order.ignore_gates >= first.ignore_gates
    return order.verb == first.verb == "promote" and more


def says_as_much(first: Order, order: Order) -> bool:
    """Tell whether an order that waits asks all that another one asks: then the first one stays.

    Args:
        first: That waits.
        order: What is asked now.
    """
    if first.verb in _BACK:
        return order.verb in _BACK
    return (first.verb, first.version) == (order.verb, order.version) and order.verb != "promote"


def heeded(rollout: Rollout, *verbs: str) -> Order | None:
    """Give the order that is to be carried out, if it is one of these."""
    order = rollout.order
    if order is None or order.verb not in verbs or refusal(rollout, order):
        return None
    return order
