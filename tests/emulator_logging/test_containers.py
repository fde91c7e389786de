"""What containers write is in Cloud Logging, a line each."""

from datetime import UTC, datetime

import pytest
from google.cloud import run_v2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

from emulator.apis.logging.keeping import checked
from emulator.apis.run.journal import SEVERITIES, SPECIAL, TEXT_MOST, entry, shown
from tests.emulator.clients import client
from tests.emulator_run.cloud import PARENT, Cloud
from tests.emulator_vertex.cloud import until

NOW = datetime(2026, 11, 26, tzinfo=UTC)
REVISION = f"{PARENT}/services/churn/revisions/churn-00001"


@pytest.mark.slow
def test_a_jobs_lines_become_entries(emulator):
    """Found by job and execution, within a moment."""
    cloud = Cloud(emulator)
    wanted = run_v2.Job(
        template=run_v2.ExecutionTemplate(
            template=run_v2.TaskTemplate(
                containers=[run_v2.Container(image="us-docker.pkg.dev/cloudrun/container/job")]
            )
        )
    )
    cloud.jobs.create_job(request={"parent": PARENT, "job_id": "logged", "job": wanted}).result(timeout=20)
    execution = cloud.jobs.run_job(name=f"{PARENT}/jobs/logged").result(timeout=30).name.rpartition("/")[2]
    logs = client(emulator, LoggingServiceV2Client)

    asked = (
        'resource.type="cloud_run_job" resource.labels.job_name="logged" log_id("run.googleapis.com/stdout") '
        f'labels."run.googleapis.com/execution_name"="{execution}"'
    )
    found = until(lambda: list(logs.list_log_entries(resource_names=["projects/local"], filter=asked)), bool)

    assert all(each.text_payload for each in found)
    assert {each.resource.labels["location"] for each in found} == {"europe-west1"}


@pytest.mark.parametrize(
    ("line", "severity", "text", "fields"),
    [
        ("plain", "DEFAULT", "plain", {}),
        ('{"message": "hi", "severity": "ERROR"}', "ERROR", "hi", {}),
        ('{"message": "hi", "severity": "warn", "rows": 3}', "WARNING", "", {"message": "hi", "rows": 3}),
        ('{"severity": ["odd"], "a": null}', "DEFAULT", "", {"a": None}),
        ("{broken", "DEFAULT", "{broken", {}),
        ("[1, 2]", "DEFAULT", "[1, 2]", {}),
        ('{"n": NaN}', "DEFAULT", '{"n": NaN}', {}),
        ("{" * 20_000, "DEFAULT", "{" * 20_000, {}),
        ('{"a":' * 5_000, "DEFAULT", '{"a":' * 5_000, {}),
    ],
    ids=["plain", "message", "fields", "odd-severity", "broken", "list", "no-number", "braces", "depth"],
)
def test_lines_of_json_say_how_severe_they_are(line, severity, text, fields):
    """And what is no object of JSON is text, whatever it looks like."""
    made = entry(REVISION, NOW, line)

    known = made.DESCRIPTOR.fields_by_name["severity"].enum_type.values_by_number
    assert known[made.severity].name == severity
    assert made.text_payload == text
    assert dict(made.json_payload) == fields
    assert made.resource.labels["revision_name"] == "churn-00001"


def test_labels_and_trace_are_taken_out():
    """They are the entry's own, and no part of what was said."""
    line = (
        '{"message": "hi", "logging.googleapis.com/labels": {"team": "a"}, '
        '"logging.googleapis.com/trace": "projects/p/traces/1"}'
    )

    made = entry(REVISION, NOW, line)

    assert (dict(made.labels), made.trace, made.text_payload) == ({"team": "a"}, "projects/p/traces/1", "hi")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"n": 1e999}', '{"n": 1e999}'),
        (r'{"a": "\ud800", "n": 1}', r'{"a": "\ud800", "n": 1}'),
        (r'{"message": "\udfff"}', r'{"message": "\udfff"}'),
        (r'{"\ud800": 1}', r'{"\ud800": 1}'),
        (r'{"logging.googleapis.com/labels": {"a": "\ud800"}}', r'{"logging.googleapis.com/labels": {"a": "\ud800"}}'),
        ("half \ud800", "half ?"),
        ("x" * 300_000, "x" * TEXT_MOST),
    ],
    ids=["infinity", "value", "message", "name", "label", "text", "long"],  # its own words would be in the environment
)
def test_a_line_that_is_no_entry_is_text(line, text):
    """It is kept so that every list can show it, and others are kept beside it."""
    made = shown(REVISION, NOW, line)

    assert checked(made).text_payload == text
    assert dict(made.json_payload) == {}


@pytest.mark.parametrize(
    "payload",
    ['"n": 1e999', r'"a": "\ud800", "n": 1', '"a": "' + "x" * 300_000 + '"'],
    ids=["infinity", "half", "long"],
)
def test_a_line_that_is_text_after_all_keeps_what_is_said_of_it(payload):
    """Its severity above all: an error is found as one, whatever it carries."""
    labels = r'{"team": "a", "half": "\udfff"}'
    line = f'{{"severity": "ERROR", "{SPECIAL}labels": {labels}, "{SPECIAL}trace": "projects/p/traces/1", {payload}}}'

    made = checked(shown(REVISION, NOW, line))

    assert made.text_payload == line[:TEXT_MOST]
    assert (made.severity, made.trace) == (SEVERITIES.index("ERROR") * 100, "projects/p/traces/1")
    assert dict(made.labels) == {"team": "a", "half": "?"}


def test_labels_that_no_entry_can_hold_are_let_go():
    """The line is text without them."""
    line = f'{{"{SPECIAL}labels": {{"a": "{"x" * 250_000}"}}}}'

    made = checked(shown(REVISION, NOW, line))

    assert (made.text_payload, dict(made.labels)) == (line[:TEXT_MOST], {})


def test_containers_that_no_api_names_have_no_entries():
    """Their lines are let go."""
    assert shown("a process of the emulator", NOW, "hi") is None
