"""status, predict and reconcile: a service in operation."""

import json
import shutil

import pytest

from tests.cli.conftest import ROOT
from tests.operating import spec

SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(403)
        self.end_headers()
http.server.HTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
"""


def edit(operator, **fields):
    """Change the service as somebody else would."""
    live = operator.service()
    for name, value in fields.items():
        setattr(live.template, name, value)
    operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live}).result()


def test_status_shows_a_service_as_it_is(shell, operator):
    """Address, traffic and times for people; everything for programs; an unknown name is wrong usage."""
    assert shell("status", "--local").out == "no services: nothing was applied in this project\n"
    operator.apply(spec())

    text, data, unknown = (
        shell("status", "churn", "--local"),
        shell("status", "churn", "--local", "-o", "json"),
        shell("status", "chrn", "--local"),
    )

    assert (text.code, data.code, unknown.code) == (0, 0, 64)
    [service] = data.json
    assert service["url"] in text.out
    assert "ready" in text.out
    assert "100%" in text.out
    assert service["revisions"][0]["percent"] == 100
    assert service["lastChanged"] <= service["lastChecked"]
    assert "churn" in unknown.err


@pytest.mark.slow
def test_a_failed_rollout_leaves_traffic_where_it_was(shell, operator):
    """A version that does not start is reported with Google's reason; the version before it serves on."""
    shell.write(spec())
    shell("apply", "--local", "--yes")
    [good] = shell("status", "--local", "-o", "json").json[0]["revisions"]
    shell.write(spec(env={"HELLO_EXIT": "3"}, runtime={"startup": {"deadline": "10s"}}))

    failed = shell("apply", "--local", "--yes")
    status = shell("status", "--local")
    again = shell("plan", "--local", "--detailed-exitcode")

    assert failed.code in {1, 4}
    assert "startup probe" in failed.err
    assert status.code == 1
    assert "startup probe" in status.out
    [service] = shell("status", "--local", "-o", "json").json
    assert {r["name"]: r["percent"] for r in service["revisions"]}[good["name"]] == 100
    assert "not working" in again.out
    assert shell("apply", "--local", "--yes").code == 1, "there is nothing to write, and it does not work"


@pytest.mark.slow
def test_a_first_version_that_does_not_start_is_reported(shell):
    """There is no earlier one to serve; status says why."""
    shell.write(spec(env={"HELLO_EXIT": "3"}, runtime={"startup": {"deadline": "10s"}}))

    assert shell("apply", "--local", "--yes").code == 4
    status = shell("status", "--local")

    assert status.code == 1
    assert "not working" in status.out
    assert "startup probe" in status.out


def open_up(operator, way, name="churn"):
    """Let everyone in, as somebody else would."""
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service(name)
    if way == "check-off":
        live.invoker_iam_disabled = True
        client.update_service(request={"service": live}).result()
        return
    role = "roles/run.invoker"
    if way == "custom role":
        made = {"title": "Caller", "included_permissions": ["run.routes.invoke"]}
        iam = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
        role = iam.create_role(request={"parent": "projects/local", "role_id": "caller", "role": made}).name
    policy = client.get_iam_policy(request={"resource": live.name})
    policy.bindings.add(role=role, members=["allUsers"])
    client.set_iam_policy(request={"resource": live.name, "policy": policy})


WAYS = pytest.mark.parametrize("way", ["invoker", "custom role", "check-off"])


@WAYS
def test_status_says_loudly_that_a_private_service_is_open(shell, operator, way):
    """In the text, in JSON and in the exit code; that it works stays true."""
    operator.apply(spec())
    assert shell("status", "--local").code == 0
    open_up(operator, way)

    text, data = shell("status", "churn", "--local"), shell("status", "--local", "-o", "json")
    table = shell("status", "--local")

    assert (text.code, data.code, table.code) == (1, 1, 1)
    assert "NOT PRIVATE" in text.out
    assert "NOT PRIVATE: allUsers is let in" in table.out
    assert "ready" not in text.out.splitlines()[0]
    assert "allUsers" in text.out
    [service] = data.json
    [opening] = service["open"]
    roles = {"invoker": "roles/run.invoker", "custom role": "projects/local/roles/caller", "check-off": ""}
    assert (opening["member"], opening["role"]) == ("allUsers", roles[way])
    assert opening["why"].endswith("access.authentication is IAM")
    assert service["working"] is True


