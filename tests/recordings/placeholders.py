"""Names such as ${uniqueId} in recordings, and the values they have in a replay."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

NAME = re.compile(r"\$\{(\w+)\}")
ETAG = "abcdef0123A="
CHOSEN = re.compile(r"(?<=/)[0-9]{15,20}(?=[/:?]|\.?$)")
"""An id that a server chose, and that the recording shows: those of Vertex AI and of its operations."""


@dataclass
class Placeholders:
    """The values so far; those the emulator chooses are learned from its answers."""

    values: dict[str, str]
    etags: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)

    def fill(self, recorded: Any, url: str = "") -> Any:
        """Put values in place of placeholders, in strings, lists and objects; etags are those last seen at `url`."""
        if isinstance(recorded, str):
            if recorded == ETAG:
                return self.etags.get(resource(url), "")
            named = NAME.sub(lambda match: self.values.get(match[1], match[0]), recorded)
            return CHOSEN.sub(lambda match: self.chosen.get(match[0], match[0]), named)
        if isinstance(recorded, list):
            return [self.fill(item, url) for item in recorded]
        if isinstance(recorded, dict):
            return {self.fill(key): self.fill(value, url) for key, value in recorded.items()}
        return recorded

    def learn(self, recorded: Any, answer: Any, url: str) -> None:
        """Take from an answer what stands where the recording has a placeholder without a value."""
        if isinstance(answer, dict) and isinstance(answer.get("etag"), str):
            self.etags[resource(url)] = answer["etag"]
        self._learn(recorded, answer)

    def _learn(self, recorded: Any, answer: Any) -> None:
        if isinstance(recorded, dict) and isinstance(answer, dict):
            for key in recorded.keys() & answer.keys():
                self._learn(recorded[key], answer[key])
        elif isinstance(recorded, list) and isinstance(answer, list):
            for left, right in zip(recorded, answer, strict=False):
                self._learn(left, right)
        elif isinstance(recorded, str) and isinstance(answer, str):
            self._learn_text(recorded, answer)
            self._learn_chosen(recorded.split("/"), answer.split("/"))

    def _learn_chosen(self, recorded: list[str], answer: list[str]) -> None:
        """What the emulator chose where the recording has an id of a server: below `models`, `operations`, ..."""
        if len(recorded) == len(answer) and recorded[2:] != answer[2:]:
            for left, right in zip(recorded[2:], answer[2:], strict=True):
                if CHOSEN.fullmatch(f"/{left}", 1):
                    self.chosen.setdefault(left, right)

    def _learn_text(self, recorded: str, answer: str) -> None:
        """Every operation is a new one, so its name is learned again each time."""
        known = {key: value for key, value in self.values.items() if key != "operationID"}
        parts = NAME.split(recorded)
        pattern = "".join(
            re.escape(part) if index % 2 == 0 else re.escape(known[part]) if part in known else f"(?P<{part}>[^/]+?)"
            for index, part in enumerate(parts)
            if index % 2 == 0 or part not in parts[1:index:2]
        )
        found = re.fullmatch(pattern, answer)
        if found:
            self.values.update(found.groupdict())


def resource(url: str) -> str:
    """The address of what an etag belongs to. A policy has its own etag, which all its methods share."""
    path = urlsplit(url).path
    return re.sub(r":[gs]etIamPolicy$", ":iam", path)
