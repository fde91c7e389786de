"""Bodies of any shape get an answer or a refusal, never a crash."""

import io
import json

import pytest

from emulator import cloud
from emulator.apis.bigquery import app

PROJECT = "/bigquery/v2/projects/p"
RECORD = {"name": "s", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]}
COLUMNS = {"fields": [{"name": "a", "type": "INTEGER"}, RECORD]}
REFERENCE = {"datasetId": "d", "tableId": "u"}
POINTS = {"type": "STRUCT", "structTypes": [{"name": "x", "type": {"type": "STRING"}}]}
PARAMETER = {
    "name": "p",
    "parameterType": {"type": "ARRAY", "arrayType": POINTS},
    "parameterValue": {"arrayValues": [{"structValues": {"x": {"value": "1"}}}]},
}
LOAD = {
    "sourceUris": ["gs://a/b"],
    "destinationTable": REFERENCE,
    "schema": COLUMNS,
    "skipLeadingRows": 1,
    "quote": '"',
}
READER, WORLD = {"role": "READER", "userByEmail": "a@b.c"}, {"role": "READER", "specialGroup": "projectReaders"}
POLICY = {"bindings": [{"role": "roles/viewer", "members": ["user:a@b.c"]}]}
BODIES = [
    ("POST", "/datasets", {"datasetReference": {"datasetId": "e"}, "labels": {"a": "b"}, "access": [READER]}),
    ("PATCH", "/datasets/d", {"access": [WORLD], "maxTimeTravelHours": "48"}),
    ("POST", "/datasets/d/tables", {"schema": COLUMNS, "timePartitioning": {"type": "DAY", "field": "a"}}),
    ("POST", "/datasets/d/tables", {"tableReference": REFERENCE, "view": {"query": "SELECT 1"}}),
    ("PATCH", "/datasets/d/tables/t", {"schema": COLUMNS, "clustering": {"fields": ["a"]}, "expirationTime": "9"}),
    ("POST", "/datasets/d/tables/t/insertAll", {"rows": [{"insertId": "x", "json": {"a": 1, "s": {"x": "y"}}}]}),
    ("POST", "/datasets/d/tables/t:setIamPolicy", {"policy": POLICY}),
    ("POST", "/queries", {"query": "SELECT @p", "useLegacySql": False, "queryParameters": [PARAMETER]}),
    ("POST", "/jobs", {"configuration": {"load": LOAD}, "jobReference": {"location": "US"}}),
    ("POST", "/jobs", {"configuration": {"copy": {"sourceTables": [REFERENCE], "destinationTable": REFERENCE}}}),
    ("POST", "/jobs", {"configuration": {"extract": {"sourceTable": REFERENCE, "destinationUris": ["gs://a/b"]}}}),
]
JUNK = [-1, [[]], {"x": {}}]


def places(value, path=()):
    """Every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def changed(body, path, value):
    """The document with something else at one place."""
    made = json.loads(json.dumps(body))
    if not path:
        return value
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Answers calls without a server."""
    world = cloud.build(tmp_path_factory.mktemp("cloud"))

    def answer(verb, path, body):
        return app.answer(world, verb, PROJECT + path, {}, io.BytesIO(json.dumps(body).encode()), "")

    answer("POST", "/datasets", {"datasetReference": {"datasetId": "d"}})
    answer("POST", "/datasets/d/tables", {"tableReference": {"tableId": "t"}, "schema": COLUMNS})
    yield answer
    cloud.stop(world)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/datasets", {"datasetReference": {"projectId": "other", "datasetId": "e"}}),
        ("/datasets/d/tables", {"tableReference": {"projectId": "other", "datasetId": "d", "tableId": "x"}}),
        ("/datasets/d/tables", {"tableReference": {"datasetId": "e", "tableId": "x"}}),
    ],
)
def test_a_body_names_the_place_of_its_path(call, path, body):
    """Who may write to a place may not write to another by naming it in the body."""
    reply = call("POST", path, body)

    assert (reply.status, "does not agree with value" in reply.document["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("verb", "path", "body"), BODIES, ids=[f"{verb}-{path}-{n}" for n, (verb, path, _) in enumerate(BODIES)]
)
def test_no_body_crashes_a_method(call, verb, path, body):
    """Whatever stands in the place of a field: 500 is a mistake of ours, in calls and in jobs."""
    crashed = []
    for place in places(body):
        for junk in JUNK:
            reply = call(verb, path, changed(body, place, junk))
            if reply.status == 500 or "the emulator failed" in json.dumps(reply.document):
                crashed.append((place, junk))

    assert crashed == []
