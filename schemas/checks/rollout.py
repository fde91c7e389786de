"""How a new version goes out, and the split.

Source:
    https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration; run v2 `Service.traffic`
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime

from schemas.checks.finding import Finding, fraction, warning
from schemas.checks.schedules import time_zone
from schemas.refusal import shown
from schemas.sections.access import Access, Authentication, Ingress
from schemas.sections.image import Image
from schemas.sections.management import Management
from schemas.sections.model import Model
from schemas.sections.monitoring import Monitoring
from schemas.sections.rollout import FreezeWindow, Rollout, SmokeRequest, Strategy, TrafficShare
from schemas.sections.runtime import Protocol, Runtime
from schemas.units import duration_text

_ALL = 100
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def steps(rollout: Rollout) -> Iterator[Finding]:
    """A canary's steps rise."""
    if rollout.strategy is Strategy.CANARY and not rollout.steps:
        hint = "for example `steps: [{traffic: 10, hold: 15m}]`"
        yield Finding("rollout.steps", "rollout-steps", "strategy Canary needs steps", hint, at_key=True)
    before = 0
    for index, step in enumerate(rollout.steps):
        path, percent = f"rollout.steps[{index}].traffic", step.traffic_percent
        if percent < before:
            summary = f"{percent} is below the step before it ({before})"
            yield Finding(path, "rollout-steps", summary, "steps must rise")
        elif percent == before:
            summary = f"{percent} is the same as the step before it"
            yield Finding(path, "rollout-steps", summary, "steps must rise")
        before = max(before, percent)


def gates(rollout: Rollout) -> Iterator[Finding]:
    """Shares are fractions."""
    if rollout.gates is not None:
        yield from fraction("rollout.gates.errorRate", rollout.gates.error_rate, "a share of answers")
        yield from fraction("rollout.gates.predictionDrift", rollout.gates.prediction_drift, "a distance")


_OF_STEPS = (
    "steps",
    "gates",
    "smoke",
    "replay",
    "shadow",
    "deadline_s",
    "bake_s",
    "keep_stable_s",
    "keep_percent",
    "approval",
    "freeze",
)


def own_address(rollout: Rollout, access: Access) -> Iterator[Finding]:
    """What is asked of a version without traffic needs an address of its own."""
    asked = [key for key in ("smoke", "replay", "shadow") if getattr(rollout, key) is not None]
    if asked and not access.default_uri:
        hint = "a version without traffic has no other address: leave one of both out"
        yield Finding("access.defaultUri", "smoke", f"rollout.{asked[0]} needs the addresses on run.app", hint)


def predictions(rollout: Rollout, model: Model | None, monitoring: Monitoring | None) -> Iterator[Finding]:
    """Predictions that are compared are logged, and there is somebody to compare with."""
    if rollout.gates is None or rollout.gates.prediction_drift is None:
        return
    path = "rollout.gates.predictionDrift"
    if monitoring is None or monitoring.logging is None:
        hint = "for example `logging: {table: ml_logs.my_service}`"
        yield Finding(path, "gate-input", "predictionDrift needs the prediction log", hint, at_key=True)
    if model is None or model.prediction is None:
        hint = "give `model.prediction: {name: …}`"
        yield Finding(path, "gate-input", "predictionDrift needs model.prediction", hint, at_key=True)
    if rollout.strategy is Strategy.BLUE_GREEN and not (rollout.keep_percent and rollout.bake_s):
        summary = "with everything moved at once there is nobody to compare predictions with"
        yield warning(path, "gate-input", summary, "add `keep` and `bake`, or compare before: `replay`")


_PATH = re.compile(r"/[!-~]*")
_VALUE = re.compile(r"([^.\[\]]+|\[\d{1,9}\])(\.[^.\[\]]+|\[\d{1,9}\])*")


def smoke(rollout: Rollout, model: Model | None, image: Image | None, runtime: Runtime) -> Iterator[Finding]:
    """What a version is asked before any traffic can be asked, and its answer compared."""
    if rollout.smoke is None:
        return
    for index, request in enumerate(rollout.smoke.requests):
        yield from _smoke_request(f"rollout.smoke.requests[{index}]", request)
    if rollout.smoke.requests:
        return
    ours = image is None and model is not None and model.features and Protocol.JSON in runtime.protocols
    if not ours:
        hint = "for example `requests: [{path: /health}]`"
        summary = "smoke needs requests: none can be made without `model.features` and the bundled server's `json`"
        yield Finding("rollout.smoke", "smoke", summary, hint, at_key=True)


_LONGEST_S = 100
"""So long a replay lasts at most: a pass has two minutes for a version."""


