"""Exchanges as they may be shown to everybody: without the project, its people, its number and what is secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.conformance.place import Place
from tests.conformance.target.journal import run_in
from tests.conformance.target.recorder import Heard
from tests.recordings.placeholders import ETAG
from tests.recordings.replay import PAGING

PROJECT, NUMBER, UNIQUE, OPERATION = "${projectId}", "${projectNumber}", "${uniqueId}", "${operationID}"
SECRET = "c2NydWJiZWQ="
_RUN = "conformance"
OK = 200
_BEFORE = r"(?:(?<![A-Za-z0-9-])|(?<=%2F)|(?<=%40))"
"""A word begins here, also in a part of an address."""
_PERSON = re.compile(r"[A-Za-z0-9._%+-]+@(?![A-Za-z0-9.-]*gserviceaccount\.com)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_RESERVED = re.compile(r"@(?:[a-z0-9-]+\.)*(?:example|invalid|test|example\.(?:com|org|net))$", re.IGNORECASE)
_OPERATION = re.compile(r"(?<=operations/)[^/\"?]+")
_GENERATION = re.compile(r"(?<![0-9])[0-9]{16}(?![0-9])")
"""Of an object in Cloud Storage: microseconds since 1970."""


class Scrubber:
    """Hides one project's things behind the names that recordings have for them.

    Args:
        at: Where it was recorded.
        number: The project's number; empty where nobody knows it.
    """

    def __init__(self, at: Place, number: str) -> None:
        self._at = at
        self._people: dict[str, str] = {}
        self._generations: dict[str, str] = {}
        self._run = run_in(at.prefix)
        words = [(at.prefix.rstrip("-"), UNIQUE), (self._run, _RUN), (at.project, PROJECT)]
        self._words = [
            (re.compile(_BEFORE + re.escape(text) + r"(?![A-Za-z0-9])"), name) for text, name in words if text
        ]
        if number:
            self._words.append((re.compile(rf"(?<![0-9]){number}(?![0-9])"), NUMBER))

    def heard(self, heard: Heard) -> Heard:
        """Scrub an exchange."""
        media = {key: self.text(value) for key, value in heard.media.items()} if heard.media else None
        asked, answer = heard.asked, self._listed(heard)
        if heard.verb == "GRPC" and heard.url.endswith("etIamPolicy") and asked.get("resource") == self._at.top:
            asked, answer = self._own(asked), self._own(answer)
        return replace(heard, url=self.text(heard.url), asked=self.value(asked), answer=self.value(answer), media=media)

    def _own(self, said: Any) -> Any:
        """Leave out of the project's policy what is granted to others: that is nobody's business."""
        if "policy" in said:
            return said | {"policy": self._own(said["policy"])}
        ours = [
            binding
            for binding in said.get("bindings", ())
            if any(self._at.prefix in str(member) for member in binding.get("members", ()))
        ]
        rest = {name: value for name, value in said.items() if name not in {"bindings", "auditConfigs"}}
        return rest | ({"bindings": ours} if ours else {})

    def _listed(self, heard: Heard) -> Any:
        """Leave out of a list what is not this run's."""
        if not lists(heard):
            return heard.answer
        told = {name: self._of_run(value) for name, value in (heard.answer or {}).items() if name not in PAGING}
        return {name: value for name, value in told.items() if value != []}

    def _of_run(self, value: Any) -> Any:
        return [item for item in value if self._run in json.dumps(item)] if isinstance(value, list) else value

    def value(self, value: Any, key: str = "") -> Any:
        """Scrub JSON data."""
        if isinstance(value, Mapping):
            return {self.text(name): self._field(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def _field(self, name: str, item: Any) -> Any:
        if name == "etag" and isinstance(item, str):
            return ETAG
        if name == "payload" and isinstance(item, Mapping):
            return {"data": SECRET}
        return self.value(item, name)

    def text(self, text: str) -> str:
        """Scrub a string."""
        for pattern, name in self._words:
            text = pattern.sub(lambda _, name=name: name, text)
        text = _OPERATION.sub(lambda _: OPERATION, text)
        text = _GENERATION.sub(self._generation, text)
        return _PERSON.sub(self._person, text)

    def _generation(self, found: re.Match[str]) -> str:
        number = len(self._generations) + 1
        return self._generations.setdefault(found[0], f"${{generation{number}}}")

    def _person(self, found: re.Match[str]) -> str:
        if _RESERVED.search(found[0]):
            return found[0]
        return self._people.setdefault(found[0], f"user{len(self._people) + 1}@example.com")


def lists(heard: Heard) -> bool:
    """Tell whether an answer shows what is in the project."""
    if heard.verb == "GRPC":
        return heard.url.rpartition("/")[2].startswith("List") and heard.status == OK
    return heard.verb == "GET" and heard.status == OK and _collection(heard.url.partition("?")[0])


def _collection(url: str) -> bool:
    """Tell whether an address ends with what holds many: `projects/p/datasets`, `/storage/v1/b`."""
    segments = url.partition("/projects/")[2].split("/")
    return url.endswith("/b") or (len(segments) > 1 and len(segments) % 2 == 0)


def as_recording(heard: Heard, provenance: str) -> dict[str, Any]:
    """Give an exchange as the files of recordings have it."""
    said = {
        "method": heard.verb,
        "url": heard.url,
        "request_body": heard.asked,
        "status": heard.status,
        "response_body": heard.answer,
        "source": {"repo": "", "path": "make conformance", "commit": "", "index": 0, "provenance": provenance},
    }
    said |= {"only": [UNIQUE, _RUN]} if lists(heard) else {}
    return said | ({"request_media": dict(heard.media)} if heard.media else {})
