"""The recorded exchanges, as read from the folder that holds them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "gcp" / "recordings"


@dataclass(frozen=True)
class Kind:
    """Recordings of one kind, and how much of it they cover.

    Attributes:
        name: Folder of the recordings.
        part: What of the kind they show; of the rest nobody has seen Google's answers.
        without: Cases that are not replayed, each with its reason.
    """

    name: str
    part: str
    without: dict[str, str] = field(default_factory=dict)


# The kinds the emulator serves. A kind is added here when its API lands.
KINDS = (
    Kind("api_error", "an API that is not enabled"),
    Kind("artifact_repository", "docker repositories: create, get, list, update, delete, policy; no cleanup policies"),
    Kind(
        "bigquery_dataset",
        "create, get, list by label, update, delete; every sort of entry of `access`",
        {"access-full": "Routines are not emulated, and one stands in the middle of the case."},
    ),
    Kind(
        "bigquery_table",
        "tables and their columns: create, get, list, update, delete; no rows, no jobs",
        {
            "all-fields": "Its columns are BIGNUMERIC and GEOGRAPHY, which the emulator refuses.",
            "basic": "External tables are not emulated.",
            "external-avro": "External tables are not emulated.",
            "view": "Materialized views are not emulated.",
        },
    ),
    Kind("containeranalysis_note", "a note of attestations: create, get, update, delete; no vulnerability"),
    Kind(
        "containeranalysis_occurrence",
        "one answer of a list, of one vulnerability: all that is known of what a scan writes",
        {"vulnerability-list-quoted": "Nobody can have Google's scanner find that image here; the messages are alike."},
    ),
    Kind(
        "billing_budget",
        "by a test server: one that is not there, create over a time of its own",
        {"gcloud-crud": "It is of v1beta1, whose fields have other names."},
    ),
    Kind(
        "functions_function",
        "nothing of the second generation: the recordings are of version 1 of the API",
        dict.fromkeys(
            ("v1-http-create-2018", "v1-http-testserver", "v1-label-update"), "The first generation is not emulated."
        ),
    ),
    Kind("iam_policy", "get and set of a project, a topic, a job and an account; conditions are never sent"),
    Kind("iam_service_account", "create, get, update, delete, and reads right after a write; no keys, no disabling"),
    Kind(
        "monitoring_alert_policy",
        "one on a threshold: create, get, list, change of its name, delete; by a test server with channels; no absence",
        {"promql": "Conditions in PromQL are not emulated."},
    ),
    Kind("monitoring_dashboard", "a grid, rows, and a mosaic with a table: create, get, update, delete; no charts"),
    Kind("monitoring_notification_channel", "an e-mail channel: create, get, list, filter by label, delete; no update"),
    Kind(
        "monitoring_uptime_check",
        "nothing: the one recorded is of a group, by TCP",
        {"tcp-group": "Groups are not emulated, nor are checks by TCP."},
    ),
    Kind("pubsub_schema", "a protocol buffer's: create, get, delete"),
    Kind(
        "pubsub_subscription",
        "create, get, update, delete: pull, push with a token, files in Cloud Storage; one list; no BigQuery, no seek",
    ),
    Kind(
        "pubsub_topic",
        "create, get, list, update, delete, with a schema; a snapshot of a subscription from create to delete",
    ),
    Kind("run_job", "create, get, update, delete with secrets, volumes, several containers; nothing is run"),
    Kind("run_revision", "the list of version 1"),
    Kind("run_service", "create, update and delete by a test server, one live read; no live write, no traffic split"),
    Kind("scheduler_job", "create, get, delete of 2018: an address without a token; no Pub/Sub, no pause, no update"),
    Kind("vertex_custom_job", "create, get, list, cancel, delete; no job of the recordings comes to run"),
    Kind(
        "vertex_model",
        "two models without files: upload, get, list, delete; no second version, update by a test server",
    ),
    Kind("vertex_pipeline_job", "create, get, cancel, delete of a pipeline that does not come to run"),
    Kind("vertex_schedule", "create and get of one for a pipeline, a name that is none; no update, no run"),
)
# How far an answer is to be trusted, most first: see "provenance_classes" in the recordings' index.
CLASSES = ("live", "quoted", "parity", "testserver")


@dataclass(frozen=True)
class Exchange:
    """One request and the answer that was recorded.

    Attributes:
        media: What was uploaded: `content_type`, and in `latin1` its bytes, one character each.
        only: Words; what was listed without any of them was left out.
    """

    verb: str
    url: str
    body: Any
    status: int
    answer: Any
    trust: str
    media: dict[str, str] | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Exchanges that were recorded in one go: each stands on what the ones before it did."""

    name: str
    exchanges: tuple[Exchange, ...]

    def job_id(self) -> str | None:
        """What `${jobID}` stands for: the recordings hide it in addresses but not in answers."""
        found = re.search(r'/?jobs/([\w-]*\$\{uniqueId\})|"name": "([\w-]*\$\{uniqueId\})"', self._text())
        return next((group for group in found.groups() if group), None) if found else None

    def dataset_id(self) -> str | None:
        """What `${datasetID}` stands for: the recordings hide it in addresses but not in bodies."""
        found = re.search(r'"datasetId": "([^"]+)"', self._text())
        return found[1] if found else None

    def _text(self) -> str:
        return json.dumps([[exchange.body, exchange.answer] for exchange in self.exchanges])


def load(kinds: tuple[Kind, ...] = KINDS) -> list[Case]:
    """The cases of these kinds, by name; none where the folder is absent."""
    found = [file for kind in kinds for file in (FOLDER / kind.name).glob("*.json") if file.stem not in kind.without]
    return [read(file) for file in sorted(found)]


def read(file: Path) -> Case:
    """One case."""
    exchanges = (
        Exchange(
            raw["method"], raw["url"], raw["request_body"], raw["status"], raw["response_body"],
            raw["source"]["provenance"], raw.get("request_media"), tuple(raw.get("only", ())),
        )
        for raw in json.loads(file.read_text())
    )  # fmt: skip
    return Case(f"{file.parent.name}/{file.stem}", tuple(exchanges))