def replay(
    rollout: Rollout, model: Model | None, image: Image | None, runtime: Runtime, monitoring: Monitoring | None
) -> Iterator[Finding]:
    """What is replayed was logged whole, and can be asked again."""
    asked = rollout.replay
    if asked is None:
        return
    ours = image is None and model is not None and model.features and Protocol.JSON in runtime.protocols
    if not ours or model is None or model.prediction is None:
        summary = "replay needs `model.features`, `model.prediction` and the bundled server's `json`"
        yield Finding("rollout.replay", "replay", summary, "ask requests of your own: `smoke`", at_key=True)
    if monitoring is None or monitoring.logging is None:
        hint = "for example `logging: {table: ml_logs.my_service}`"
        yield Finding("rollout.replay", "replay", "replay needs the prediction log", hint, at_key=True)
    for name in [name for name, each in (model.features if model else {}).items() if not each.log]:
        summary = f"{shown(name)} is not logged, so no request can be made of the log again: rollout.replay"
        hint = "log it, or leave rollout.replay out and ask requests of your own: `smoke`"
        yield Finding(f"model.features.{name}.log", "replay", summary, hint)
    yield from fraction("rollout.replay.divergence", asked.divergence, "a divergence in bits")
    if asked.agreement is not None and not 0 < asked.agreement <= 1:
        hint = "write a fraction: 98% is 0.98"
        yield Finding("rollout.replay.agreement", "fraction-range", f"{asked.agreement:g} is not in (0, 1]", hint)
    if asked.rows > asked.per_second * _LONGEST_S:
        summary = f"{asked.rows} rows take longer than {_LONGEST_S} s at {asked.per_second} a second"
        yield Finding("rollout.replay.rows", "replay", summary, "ask fewer, or more of them in a second")


def copies(rollout: Rollout, model: Model | None, image: Image | None, runtime: Runtime) -> Iterator[Finding]:
    """Requests are copied by the bundled server, and something judges the answers."""
    if rollout.shadow is None:
        return
    if image is not None or model is None or Protocol.JSON not in runtime.protocols:
        yield _no_copies("needs the bundled server and its `json`, which copies requests", _INSTEAD)
    if runtime.shadow is not None:
        yield _no_copies("and runtime.shadow both copy requests", "leave one of both out")
    gates = rollout.gates
    if gates is None or (gates.error_rate, gates.latency_p95_ms, gates.prediction_drift) == (None, None, None):
        yield _no_copies("needs gates that judge the answers", "for example `gates: {errorRate: 0.01}`")


def patience(rollout: Rollout) -> Iterator[Finding]:
    """Whoever waits for requests may wait as long as copies and steps last at least."""
    if rollout.gates is None:
        return
    shadowed = rollout.shadow.lasts_s if rollout.shadow is not None else 0
    least = shadowed + sum(step.hold_s for step in rollout.steps)
    if least > rollout.deadline_s:
        given, wanted = (duration_text(seconds * 1000) for seconds in (rollout.deadline_s, least))
        summary = f"{given} are over before copies and steps are, which last {wanted} at least"
        hint = f"give it more than {wanted}, as requests may have to be waited for"
        yield warning("rollout.deadline", "rollout-deadline", summary, hint)


def callers(rollout: Rollout, access: Access) -> Iterator[Finding]:
    """A version lets in who copies requests to it, which is the account that it has itself."""
    if rollout.shadow is None:
        return
    if access.ingress is not Ingress.ALL:
        yield _no_copies("needs `access.ingress: All`: a service is no caller from inside to itself", _INSTEAD)
    if access.authentication is Authentication.IAP or access.iap:
        yield _no_copies("cannot pass Identity-Aware Proxy, which asks for people", _INSTEAD)


_INSTEAD = "ask requests of your own: `smoke`"


def _no_copies(summary: str, hint: str) -> Finding:
    return Finding("rollout.shadow", "shadow", f"rollout.shadow {summary}", hint, at_key=True)


def _smoke_request(path: str, request: SmokeRequest) -> Iterator[Finding]:
    if not _PATH.fullmatch(request.path):
        hint = "write /predict, in ASCII without blanks"
        yield Finding(f"{path}.path", "smoke", f"{shown(request.path)} is not a path", hint)
    if request.answer is not None and not _VALUE.fullmatch(request.answer):
        hint = "names with dots, and places in brackets: predictions[0].score"
        yield Finding(f"{path}.answer", "smoke", f"{shown(request.answer)} is no path of a value", hint)
    if "equals" in request.model_fields_set and request.equals is None:
        hint = "`answer` alone asks for any value but null; text is quoted: equals: 'null'"
        yield Finding(f"{path}.equals", "smoke", "null is no value that an answer can have", hint, at_key=True)
    bounds = {"equals": request.equals, "min": request.min, "max": request.max}
    for key in [key for key, value in bounds.items() if value is not None and request.answer is None]:
        yield Finding(f"{path}.{key}", "smoke", f"{key} is of no value", "add `answer`", at_key=True)
    if request.min is not None and request.max is not None and request.min > request.max:
        yield Finding(f"{path}.min", "smoke", "min is above max", "swap the two")
    if request.equals is not None and not _within(request):
        yield Finding(f"{path}.equals", "smoke", f"{shown(request.equals)} is not within min and max", "leave them out")


def _within(request: SmokeRequest) -> bool:
    """Tell whether the value that is expected is one that the bounds let through."""
    if request.min is None and request.max is None:
        return True
    try:
        value = float(request.equals or "")
    except ValueError:
        return False
    low, high = request.min, request.max
    return (low is None or value >= low) and (high is None or value <= high)


