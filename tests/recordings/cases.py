"""The recorded exchanges, as read from the folder that holds them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "gcp" / "recordings"
# The kinds the emulator serves. A kind is added here when its API lands.
KINDS = (
    "api_error",
    "artifact_repository",
    "iam_policy",
    "iam_service_account",
    "run_job",
    "run_revision",
    "run_service",
)
# How far an answer is to be trusted, most first: see "provenance_classes" in the recordings' index.
CLASSES = ("live", "quoted", "parity", "testserver")


@dataclass(frozen=True)
class Exchange:
    """One request and the answer that was recorded."""

    verb: str
    url: str
    body: Any
    status: int
    answer: Any
    trust: str


@dataclass(frozen=True)
class Case:
    """Exchanges that were recorded in one go: each stands on what the ones before it did."""

    name: str
    exchanges: tuple[Exchange, ...]

    def job_id(self) -> str | None:
        """What `${jobID}` stands for: the recordings hide it in addresses but not in answers."""
        found = re.search(r'/?jobs/([\w-]*\$\{uniqueId\})|"name": "([\w-]*\$\{uniqueId\})"', self._text())
        return next((group for group in found.groups() if group), None) if found else None

    def _text(self) -> str:
        return json.dumps([[exchange.body, exchange.answer] for exchange in self.exchanges])


def load(kinds: tuple[str, ...] = KINDS) -> list[Case]:
    """The cases of these kinds, by name; none where the folder is absent."""
    files = sorted(file for kind in kinds for file in (FOLDER / kind).glob("*.json"))
    return [read(file) for file in files]


def read(file: Path) -> Case:
    """One case."""
    exchanges = (
        Exchange(
            raw["method"], raw["url"], raw["request_body"], raw["status"], raw["response_body"],
            raw["source"]["provenance"],
        )
        for raw in json.loads(file.read_text())
    )  # fmt: skip
    return Case(f"{file.parent.name}/{file.stem}", tuple(exchanges))
