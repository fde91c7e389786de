"""A system of the user's is told to train: the event is posted to it, and it answers whether it took it.

How far it is nobody can ask. Where the spec compares models, the run has ended once its metrics file is there, which is
written last; else it ends with the call, and the system publishes its model where the spec looks.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from runtime.retraining.closing import Progress, Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import Bucket, Google, Unavailable
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.trainers.told import variables

PATIENCE_S = 30
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Still(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the spec names the address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Webhook:
    """Posts to the address that `retraining.run.webhook` names.

    The key goes along as `Idempotency-Key`: a call that is made again after a crash is the same call.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._settings = settings
        self._google = google
        self._url = str(settings.run["webhook"]["url"])

    def find(self, key: str) -> str | None:
        """Nobody can be asked; the same call is made again, under the same key."""
        del key
        return None

    def start(self, run: Run, event: Event) -> str:
        """Post the event. Any 2xx takes it."""
        # Never in words: whoever knows the address may call it.
        if not self._url.startswith(("https://", "http://127.0.0.1:")):
            raise NotStarted("the webhook's address is not an https address")
        body = {
            "service": self._settings.service,
            "trigger": event.trigger,
            "about": event.about,
            "at": event.at.isoformat(),
            "parameters": dict(self._settings.parameters),
            "variables": variables(self._settings, run, event),
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": run.key}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 - checked
        try:
            with urllib.request.build_opener(_Still).open(request, timeout=PATIENCE_S):
                return f"webhook/{run.key}"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _MAY_PASS:
                raise Unavailable(f"the webhook answered {error.code}") from error
            raise NotStarted(f"the webhook answered {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            # Its kind alone: the words may hold the address, and with it what proves who may call.
            kind = type(getattr(error, "reason", error)).__name__
            raise Unavailable(f"the webhook gave no answer: {kind}") from error

    def progress(self, run: Run) -> Progress:
        """It was taken, and perhaps its measures are there; that is all there is to know."""
        if self._settings.evaluation is None:
            return Progress(Stage.SUCCEEDED)
        bucket, name = Bucket(self._google, self._settings.bucket), self._settings.metrics_object(run.key)
        return Progress(Stage.GOING if bucket.read(name, most=0) is None else Stage.SUCCEEDED)

    def cancel(self, run: Run) -> None:
        """Nobody can be told."""
        del run
