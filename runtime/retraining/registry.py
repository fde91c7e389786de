"""The model registry of Vertex AI: each run's model is one version of one model, and an alias says which one serves.

Source: aiplatform v1, `projects.locations.models`. A version is found by an alias that is its run's label: an alias
belongs to one version, is given in the very request that makes it, and is read in one call. Labels are for people:
whether one of a first upload belongs to the model or to the version, Google does not say; so that has no run's label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.retraining.google import MISSING, Refused
from runtime.retraining.vertex import RUN_LABEL, SERVICE_LABEL, TAKEN, Place, label_of

DESCRIPTION_LONGEST = 1000
POLL_S = 1.0
POLLS = 240
"""An upload copies files, which takes minutes at most; after that the event has to come again."""


class NotRegistered(Exception):
    """An upload did not end well, or not in time. The text says what Vertex AI says."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The versions of one service's model.

    Args:
        place: Where.
        service: Name of the service, a label.
        model: Id of the model.
        title: What people read.
        image: The serving container; empty for none.
        pause: Waits so many seconds between two looks at an operation.
    """

    place: Place
    service: str
    model: str
    title: str
    image: str = ""
    pause: Callable[[float], None] = field(default=time.sleep)

    @property
    def name(self) -> str:
        """Resource name of the model."""
        return f"{self.place.name}/models/{self.model}"

    def version(self, wanted: str) -> Mapping[str, Any] | None:
        """Give a version by its number or an alias; None where there is none."""
        try:
            found: Mapping[str, Any] = self.place.call("GET", f"{self.name}@{wanted}")
        except Refused as refusal:
            if refusal.status == MISSING:
                return None
            raise
        return found

    def register(self, key: str, artifact: str, about: str = "") -> str:
        """Make the version of a run, once: a second call finds it.

        An upload that was cut off before it ended may be made again; the files are the same, and the alias of the run
        tells which one counts.

        Args:
            key: Of the run.
            artifact: Folder in Cloud Storage with the model.
            about: A sentence about it.

        Returns:
            Number of the version.

        Raises:
            NotRegistered: The upload failed, or takes too long.
            Refused: Vertex AI said no.
        """
        known = self.version(label_of(key))
        if known is not None:
            return str(known["versionId"])
        try:
            operation = self._upload(key, artifact, about, first=not self._exists())
        except Refused as refusal:
            if refusal.status != TAKEN:
                raise
            operation = self._upload(key, artifact, about, first=False)  # another run made the model meanwhile
        return str(self._ended(operation)["modelVersionId"])

    def promote(self, version: str, alias: str) -> None:
        """Let an alias name a version; it leaves the one that it named before. Doing it again changes nothing."""
        self.place.call("POST", f"{self.name}@{version}:mergeVersionAliases", {"versionAliases": [alias]})

    def _exists(self) -> bool:
        try:
            self.place.call("GET", self.name)
        except Refused as refusal:
            if refusal.status == MISSING:
                return False
            raise
        return True

    def _upload(self, key: str, artifact: str, about: str, *, first: bool) -> dict[str, Any]:
        model: dict[str, Any] = {
            "displayName": self.title,
            "artifactUri": artifact,
            "versionAliases": [label_of(key)],
            "versionDescription": about[:DESCRIPTION_LONGEST],
            "labels": {SERVICE_LABEL: self.service} | ({} if first else {RUN_LABEL: label_of(key)}),
        }
        if self.image:
            model["containerSpec"] = {"imageUri": self.image}
        which = {"modelId": self.model} if first else {"parentModel": self.name}
        made: dict[str, Any] = self.place.call("POST", f"{self.place.name}/models:upload", {"model": model} | which)
        return made

    def _ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        for _ in range(POLLS):
            if operation.get("done"):
                break
            self.pause(POLL_S)
            operation = self.place.call("GET", operation["name"])
        if "error" in operation:
            raise NotRegistered(str(operation["error"].get("message", "the upload failed")))
        if "response" not in operation:
            raise NotRegistered("the upload takes longer than is waited for")
        return dict(operation["response"])
