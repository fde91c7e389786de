"""Vertex AI over plain REST: the import of Google's client takes longer than a function may start.

Source: aiplatform v1 (https://cloud.google.com/vertex-ai/docs/reference/rest).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime.retraining.google import Google

RUN_LABEL, SERVICE_LABEL = "mlservice-run", "mlservice-service"
TAKEN = 409
NAME_LONGEST = 128
"""Characters of a display name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region of a project, and the way there.

    Args:
        google: Calls with.
        project: Id or number.
        region: Such as `europe-west1`.
    """

    google: Google
    project: str
    region: str

    @property
    def name(self) -> str:
        """The resource name that everything here is below."""
        return f"projects/{self.project}/locations/{self.region}"

    def call(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """Call a method; its answer.

        Args:
            verb: Of HTTP.
            path: What follows the version: a resource name, perhaps with a colon and a verb of Google's.
            body: Plain data.
            query: Parameters.

        Raises:
            Refused, Unavailable: Vertex AI said no, or nothing.
        """
        url = f"{self.google.address('aiplatform', regional=True)}/v1/{path}"
        return self.google.call(f"{verb} {path}", verb, url, json=body, params=query)


def label_of(key: str) -> str:
    """Give what a run is called at Vertex AI, as a label, an id and an alias of its version alike.

    Each of these may have a key's letters and digits, but ids and aliases begin with a letter.
    """
    return f"run-{key}"
