"""When alert policies are looked at: after a point of their metric was written, and when time alone changes something.

Who writes a point finds the policies on its metric by an index, and each of these is looked at a few seconds later,
once for all points until then. A look says itself when the next one is due without new points. So what costs is what
changes, however many policies there are.
"""

import json
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from emulator.apis.monitoring.alerts import incidents, keeping, telling
from emulator.apis.monitoring.alerts.burning import asked
from emulator.apis.monitoring.alerts.conditions import Condition, Query, Verdict, judged
from emulator.apis.monitoring.alerts.incidents import Policy
from emulator.apis.monitoring.alerts.keeping import POLICIES
from emulator.apis.monitoring.alerts.plain import policy_of
from emulator.apis.monitoring.promised import OBJECTIVES
from emulator.apis.monitoring.series import keeping as series
from emulator.apis.monitoring.series.metrics import below
from emulator.apis.monitoring.series.selectors import parse
from emulator.apis.monitoring.series.values import SECOND, Line
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World

log = logging.getLogger(__name__)
WATCH, WATCHED, DUE = "monitoring.watch", "monitoring.watched", "monitoring.due"
"""By metric and policy; the names of those by policy; when a policy is due."""
AFTER_NS = 10 * SECOND
"""How long after a point is written the policies on its metric are looked at. Google takes longer."""
TOGETHER_NS = 5 * SECOND
"""Looks are due at multiples of this: the clock has fewer times to stop at."""
AGAIN_NS, AGAIN_MOST_NS = 5 * 60 * SECOND, 24 * 3600 * SECOND
"""How long after a look that failed there is another, and after many that did: each wait is twice the one before."""


def written(world: World, project: str, type_: str) -> None:
    """A point of a metric was written."""
    prefix = below(project, type_)
    for name, _ in world.store.list(WATCH, prefix):
        due(world, name.removeprefix(prefix), now_ns(world) + AFTER_NS)


def begin(world: World, policy: Any) -> None:
    """Watch a policy that was just saved, and only what it now says; in a transaction of the caller's."""
    stop(world, policy.name)
    project = project_of(policy.name)
    plain = policy_of(policy, partial(objective, world))
    filters = [text for each in plain.conditions for query in each.queries for text in query.filters]
    rows = {f"{below(project, type_)}{policy.name}" for text in filters for type_ in parse(text).metrics}
    world.store.put_all(WATCH, ((row, b"") for row in sorted(rows)))
    world.store.put(WATCHED, policy.name, json.dumps(sorted(rows)).encode())
    due(world, policy.name, now_ns(world) + AFTER_NS)


