"""`mlservice graph`: offline from the spec, and with what is there."""

from xml.etree import ElementTree as ET

import pytest

from tests.operating import spec

EVENTS = {
    "requests": {"topic": "asked", "create": True, "ackDeadline": "600s"},
    "answers": {"topic": "answered", "create": True},
}
TOPIC = "pubsub_topic/global/answered"


def states(done):
    """How each resource stands."""
    assert done.code == 0, done.err
    return {node["id"]: node["state"] for node in done.json["nodes"] if node["made"]}


@pytest.mark.parametrize(
    ("output", "begins"),
    [("text", "churn  europe-west1"), ("mermaid", "flowchart LR"), ("svg", "<svg "), ("json", "{")],
)
def test_a_service_is_drawn_without_any_project(offline, output, begins):
    """No project is known, none is asked for, and no emulator is started."""
    offline.write(spec(events=EVENTS))

    done = offline("graph", "churn", "-o", output)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert "answered" in done.out
    assert not (offline.folder / "no-emulator").exists()
    if output == "svg":
        assert ET.fromstring(done.out).tag.endswith("svg")  # noqa: S314 - we wrote it


def test_which_service_is_meant(offline):
    """The only one needs no name; of several one is named, and what is not there is said with what is."""
    offline.write(spec())
    offline.write(spec(), spec("fraud"), name="two.yaml")

    assert offline("graph", "-o", "json").json["service"] == "churn"
    assert offline("graph", "fraud", "-f", "two.yaml", "-o", "json").json["service"] == "fraud"
    several, unknown = offline("graph", "-f", "two.yaml"), offline("graph", "scorer")
    assert (several.code, unknown.code) == (64, 64)
    assert "churn in europe-west1, fraud in europe-west1" in several.err
    assert "there is not a service 'scorer'" in unknown.err
    assert offline("graph", "--local").code == 64


def test_what_is_missing_and_what_differs_is_shown(shell, operator):
    """Before an apply nothing is there, after it all is, and what a hand did is seen at its place."""
    shell.write(spec(events=EVENTS))
    before = states(shell("graph", "--live", "--local", "-o", "json"))
    assert shell("apply", "--local", "--yes").code == 0
    after = states(shell("graph", "--live", "--local", "-o", "json"))
    roles = shell("graph", "--live", "--local", "--access", "-o", "json").json
    topics = operator.connection.client("google.pubsub_v1", "publisher", "Publisher")
    topics.delete_topic(request={"topic": "projects/local/topics/answered"})
    shell.write(spec(events=EVENTS, scaling={"maxInstances": 7}))
    later = shell("graph", "--live", "--local", "-o", "json")
    text = shell("graph", "--live", "--local")

    assert set(before.values()) == {"missing"}
    assert before.keys() == after.keys() == states(shell("graph", "-o", "json", "--project", "local")).keys()
    assert set(after.values()) == {"there"}
    granted = [edge for edge in roles["edges"] if edge["line"] == "access" and edge["what"] != "runs as"]
    assert {edge["state"] for edge in granted} == {"there"}
    there = states(later)
    assert {id_ for id_, state in there.items() if state != "there"} == {TOPIC, "run_service/europe-west1/churn"}
    assert (there[TOPIC], there["run_service/europe-west1/churn"]) == ("missing", "differs")
    assert "2 not as wanted" in text.out.splitlines()[0]
    assert "≠ Cloud Run service churn  europe-west1  differs: max_instances" in text.out
    assert "✕ Pub/Sub topic answered  missing" in text.out