@pytest.mark.parametrize("way", ["invoker", "check-off"])
def test_status_of_a_public_service_is_well_whoever_opened_it(shell, operator, way):
    """Everyone's role was there before the spec said so: it is used, not ours, and no reason to alarm anybody."""
    operator.apply(spec())
    open_up(operator, way)
    operator.apply(spec(access={"authentication": "Public"}))

    done = shell("status", "--local", "-o", "json")

    assert (done.code, done.json[0]["open"]) == (0, [])


@WAYS
def test_reconcile_names_access_that_contradicts_the_spec(shell, operator, way):
    """A dry run leaves it: an ERROR and exit 1. A pass closes it: a WARNING and exit 0, and no more after that."""
    shell.write(spec())
    operator.apply(spec())
    open_up(operator, way)

    dry, done, after = (
        shell("reconcile", "--local", "--dry-run"),
        shell("reconcile", "--local"),
        shell("status", "--local"),
    )

    assert (dry.code, done.code, after.code) == (1, 0, 0)
    for pass_, severity in ((dry, "ERROR"), (done, "WARNING")):
        [said] = [line for line in lines(pass_) if line["message"] == "access contradicts the spec"]
        assert said["severity"] == severity
        assert "churn" in said["address"]


def test_reconcile_that_may_only_observe_says_that_it_stays_open(shell, operator):
    """The pass changes nothing, so a person has to."""
    watching = spec(management={"deletion": "Delete", "mode": "Observe"})
    operator.apply(spec())
    open_up(operator, "invoker")
    shell.write(watching)

    done = shell("reconcile", "--local")

    assert done.code == 1
    assert [line["severity"] for line in lines(done) if "contradicts" in line["message"]] == ["ERROR"]


def lines(done):
    """Log lines of a pass."""
    return [json.loads(line) for line in done.err.splitlines()]


@pytest.mark.slow
def test_reconcile_mends_and_logs_for_cloud_logging(shell, operator):
    """Every line is JSON with a severity; config drift is named and put back; a second pass changes nothing."""
    shell.write(spec())
    assert shell("reconcile", "--local").code == 0
    edit(operator, max_instance_request_concurrency=7)

    dry = shell("reconcile", "--local", "--dry-run")
    assert (dry.code, operator.service().template.max_instance_request_concurrency) == (0, 7)
    done = shell("reconcile", "--local")
    quiet = shell("reconcile", "--local")

    assert (done.code, operator.service().template.max_instance_request_concurrency) == (0, 80)
    assert {"severity", "message", "time", "run_id"} <= set.intersection(*(set(line) for line in lines(done)))
    [found] = [line for line in lines(done) if line["severity"] == "NOTICE"]
    assert (found["address"], found["fields"]) == ("run_service/europe-west1/churn", ["concurrency"])
    assert found["reason"].startswith("config drift")
    assert [line["message"] for line in lines(quiet)] == ["plan made", "pass done"]
    assert lines(quiet)[-1]["changed"] == 0
    assert done.out == ""


@pytest.mark.slow
def test_reconcile_is_blocked_by_what_a_spec_protects(shell, operator):
    """A pass destroys nothing that is protected: exit 3, and what it would have been."""
    base = spec(registry={"repository": "ml"}, management={"deletion": "Protect"})
    operator.apply(base)
    shell.write(spec(management={"deletion": "Protect"}))

    done = shell("reconcile", "--local")

    assert done.code == 3
    assert [line["addresses"] for line in lines(done) if line["severity"] == "ERROR"] == [
        ["artifact_repository/europe-west1/ml"]
    ]


