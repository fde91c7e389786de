"""Requests: bodies that are cut or broken, files that come with a job, jobs that are asked for twice."""

import gzip
import io
import json
from contextlib import contextmanager

import pytest
from google.iam.v1 import policy_pb2

from emulator import cloud
from emulator.apis.bigquery import app, jobs, records
from emulator.apis.bigquery.engine import UPLOAD as UPLOADS
from emulator.apis.bigquery.engine import Engine, engine
from emulator.apis.bigquery.learning import statements
from emulator.identity import iam_policy
from emulator.identity.tokens import Tokens

JOBS = "/bigquery/v2/projects/p/jobs"
UPLOAD = "/upload/bigquery/v2/projects/p/jobs?uploadType="
LOAD = {
    "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
    "schema": {"fields": [{"name": "a", "type": "INTEGER"}]},
}
ROWS = "SELECT COUNT(*) FROM d.t"


class Cloud:
    """A cloud without a server."""

    def __init__(self, world):
        self.world = world

    def call(self, verb, target, body=b"", **headers):
        """Answer a request."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return app.answered(self.world, verb, target, named, io.BytesIO(sent), "")

    def query(self, text, **more):
        """Run a query; returns its rows."""
        body = {"query": text, "useLegacySql": False} | more
        reply = self.call("POST", "/bigquery/v2/projects/p/queries", body)
        assert reply.status == 200, reply.document
        return [[each["v"] for each in row["f"]] for row in reply.document.get("rows", [])]

    def upload(self, file, job, *, mark=b"x", closed=True):
        """Begin a load job with its file; returns its state, once it is over."""
        head = b"\r\ncontent-type: a/b\r\n\r\n"
        end = b"\r\n--" + mark + b"--" if closed else b""
        body = b"--" + mark + head + json.dumps(job).encode() + b"\r\n--" + mark + head + file + end
        reply = self.call("POST", f"{UPLOAD}multipart", body, content_type="multipart/related; boundary=x")
        key = f"p/{(reply.document.get('jobReference') or {}).get('jobId')}"
        task = jobs.running(self.world).tasks.get(key)
        if task is not None:
            assert task.done.wait(60)
        return reply

    def files(self):
        """What lies in the folder of the database."""
        return list(engine(self.world).files.iterdir())


@contextmanager
def started(folder):
    """A cloud with an empty dataset."""
    made = cloud.build(folder)
    made.store.put(records.DATASET, "p/d", b'{"location": "US"}')
    try:
        yield Cloud(made)
    finally:
        cloud.stop(made)


@pytest.fixture
def here(tmp_path):
    """A cloud of the test's own."""
    with started(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A cloud with one row, in which nothing changes."""
    with started(tmp_path_factory.mktemp("still")) as made:
        made.query("CREATE TABLE d.t AS SELECT 1 AS a")
        yield made


def test_a_body_is_there_whole_or_refused(here, monkeypatch):
    """Never cut: half a file is another file."""
    body = json.dumps({"datasetReference": {"datasetId": "e"}}).encode()
    packed, target = gzip.compress(body), "/bigquery/v2/projects/p/datasets"

    broken = here.call("POST", target, packed[:-9], content_encoding="gzip")
    assert (broken.status, broken.document["error"]["errors"][0]["reason"]) == (400, "parseError")
    monkeypatch.setattr(app, "MOST_BYTES", len(body) - 1)
    assert here.call("POST", target, body).status == 413
    assert here.call("POST", target, packed, content_encoding="gzip").status == 413
    monkeypatch.setattr(app, "MOST_BYTES", len(body) + 100)
    assert here.call("POST", target, packed, content_encoding="gzip").status == 200


def test_a_file_is_gone_when_its_job_is_over(here):
    """Or does not begin."""
    whole = {"configuration": {"load": LOAD}}

    assert here.upload(b"1\n2\n", whole).status == 200
    assert here.query(ROWS) == [["2"]]
    here.upload(b"1\nx\n", whole)
    here.upload(b"1\n", {"configuration": {"load": LOAD, "dryRun": True}})
    assert here.upload(b"1\n", whole | {"jobReference": {"jobId": "no id"}}).status == 400
    assert here.upload(b"1\n", whole, closed=False).status == 400

    assert here.query(ROWS) == [["2"]]
    assert here.files() == []


def test_a_session_may_be_resumed_for_a_week(here):
    """Also by an emulator that was started anew; what else lies about is forgotten then."""
    opened = [here.call("POST", f"{UPLOAD}resumable", {"configuration": {"load": LOAD}}) for _ in range(2)]
    first, second = (reply.headers["Location"] for reply in opened)
    assert here.call("PUT", first, b"1\n", content_range="bytes 0-1/*").status == 308
    assert here.call("PUT", first.replace("/p/", "/other/"), b"1\n").status == 404
    (engine(here.world).files / "lent-x").touch()
    here.world.take(Engine).close()

    assert len(here.files()) == 2
    assert here.call("PUT", first, b"2\n", content_range="bytes 2-3/4").status == 200
    here.world.clock.advance(8 * 24 * 3600)
    here.call("POST", f"{UPLOAD}resumable", {"configuration": {"load": LOAD}})

    assert here.call("PUT", second, b"1\n").status == 404
    assert len(here.files()) == 1


def test_a_caller_without_an_e_mail_is_named_by_one_line(here):
    """As policies name him, not with all his groups: of jobs, and as the owner of what he made."""
    members = ["principal://pool/subject/me", "principalSet://pool/group/us"]
    policy = policy_pb2.Policy(bindings=[{"role": "roles/bigquery.admin", "members": members[1:]}])
    here.world.store.put(iam_policy.KIND, "projects/p", policy.SerializeToString())
    bearer = f"Bearer {here.world.part(Tokens).federated_token(members)}"

    made = here.call("POST", f"{JOBS[:-5]}/datasets", {"datasetReference": {"datasetId": "e"}}, authorization=bearer)
    job = {"configuration": {"query": {"query": "SELECT 1", "useLegacySql": False}}}
    done = here.call("POST", JOBS, job, authorization=bearer)
    listed = here.call("GET", JOBS, authorization=bearer)

    assert {"role": "OWNER", "iamMember": members[0]} in made.document["access"]
    assert (done.document["user_email"], done.document["principal_subject"]) == (members[0], members[0])
    assert [each["user_email"] for each in listed.document["jobs"]] == members[:1]


def test_a_session_of_an_older_emulator_is_over(here):
    """It did not say when it began; others go on."""
    url, wanted = f"{UPLOAD}resumable", {"configuration": {"load": LOAD}}
    first = here.call("POST", url, wanted).headers["Location"]
    [(name, body)] = here.world.store.list(UPLOADS)
    kept = {key: value for key, value in json.loads(body).items() if key != "begun"}
    here.world.store.put(UPLOADS, name, json.dumps(kept).encode())

    assert here.call("POST", url, wanted).status == 200
    assert here.call("PUT", first, b"1\n").status == 404
    assert len(here.files()) == 1


def test_a_request_that_comes_again_is_done_once(here):
    """For a quarter of an hour: who got no answer asks again."""
    here.query("CREATE TABLE d.t (a INT64)")
    for text, request in ((1, "x"), (1, "x"), (1, "y"), (2, "x")):
        here.query(f"INSERT INTO d.t VALUES ({text})", requestId=request)
    assert here.query(ROWS) == [["3"]]
    here.world.clock.advance(901)
    here.query("INSERT INTO d.t VALUES (1)", requestId="x")

    assert here.query(ROWS) == [["4"]]


def test_a_job_that_somebody_sees_runs(here, monkeypatch):
    """Else it would be taken for one that the emulator's end has interrupted."""
    seen, put = [], here.world.store.put

    def looked_at(kind, name, body):
        put(kind, name, body)
        if kind == jobs.JOB:
            seen.append(jobs.read(here.world, name)["status"])

    monkeypatch.setattr(here.world.store, "put", looked_at)
    here.call("POST", JOBS, {"configuration": {"query": {"query": "SELECT 1", "useLegacySql": False}}})

    assert seen[0] == {"state": "RUNNING"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("UPDATE d.t SET b = 1 WHERE TRUE", "b"),
        ("INSERT INTO d.t VALUES (1, 2)", "wrong column count"),
        ("DELETE FROM d.t WHERE nobody", "nobody"),
        ("CREATE TABLE d.u AS SELECT nobody", "nobody"),
        ("CREATE VIEW d.v AS SELECT nobody", "nobody"),
        ("CREATE TABLE d.u (a INT64) PARTITION BY nobody", "nobody"),
        ("ALTER TABLE d.t ADD COLUMN a STRING", "a"),
        ("CREATE MODEL d.m OPTIONS (model_type = 'LINEAR_REG') AS SELECT a FROM d.t", "label"),
        ("CREATE MODEL d.m OPTIONS (model_type = 'KMEANS') AS SELECT a FROM d.t", "KMEANS"),
    ],
)
def test_a_dry_run_finds_what_the_statement_would_fail_with(still, text, words):
    """With the same words."""
    body = {"query": text, "useLegacySql": False, "dryRun": True}

    reply = still.call("POST", "/bigquery/v2/projects/p/queries", body)

    assert reply.status in (400, 501)
    assert words in reply.document["error"]["message"]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE OR REPLACE TABLE d.t AS SELECT 'x' AS b",
        "INSERT INTO d.t VALUES (2)",
        "DELETE FROM d.t WHERE TRUE",
        "TRUNCATE TABLE d.t",
        "ALTER TABLE d.t ADD COLUMN b STRING",
        "DROP TABLE d.t",
        "ALTER TABLE IF EXISTS d.nope ADD COLUMN b STRING",
    ],
)
def test_a_dry_run_changes_nothing(still, text):
    """Whatever it looks at."""
    still.query(text, dryRun=True)

    assert still.query("SELECT * FROM d.t") == [["1"]]


def test_only_a_call_of_evaluate_is_one(still):
    """Not a string or a comment that says so."""
    assert still.query("SELECT 'ML.EVALUATE(' AS a -- ML.EVALUATE(") == [["ML.EVALUATE("]]
    assert statements.spelled("SELECT * FROM ml . evaluate(MODEL d.m, TABLE d.t)")[1]
    assert statements.spelled("SELECT 'ML.PREDICT(' FROM ML.EVALUATE(MODEL d.m, TABLE d.t)")[1]


def test_a_model_is_trained_on_all_rows_or_on_none(here, monkeypatch):
    """More than there is room for are refused."""
    monkeypatch.setattr(statements, "MOST_ROWS", 2)
    options = "OPTIONS (model_type = 'LINEAR_REG', input_label_cols = ['a'])"
    text = f"CREATE MODEL d.m {options} AS SELECT a, a * 2 AS b FROM UNNEST([1, 2, 3]) AS a"

    reply = here.call("POST", "/bigquery/v2/projects/p/queries", {"query": text, "useLegacySql": False})

    assert (reply.status, "more than 2 rows" in reply.document["error"]["message"]) == (501, True)