def objective(world: World, name: str) -> Any:
    """An objective that a policy is about.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    return OBJECTIVES.get(world, by_id(world, name))


def promised(world: World, slo: str) -> None:
    """An objective was changed, or is about to be deleted: policies on it are looked at; in a transaction."""
    for policy in POLICIES.all(world, f"{slo.partition('/services/')[0]}/"):
        texts = [condition.condition_threshold.filter for condition in policy.conditions]
        if any(burn and by_id(world, burn[0]) == slo for burn in map(asked, texts)):
            if OBJECTIVES.find(world, slo) is not None:
                begin(world, policy)
            due(world, policy.name, now_ns(world) + AFTER_NS)


def stop(world: World, policy: str) -> None:
    """Watch a policy no longer."""
    world.store.delete_all(WATCH, json.loads(world.store.get(WATCHED, policy) or b"[]"))
    world.store.delete(WATCHED, policy)
    row = world.store.get(DUE, policy)
    if row is not None:
        world.clock.cancel(json.loads(row)["timer"])
        world.store.delete(DUE, policy)


def end(world: World, policy: str) -> None:
    """Forget a policy that is gone."""
    stop(world, policy)
    keeping.forget(world, policy)


def due(world: World, policy: str, when_ns: int, *, failed: int = 0) -> None:
    """Have a policy looked at, at a time or before; within five seconds of it, together with others.

    Args:
        world: Where it is.
        policy: Its name.
        when_ns: The time, in nanoseconds.
        failed: How many looks have failed, one after the other.
    """
    when_ns = -(-when_ns // TOGETHER_NS) * TOGETHER_NS
    with world.store.transaction():
        row = world.store.get(DUE, policy)
        before = json.loads(row) if row is not None else None
        if before is not None and before["at"] <= when_ns:
            return
        if before is not None:
            world.clock.cancel(before["timer"])
        timer = world.clock.call_at(moment(when_ns), look, {"policy": policy, "at": when_ns, "failed": failed})
        world.store.put(DUE, policy, json.dumps({"at": when_ns, "timer": timer}).encode())


def look(world: World, payload: dict[str, Any]) -> None:
    """Look at a policy, if it still is its time. One that cannot be evaluated says so, and is looked at again."""
    try:
        with world.store.transaction():
            if (policy := taken(world, payload)) is not None:
                evaluate(world, policy, max(now_ns(world), payload["at"]))
                say(world, policy, None)
    except sqlite3.ProgrammingError:  # the emulator is stopping: its next start looks again
        raise
    except ApiFailure as failure:  # it was saved before its metric was known
        log.warning("alert policy cannot be evaluated", extra={"policy": payload["policy"], "why": str(failure)})
        give_up(world, payload, failure)
    except Exception:  # or nobody would look at this policy any more
        log.exception("alert policy cannot be evaluated", extra={"policy": payload["policy"]})
        give_up(world, payload, ApiFailure("INTERNAL", "an internal error of the emulator: see its log"))


def taken(world: World, payload: dict[str, Any]) -> Any:
    """The policy whose time it is, which is over with it; None: another time, or no policy. In a transaction."""
    row = world.store.get(DUE, payload["policy"])
    if row is None or json.loads(row)["at"] != payload["at"]:
        return None
    world.store.delete(DUE, payload["policy"])
    return POLICIES.find(world, payload["policy"])


def give_up(world: World, payload: dict[str, Any], failure: ApiFailure) -> None:
    """Keep nothing of a look but that it failed: the next point, or time, has the policy looked at again."""
    failed = payload.get("failed", 0)  # none in what an older emulator has planned
    with world.store.transaction():
        if (policy := taken(world, payload)) is not None:
            say(world, policy, failure)
            wait = min(AGAIN_NS << min(failed, 16), AGAIN_MOST_NS)
            due(world, policy.name, now_ns(world) + wait, failed=failed + 1)


def say(world: World, policy: Any, failure: ApiFailure | None) -> None:
    """Show whether a policy can be evaluated."""
    code, message = (failure.number, failure.message) if failure is not None else (0, "")
    if (policy.validity.code, policy.validity.message) != (code, message):
        policy.validity.code, policy.validity.message = code, message
        POLICIES.save(world, policy)


def evaluate(world: World, policy: Any, now: int) -> None:
    """Open and close the incidents of a policy, and have people told; one that is disabled has none."""
    plain, before = policy_of(policy, partial(objective, world)), keeping.state_of(world, policy.name)
    if not policy.enabled.value:
        closed = tuple(incidents.ended(each, now) for each in before.open.values())
        step = incidents.Step(incidents.State(), closed=closed)
    else:
        step = incidents.step(plain, [verdicts(world, plain, each, now) for each in plain.conditions], before, now)
    if step.state != before:
        keeping.save_state(world, policy.name, step.state)
    for incident in (*step.opened, *step.closed):
        telling.told(world, policy, incident)
    if step.again is not None:
        due(world, policy.name, step.again)


def verdicts(world: World, policy: Policy, condition: Condition, now: int) -> list[Verdict]:
    """Judge every series of a condition, from the points that count now."""
    project = project_of(policy.name)
    lines = [lines_of(world, project, query, now, newest=condition.absence) for query in condition.queries]
    return judged(condition, lines, now, since=policy.changed)


def lines_of(world: World, project: str, query: Query, now: int, *, newest: bool) -> list[Line]:
    """The series of a query, with the points that count now."""
    found = {name: line for text in query.filters for name, line in series.selected(world, project, parse(text))}
    if newest:
        return list(found.values())
    return [series.filled(world, name, line, now - query.reach_ns, now) for name, line in found.items()]


def project_of(policy: str) -> str:
    """`projects/P` of a policy."""
    return policy.partition("/alertPolicies/")[0]


def now_ns(world: World) -> int:
    """The time, in nanoseconds."""
    return moment_ns(world.clock.now())


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(when_ns: int) -> datetime:
    """A time; the next microsecond where it is between two."""
    return EPOCH + timedelta(microseconds=-(-when_ns // 1000))


def moment_ns(when: datetime) -> int:
    """A time in nanoseconds."""
    return (when - EPOCH) // timedelta(microseconds=1) * 1000