def test_reconcile_reports_a_bad_file_as_a_log_line(shell):
    """The job's logs are read by machines, errors too."""
    (shell.folder / "mlservice.yaml").write_text("apiVersion: mlservice/v1\nkind: MLService\n")

    done = shell("reconcile", "--local")

    assert done.code == 1
    assert {line["severity"] for line in lines(done)} == {"ERROR"}
    assert all("mlservice.yaml" in line["problem"] for line in lines(done))


@pytest.fixture
def iris(shell, operator):
    """The iris example, served."""
    shutil.copytree(ROOT / "specs" / "iris" / "model", shell.folder / "model")
    traffic = [{"version": "latest", "percent": 100, "tag": "candidate"}]
    sections = {"model": {"uri": "./model", "version": "1"}, "rollout": {"strategy": "Manual"}, "traffic": traffic}
    body = spec("iris", **sections)
    del body["spec"]["image"]
    shell.write(body)
    done = shell("apply", "--local", "--yes")
    assert done.code == 0, done.err
    return shell


@pytest.mark.slow
def test_predict_takes_rows_as_people_have_them(iris):
    """A JSON file, CSV, a pipe, a tagged revision: one JSON value a line on stdout, and nothing else."""
    rows = json.loads((ROOT / "specs" / "iris" / "rows.json").read_text())
    rows = rows["instances"] if isinstance(rows, dict) else rows
    (iris.folder / "rows.json").write_text(json.dumps({"instances": rows[:2]}))
    (iris.folder / "rows.csv").write_text(_csv(rows[:2]))

    told = [
        iris("predict", "iris", "rows.json", "--local"),
        iris("predict", "iris", "rows.csv", "--local"),
        iris("predict", "iris", "--local", stdin=json.dumps(rows[:2])),
        iris("predict", "iris", "--local", "--tag", "candidate", stdin=json.dumps(rows[:2])),
    ]

    assert [done.code for done in told] == [0, 0, 0, 0], [done.err for done in told]
    assert len(told[0].out.splitlines()) == 2
    assert {done.out for done in told} == {told[0].out}


def _csv(rows):
    names = list(rows[0]) if isinstance(rows[0], dict) else [f"f{n}" for n in range(len(rows[0]))]
    values = [list(row.values()) if isinstance(row, dict) else row for row in rows]
    return "\n".join(",".join(map(str, line)) for line in [names, *values]) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stdin", "code", "said"),
    [
        pytest.param("not json", 64, "rows are JSON", id="no-json"),
        pytest.param('{"rows": []}', 64, "instances", id="no-rows"),
        pytest.param("[[NaN, 1, 2, 3]]", 64, "NaN", id="nan"),
        pytest.param('["what"]', 1, "HTTP 4", id="wrong-rows"),
    ],
)
def test_wrong_rows_are_refused(iris, stdin, code, said):
    """What is no row is refused here, what is no row of this model by the server."""
    done = iris("predict", "iris", "--local", stdin=stdin)

    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_predict_names_the_role_that_is_missing(shell):
    """Whoever may not call is told what to ask for; an unknown tag lists the tags there are."""
    (shell.folder / "image").mkdir()
    (shell.folder / "image" / "main.py").write_text(SERVER)
    image = "europe-west1-docker.pkg.dev/local/ml/closed:v1"
    pushed = shell("emulator", "push", "--create", "image", image, "python", "main.py")
    assert pushed.code == 0, pushed.err
    shell.write(spec(image=image))
    assert shell("apply", "--local", "--yes").code == 0

    refused = shell("predict", "churn", "--local", stdin="[1]")
    tagless = shell("predict", "churn", "--local", "--tag", "nope", stdin="[1]")

    assert (refused.code, tagless.code) == (1, 64)
    assert "roles/run.invoker" in refused.err
    assert "'nope'" in tagless.err
