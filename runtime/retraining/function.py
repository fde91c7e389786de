"""The function: what Pub/Sub pushes comes in here, under functions-framework, on Google as on the emulator.

`POST /` is a message of the service's own topic, `POST /<trigger>` one of a topic or bucket that the spec names. Who
may call is Cloud Run's to say: the service is private, and the subscriptions prove who they are. Answers are for
Pub/Sub: 2xx is done, everything else is "again, later".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runtime.retraining import closing, events, handling, taking, telling
from runtime.retraining.breaches import Watch
from runtime.retraining.decision import Event, Evidence
from runtime.retraining.google import Bucket, Google, Refused, Unavailable
from runtime.retraining.ledger import BucketLedger
from runtime.retraining.points import Points
from runtime.retraining.runs import History
from runtime.retraining.settings import Settings
from runtime.retraining.trainers import Trainer, trainer
from runtime.retraining.watching.judging import Judging
from runtime.retraining.watching.looking import Look, look
from runtime.retraining.watching.monitors import Monitors
from runtime.retraining.watching.windows import BucketWindows
from runtime.retraining.workshop import Shelf, Workshop, policy_of

LARGEST = 10 << 20
"""Bytes of a pushed message, at most: Pub/Sub's own limit."""

Answer = tuple[Mapping[str, Any], int]


def main(request: Any) -> Answer:
    """Act on one delivery.

    Args:
        request: Flask's, from functions-framework.

    Returns:
        What was decided, as JSON, and the HTTP status.
    """
    if request.method != "POST":
        return {"error": "POST a Pub/Sub message"}, 405
    if (request.content_length or 0) > LARGEST:
        return {"error": f"a message has at most {LARGEST} bytes"}, 413
    trigger = request.path.strip("/")
    settings = Settings.read()
    return act(trigger, request.get_data(), settings, Google(settings.region))


def act(trigger: str, body: bytes, settings: Settings, google: Google) -> Answer:
    """Act on one message; what goes wrong is said in the log and makes Pub/Sub deliver again."""
    now = datetime.now(UTC)
    teller = telling.Teller(settings, google)
    try:
        event = events.read(trigger, body, now, events.Here.of(settings))
    except events.NoEvent as error:
        # No 2xx: the dead letter topic is where such a message is looked for.
        telling.log("ERROR", f"{settings.service}: a message is no event: {error}")
        return {"error": str(error)}, 400
    if event is None:
        return {"action": "Ignore"}, 200
    way = trainer(settings, google)
    desk = _desk(settings, google, teller, way, event.at)
    try:
        if event.trigger == events.LOOK:
            done = _looked(way, settings, google, teller, event.at)
        elif event.trigger == events.SWEEP:
            done = _swept(desk, way, settings, google, teller)
        else:
            done = _acted(event, desk)
    except handling.NotNow as later:
        return {"again": str(later)}, 503
    except Exception as error:  # noqa: BLE001 - the log says which; Pub/Sub delivers again
        telling.log("ERROR", f"{settings.service}: {type(error).__name__}: {error}")
        return {"error": type(error).__name__}, 500
    return done, 200


def _acted(event: Event, desk: handling.Desk) -> Mapping[str, Any]:
    if not event.over:
        return handling.handle(event, desk).to_json()
    handling.calm(event, desk)
    return {"action": "Ignore"}


def _desk(settings: Settings, google: Google, teller: telling.Teller, way: Trainer, at: datetime) -> handling.Desk:
    return handling.Desk(
        ledger=BucketLedger(Bucket(google, settings.bucket), settings.folder),
        trainer=way,
        guards=settings.guards,
        evidence=lambda: Evidence(rows=_rows(settings, google)),
        # Pub/Sub's clock said when the message came, and is not ahead of ours; an emulator's is, once it was advanced.
        now=lambda: max(datetime.now(UTC), at),
        tell=teller.decided,
        live=lambda history: _live(settings, google, history),
    )


def _live(settings: Settings, google: Google, history: History) -> str:
    found = taking.live(history, Shelf(settings, google), policy_of(settings))
    return found.artifact if found is not None else ""


def _rows(settings: Settings, google: Google) -> int | None:
    """Count the rows to train on; None where the spec names none, or BigQuery does not tell."""
    if not settings.rows:
        return None
    project, dataset, table = settings.rows.rsplit(".", 2)  # a project of a domain has dots: example.com:p
    below = f"projects/{project}/datasets/{dataset}/tables/{table}"
    url = f"{google.address('bigquery')}/bigquery/v2/{below}"
    try:
        return int(google.call(f"count rows of {settings.rows}", "GET", url, params={"fields": "numRows"})["numRows"])
    except (Refused, KeyError, ValueError) as error:
        telling.log("WARNING", f"{settings.service}: rows of {settings.rows} are unknown: {error}")
        return None


def _swept(
    desk: handling.Desk, way: Trainer, settings: Settings, google: Google, teller: telling.Teller
) -> Mapping[str, Any]:
    lines = closing.sweep(desk, Workshop(settings, google, way, desk), settings.timeout)
    failed = [error for line in lines if (error := _ended(teller, line))]
    # After the trainings: a monitor that cannot be read keeps none of them from being closed.
    done = {"swept": lines, **_looked(way, settings, google, teller, desk.now())}
    for error in failed:
        raise error
    return done


def _ended(teller: telling.Teller, line: str) -> Exception | None:
    """Tell what a sweep found out; what kept the topic from taking it: the line is in the log, and nothing waits."""
    try:
        teller.ended(line)
    except (Refused, Unavailable) as error:
        return error
    return None


def _looked(
    way: Trainer, settings: Settings, google: Google, teller: telling.Teller, at: datetime
) -> Mapping[str, Any]:
    """Look at what monitors measured since the last time, and which windows have their labels now.

    A log entry may be lost, so each sweep does it as well.
    """
    if not settings.watched and not settings.performance:
        return {}
    watched = settings.watched or {"schedules": {}, "least": 0}
    remembered = BucketWindows(Bucket(google, settings.bucket), settings.folder)
    points = Points(settings, google, remembered.claim)
    how = Look(
        Monitors(settings, google),
        remembered,
        watched["schedules"],
        int(watched["least"]),
        tuple(Watch.of(told) for told in settings.breaches),
        lambda event: _told(_acted(event, _desk(settings, google, teller, way, max(event.at, at)))),
        teller.judged,
        # Made when it is its turn: what is wrong with it keeps no monitor from being looked at.
        (lambda known, now: points.seen(Judging(settings, google).windows(known, now), known))
        if settings.performance
        else None,
        watched.get("columns") or {},
        watched.get("orders") or {},
    )
    try:
        found = look(how, max(datetime.now(UTC), at))
    finally:
        # Whatever went wrong: where a training cannot be started for it, people are told all the same.
        points.write(max(datetime.now(UTC), at))
    return {"windows": [{"sort": each.sort, "finding": each.to_json()["finding"]} for each in found]}


def _told(decided: Mapping[str, Any]) -> str:
    return f"{decided['action']}: {decided['reason']}" if decided.get("reason") else ""
