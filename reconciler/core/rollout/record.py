"""What stands beside the traffic, and is written with it in one call: no run that dies leaves one without the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.core.rollout.series import Check

ROLLOUT = "mlservice.dev/rollout"
REJECTED = "mlservice.dev/rejected"
ORDER = "mlservice.dev/order"
_FORMAT = 1
MOST_REJECTED = 20
LONGEST_REASON = 500
"""Characters of why somebody asked something, and of who: of what is longer, the rest is cut when it is read."""


@dataclass(frozen=True, slots=True)
class Record:
    """Why traffic is as it is, and since when. The traffic itself is the position: this explains it.

    Args:
        candidate: Hash of the version that is, or was, on its way.
        stable: Revision that has what the candidate has not; of a finished rollout that of the version that won.
        traffic: Percent by revision, as we wrote it; `latest` is Google's own word.
        since: When traffic was moved last.
        started: When the rollout began: evidence counts from then on.
        final: The candidate has all that it gets.
        first: No version served before it.
        done: The rollout ended well, and the candidate is the stable version.
        before: Revision that was stable before that.
        before_hash: Its version's hash.
        attempt: Of a version that is tried again; changes its hash.
        paused: Who, or which gate, stopped it; empty for nobody.
        hurried: Who said that holds and approvals are skipped; empty for nobody.
        split: The spec's own words of its split that were carried out.
        checks: What came of those before any traffic, by name: nothing is asked twice.
        shadow: We gave the candidate the tag by which it gets copies of requests.
        served: When it got its first traffic: what it was asked before that, by whomever, is no evidence of a step.
    """

    candidate: str
    stable: str
    traffic: Mapping[str, int]
    since: datetime
    started: datetime
    final: bool = False
    first: bool = False
    done: bool = False
    before: str = ""
    before_hash: str = ""
    attempt: str = ""
    paused: str = ""
    hurried: str = ""
    split: str = ""
    checks: Mapping[str, Check] = field(default_factory=dict)
    shadow: bool = False
    served: datetime | None = None

    @property
    def counts(self) -> datetime:
        """Give since when requests of the candidate are counted, once it has traffic."""
        return self.served or self.started

    @property
    def tags(self) -> frozenset[str]:
        """Tags that the split which was carried out gave to its versions."""
        shares = (share.split() for share in self.split.split(", "))
        return frozenset(share[2] for share in shares if len(share) == len(("version", "percent", "tag")))


@dataclass(frozen=True, slots=True)
class Rejection:
    """A version that gets no traffic again without a word of a person.

    Args:
        version: Its hash.
        why: In words.
        at: When.
        cleared: A person let it serve all the same, later.
        content: What is the same of versions that have the same image and model; empty where that is not known.
    """

    version: str
    why: str
    at: datetime
    cleared: bool = False
    content: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asked.

    Args:
        verb: `promote`, `pause`, `resume`, `abort`, `retry` or `rollback`.
        version: Hash of the version that the person saw.
        step: Number of the step that the person saw.
        by: Who.
        at: When.
        nonce: Makes it another one than the one before.
        everything: `promote` through all steps, without holds and approvals.
        ignore_gates: `promote` whatever gates say.
        reason: Why, in the person's words.
    """

    verb: str
    version: str
    step: int
    by: str
    at: datetime
    nonce: str = ""
    everything: bool = False
    ignore_gates: bool = False
    reason: str = ""


VERBS = ("promote", "pause", "resume", "abort", "retry", "rollback")


@dataclass(frozen=True, slots=True)
class Beside:
    """All annotations of ours, read.

    Args:
        record: Of the rollout; None where there is none, or it cannot be read.
        rejected: Versions.
        order: Of a person, not yet carried out.
        unreadable: What could not be read, in words.
    """

    record: Record | None = None
    rejected: tuple[Rejection, ...] = ()
    order: Order | None = None
    unreadable: tuple[str, ...] = field(default=())


def read(annotations: Mapping[str, str]) -> Beside:
    """Read the annotations of a live service. What a stranger wrote there is no rollout, and stops none."""
    unreadable: list[str] = []
    record = _read(annotations, ROLLOUT, _record, unreadable)
    rejected = _read(annotations, REJECTED, _rejections, unreadable) or ()
    order = _read(annotations, ORDER, _order, unreadable)
    return Beside(record, rejected, order, tuple(unreadable))