def unread(rollout: Rollout) -> Iterator[Finding]:
    """What a strategy does not read is told: whoever wrote a freeze counts on it."""
    if rollout.strategy in {Strategy.ALL_AT_ONCE, Strategy.MANUAL}:
        for attribute in _OF_STEPS:
            if attribute in rollout.model_fields_set and getattr(rollout, attribute):
                key = Rollout.model_fields[attribute].alias
                summary = f"strategy {rollout.strategy} does not read it"
                yield warning(f"rollout.{key}", "rollout-strategy", summary, "Canary and BlueGreen do")


def left(rollout: Rollout, management: Management) -> Iterator[Finding]:
    """A rollout moves traffic: it is not left to others."""
    if rollout.strategy in {Strategy.CANARY, Strategy.BLUE_GREEN} and "traffic" in management.externally_owned:
        index = management.externally_owned.index("traffic")
        summary = f"strategy {rollout.strategy} moves traffic, which is left to others"
        yield Finding(f"management.externallyOwned[{index}]", "rollout-strategy", summary, "leave one of both out")


def freezes(rollout: Rollout) -> Iterator[Finding]:
    """A freeze is minutes of each week, or days."""
    for index, window in enumerate(rollout.freeze):
        yield from _freeze(f"rollout.freeze[{index}]", window)
    if rollout.freeze:
        yield from time_zone("rollout.timeZone", rollout.time_zone)


def _freeze(path: str, window: FreezeWindow) -> Iterator[Finding]:
    if (window.dates is None) == (window.begins is None or window.ends is None):
        yield Finding(path, "freeze", "a freeze has `from` and `to`, or `dates`", "for example `from: Fri 16:00`")
        return
    for key, text in (("from", window.begins), ("to", window.ends)):
        if text is not None and minute_of(text) is None:
            hint = f"a day ({', '.join(DAYS)}) and a time: Fri 16:00"
            yield Finding(f"{path}.{key}", "freeze", f"{shown(text)} is no minute of a week", hint)
    if window.dates is not None and days_of(window.dates) is None:
        yield Finding(
            f"{path}.dates", "freeze", f"{shown(window.dates)} are no days", "for example 2026-12-20/2027-01-04"
        )


def minute_of(text: str) -> int | None:
    """Give the minute of the week, 0 is Monday at midnight; None where it is none."""
    day, _, clock = text.partition(" ")
    try:
        moment = datetime.strptime(clock, "%H:%M")  # noqa: DTZ007 - a time on a wall
    except ValueError:
        return None
    return DAYS.index(day) * 1440 + moment.hour * 60 + moment.minute if day in DAYS else None


def days_of(text: str) -> tuple[date, date] | None:
    """Give the first and the last of some days; None where they are none."""
    first, _, last = text.partition("/")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return None
    return found if found[0] <= found[1] else None


def traffic(rollout: Rollout, traffic: tuple[TrafficShare, ...]) -> Iterator[Finding]:
    """`traffic` and `strategy: Manual` belong together, and the shares make a whole."""
    manual = rollout.strategy is Strategy.MANUAL
    if manual and not traffic:
        hint = "for example `traffic: [{version: latest, percent: 100}]`"
        yield Finding("rollout.strategy", "traffic", "strategy Manual needs traffic", hint)
    if not traffic:
        return
    if not manual:
        hint = "set `rollout.strategy: Manual`, or remove traffic"
        yield Finding("traffic", "traffic", f"traffic is given with strategy {rollout.strategy}", hint, at_key=True)
    total = sum(share.percent for share in traffic)
    if total != _ALL:
        yield Finding("traffic", "traffic-sum", f"the percents sum to {total}", "they must sum to 100", at_key=True)
    for index, share in enumerate(traffic):
        yield from _share(f"traffic[{index}]", share)


def _share(path: str, share: TrafficShare) -> Iterator[Finding]:
    if not _VERSION.fullmatch(share.version):
        hint = "write latest, stable, a model version, or a revision's name"
        yield Finding(f"{path}.version", "traffic-version", f"{shown(share.version)} is not a version", hint)
    if share.percent == 0 and share.tag is None:
        hint = "a version without traffic is only worth listing with a tag"
        yield Finding(f"{path}.percent", "traffic", "0 without a tag has no effect", hint)


def unique_shares(traffic: tuple[TrafficShare, ...]) -> Iterator[Finding]:
    """A tag names one version, and a version has one share."""
    tags = Counter[str]()
    versions = Counter[str]()
    for index, share in enumerate(traffic):
        if share.tag is not None and tags[share.tag]:
            yield Finding(f"traffic[{index}].tag", "traffic-tag", f"{shown(share.tag)} is the tag of two shares")
        if share.percent and versions[share.version]:
            summary = f"{shown(share.version)} has two shares"
            yield Finding(f"traffic[{index}].version", "traffic", summary, "add their percents up")
        tags[share.tag or ""] += 1
        versions[share.version] += bool(share.percent)
