"""The model registry of Vertex AI: each run's model is one version of one model, and an alias says which one serves.

Source: aiplatform v1, `projects.locations.models` and `.operations`. A version is found by an alias that is its run's
label: an alias belongs to one version, is given in the very request that makes it, and is read in one call. Labels are
for people: whether one of a first upload is the model's or the version's, Google does not say; so that has no run's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.retraining.google import MISSING, Refused
from runtime.retraining.taking import NotRegistered, UnderWay
from runtime.retraining.vertex import RUN_LABEL, SERVICE_LABEL, TAKEN, Place, label_of

DESCRIPTION_LONGEST = 1000
PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, *(1.6,) * 36)
"""Between looks at an operation. An upload takes seconds; one of more than a minute is left to a later sweep."""
_UPLOADING = "UploadModelOperationMetadata"
_PAGES = 50
"""Of a hundred operations each."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The versions of one service's model.

    Args:
        place: Where.
        service: Name of the service, a label and what people read.
        model: Id of the model.
        pause: Waits so many seconds between two looks at an operation.
    """

    place: Place
    service: str
    model: str
    pause: Callable[[float], None] = field(default=time.sleep)

    @property
    def name(self) -> str:
        """Resource name of the model."""
        return f"{self.place.name}/models/{self.model}"

    def version(self, wanted: str) -> Mapping[str, Any] | None:
        """Give a version by its number or an alias; None where there is none."""
        return self._found(f"{self.name}@{wanted}")

    def register(self, key: str, artifact: str, about: str = "") -> str:
        """Make the version of a run, once: a second call finds it, and none begins while an upload is under way.

        Two callers at once are kept apart by whoever calls: between the look and the upload nothing is locked here.

        Args:
            key: Of the run.
            artifact: Folder in Cloud Storage with the model.
            about: A sentence about it.

        Returns:
            Number of the version.

        Raises:
            NotRegistered: The upload failed.
            UnderWay: It, or another one, takes longer than is waited for.
            Refused: Vertex AI said no.
        """
        model = self._found(self.name)
        if model is not None and self._uploading(str(model["name"])):
            raise UnderWay("another upload to this model has not ended")
        # Looked for after that, not before: an upload that ended between the two would be overlooked, and made again.
        known = self.version(label_of(key))
        if known is not None:
            return str(known["versionId"])
        try:
            operation = self._upload(key, artifact, about, first=model is None)
        except Refused as refusal:
            if refusal.status == TAKEN:  # the model itself is being made
                raise UnderWay(str(refusal)) from refusal
            raise
        return str(self._ended(operation)["modelVersionId"])

    def promote(self, version: str, alias: str) -> None:
        """Let an alias name a version; it leaves the one that it named before. Doing it again changes nothing."""
        self.place.call("POST", f"{self.name}@{version}:mergeVersionAliases", {"versionAliases": [alias]})

    def _found(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self.place.call("GET", name)
        except Refused as refusal:
            if refusal.status == MISSING:
                return None
            raise
        return found

    def _uploading(self, name: str) -> bool:
        """Tell whether an upload to the model has not ended: one of a caller that died may yet become a version."""
        token = ""
        for _ in range(_PAGES):
            found = self.place.call("GET", f"{name}/operations", pageSize="100", pageToken=token)
            if any(_uploads(each) for each in found.get("operations", [])):
                return True
            token = found.get("nextPageToken", "")
            if not token:
                return False
        raise UnderWay("more operations than are looked through: an upload may be among them")

    def _upload(self, key: str, artifact: str, about: str, *, first: bool) -> dict[str, Any]:
        model: dict[str, Any] = {
            "displayName": self.service,
            "artifactUri": artifact,
            "versionAliases": [label_of(key)],
            "versionDescription": about[:DESCRIPTION_LONGEST],
            "labels": {SERVICE_LABEL: self.service} | ({} if first else {RUN_LABEL: label_of(key)}),
        }
        which = {"modelId": self.model} if first else {"parentModel": self.name}
        made: dict[str, Any] = self.place.call("POST", f"{self.place.name}/models:upload", {"model": model} | which)
        return made

    def _ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        for pause_s in PAUSES_S:
            if operation.get("done"):
                break
            self.pause(pause_s)
            operation = self.place.call("GET", operation["name"])
        if "error" in operation:
            raise NotRegistered(f"it was not registered: {operation['error'].get('message', 'the upload failed')}")
        if "response" not in operation:
            raise UnderWay("the upload takes longer than is waited for")
        return dict(operation["response"])


def _uploads(operation: Mapping[str, Any]) -> bool:
    """Tell whether an operation is an upload that has not ended."""
    kind = str(operation.get("metadata", {}).get("@type", ""))
    return not operation.get("done") and kind.endswith(_UPLOADING)