def on_its_way(annotations: Mapping[str, str]) -> Record | None:
    """Give the rollout that began and did not end well yet; None where there is none, or it cannot be read."""
    record = read(annotations).record
    return record if record is not None and not record.done else None


def written(record: Record, rejected: Iterable[Rejection], order: Order | None = None) -> dict[str, str]:
    """Give the annotations to write; empty ones are to be taken away.

    Args:
        record: Of the rollout.
        rejected: Versions; the newest are kept.
        order: That waits for its moment.
    """
    kept = sorted(rejected, key=lambda each: (each.at, each.version))[-MOST_REJECTED:]
    return {
        ROLLOUT: _text({"v": _FORMAT, **_plain(record)}),
        REJECTED: as_rejections(kept),
        ORDER: as_annotation(order) if order else "",
    }


def as_rejections(rejected: Sequence[Rejection]) -> str:
    """Write versions as the annotation has them; nothing where there are none."""
    return _text([_plain(each) for each in rejected]) if rejected else ""


def as_annotation(order: Order) -> str:
    """Write an order as the command leaves it."""
    return _text(_plain(order))


def merged(*sources: Iterable[Rejection]) -> tuple[Rejection, ...]:
    """Put together what several stores know: of one version the newest word, and of equals the stricter one."""
    found: dict[str, Rejection] = {}
    for each in (each for source in sources for each in source):
        known = found.get(each.version)
        if known is None or (each.at, not each.cleared) > (known.at, not known.cleared):
            found[each.version] = each
    return tuple(sorted(found.values(), key=lambda each: (each.at, each.version)))


def _read(annotations: Mapping[str, str], name: str, reader: Any, unreadable: list[str]) -> Any:
    text = annotations.get(name, "")
    if not text:
        return None
    try:
        return reader(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        unreadable.append(f"annotation {name} cannot be read, and counts as not there")
        return None


def _record(said: Any) -> Record:
    if said["v"] != _FORMAT:
        raise ValueError(said["v"])
    traffic = {str(name): int(percent) for name, percent in said["traffic"].items()}
    flags: dict[str, Any] = {name: said[name] is True for name in ("final", "first", "done", "shadow") if name in said}
    texts: dict[str, Any] = {name: str(said[name]) for name in _TEXTS if name in said}
    checks = {
        str(name): Check(each["passed"] is True, str(each["why"])) for name, each in said.get("checks", {}).items()
    }
    since, started = _moment(said["since"]), _moment(said["started"])
    return Record(
        str(said.get("candidate", "")),
        str(said.get("stable", "")),
        traffic,
        since,
        started,
        **flags,
        **texts,
        checks=checks,
        served=_moment(said["served"]) if "served" in said else None,
    )


_TEXTS = ("before", "before_hash", "attempt", "paused", "hurried", "split")


def _rejections(said: Any) -> tuple[Rejection, ...]:
    return tuple(
        Rejection(
            str(each.get("version", "")),
            str(each.get("why", "")),
            _moment(each["at"]),
            each.get("cleared") is True,
            str(each.get("content", "")),
        )
        for each in said
    )


def _order(said: Any) -> Order:
    if said["verb"] not in VERBS:
        raise ValueError(said["verb"])
    return Order(
        said["verb"],
        str(said.get("version", "")),
        int(said["step"]),
        _said(said.get("by", "")),
        _moment(said["at"]),
        str(said.get("nonce", "")),
        said.get("everything") is True,
        said.get("ignore_gates") is True,
        _said(said.get("reason", "")),
    )


def _said(text: Any) -> str:
    """Give a person's words as one line of bounded length, with nothing in it that a terminal obeys: others read it."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * LONGEST_REASON])
    line = " ".join(shown.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


_SENSIBLE = (2020, 2100)
"""Years that a rollout can be of: what a stranger wrote beyond them cannot be counted with."""


def _moment(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not _SENSIBLE[0] <= found.year <= _SENSIBLE[1]:
        raise ValueError(text)
    return found.astimezone(UTC)


def _plain(one: Any) -> dict[str, Any]:
    """Give what says something: annotations are read by people, too."""
    found = {}
    for name in one.__slots__:
        value = getattr(one, name)
        if name == "checks":
            value = {key: {"passed": each.passed, "why": each.why} for key, each in sorted(value.items())} or ""
        if value not in ("", None) and value is not False:
            found[name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
