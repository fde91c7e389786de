"""Cron expressions and time zones."""

from collections.abc import Iterator
from functools import cache

from schemas.checks.finding import Finding, warning
from schemas.cron import Cron, CronError, parse_cron
from schemas.refusal import shown
from schemas.sections.monitoring import Monitoring
from schemas.sections.retraining import Condition, Retraining, Trigger
from schemas.spelling import closest
from schemas.units import duration_text

# Cloud Scheduler takes them, but they ignore daylight saving or change meaning.
_ABBREVIATIONS = frozenset(
    {"CET", "EET", "EST", "EST5EDT", "CST6CDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"}
)


def monitoring_schedule(monitoring: Monitoring | None) -> Iterator[Finding]:
    """When the monitor runs."""
    if monitoring is not None:
        yield from cron("monitoring.schedule", monitoring.schedule)


def trigger_schedules(triggers: tuple[Trigger, ...]) -> Iterator[Finding]:
    """When a trigger fires by the clock, and in which time zone."""
    for index, trigger in enumerate(triggers):
        if trigger.when.schedule is not None:
            yield from cron(f"triggers[{index}].when.schedule", trigger.when.schedule)
        yield from _time_zone(f"triggers[{index}].when.timeZone", trigger.when)


def schedules_that_settle(triggers: tuple[Trigger, ...], retraining: Retraining | None) -> Iterator[Finding]:
    """A schedule finer than cooldown or timeout never settles: most of its events are dropped."""
    if retraining is None:
        return
    limits = {"cooldown": retraining.guards.cooldown_s, "timeout": retraining.timeout_s}
    name, limit_s = max(limits.items(), key=lambda item: item[1])
    for index, trigger in enumerate(triggers):
        schedule = _parsed(trigger.when.schedule)
        if schedule is None or schedule.shortest_gap_s >= min(limit_s, 86_400):
            continue
        summary = f"{shown(trigger.when.schedule)} fires every {duration_text(schedule.shortest_gap_s * 1000)}"
        hint = f"the {name} of {duration_text(limit_s * 1000)} drops most of it"
        yield warning(f"triggers[{index}].when.schedule", "schedule-settles", summary, hint)


def cron(path: str, text: str) -> Iterator[Finding]:
    """Five fields, and a date that comes."""
    try:
        schedule = parse_cron(text)
    except CronError as error:
        yield Finding(path, "cron", f"{shown(text)} is not a schedule: {error}", _cron_hint(text))
        return
    if schedule.never:
        yield Finding(path, "cron", f"{shown(text)} never comes: no such date", "check day of month and month")
    if schedule.either:
        hint = "cron means either of them, not both"
        yield warning(path, "cron", f"{shown(text)} names days of the month and of the week", hint)


def _cron_hint(text: str) -> str:
    if text.startswith(("@", "every")):
        return "only the five fields are taken: `0 3 * * 1` is Mondays at three"
    if any(sign in text for sign in "?#LW"):
        return "?, L, W and # are extensions that Google does not take"
    return "for example `0 3 * * 1`: Mondays at three"


def _parsed(text: str | None) -> Cron | None:
    try:
        return parse_cron(text) if text is not None else None
    except CronError:
        return None


def _time_zone(path: str, when: Condition) -> Iterator[Finding]:
    zone = when.time_zone
    if when.schedule is None:
        if "time_zone" in when.model_fields_set:
            yield Finding(path, "time-zone", "timeZone without schedule", "it belongs to `schedule`", at_key=True)
        return
    yield from time_zone(path, zone)


def time_zone(path: str, zone: str) -> Iterator[Finding]:
    """A name of the tz database."""
    if zone in _ABBREVIATIONS:
        hint = "write the place: Europe/Paris, America/New_York"
        yield warning(path, "time-zone", f"{shown(zone)} is an abbreviation with surprises", hint)
    elif not _exists(zone) and (names := _time_zones()):
        meant = closest(zone, sorted(names))
        hint = f"did you mean `{meant}`?" if meant else "a name of the tz database: Europe/Paris, Etc/UTC"
        yield Finding(path, "time-zone", f"{shown(zone)} is not a time zone", hint)


def _exists(zone: str) -> bool:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most specs name no time zone

    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


@cache
def _time_zones() -> frozenset[str]:
    """Names of the tz database; none where the system has no such database, which is then not checked."""
    import zoneinfo  # noqa: PLC0415 - most specs name no time zone

    return frozenset(zoneinfo.available_timezones())
