"""`status` without a name, `why` and `operator status`: three readers of the same reports, who agree."""

import json
from datetime import datetime, timedelta

import pytest

from tests.cli.test_reconcile import AS_THE_JOB
from tests.operating import BUCKET, REGION, spec

MISSING = {"image": "europe-west1-docker.pkg.dev/local/ml/none:1"}
OPERATOR = {
    "apiVersion": "mlservice/v1",
    "kind": "Operator",
    "metadata": {"name": "mlservice"},
    "spec": {"region": REGION, "schedule": "0 0 1 1 *"},  # by hand alone
}
LATEST = "operators/mlservice/latest/0.json"


@pytest.fixture
def passed(shell, operator):
    """One pass over two services that can be made, one that cannot, and one that no spec wants any more."""
    operator.apply(spec("gone"))
    services = [spec("b"), spec("a"), spec("z", **MISSING)]
    shell.write(*services[:2], OPERATOR)
    assert shell("install", "--local", "--yes").code == 0
    shell.write(*services)
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 1
    return shell


def rows(table):
    """First words of the lines of a table, without its head."""
    return [line.split()[0] for line in table.splitlines()[1:]]


def test_the_table_says_first_who_needs_a_person(passed):
    """Those that cannot be made, and those that nobody wants; the rest by name; the same for programs and for `why`."""
    table = passed("status", "--local")
    data = passed("status", "--local", "-o", "json")
    refused, orphan, well = (passed("why", name, "--local") for name in ("z", "gone", "a"))
    operator = passed("operator", "status", "--local", "-o", "json")

    assert (table.code, data.code, operator.code) == (1, 1, 1)
    assert rows(table.out)[:4] == ["gone", "z", "a", "b"]
    assert "4 services, 2 need you" in table.out
    assert "no such tag" in table.out
    by_name = {row["name"]: row for row in data.json}
    assert {name for name, row in by_name.items() if row["needsYou"]} == {"gone", "z"}
    assert (by_name["a"]["asked"], by_name["a"]["lastPass"]["state"]) == (by_name["a"]["serving"], "changed")
    assert by_name["z"]["serving"] == ""
    assert {each["name"] for each in operator.json["needsYou"]} == {"gone", "z"}
    assert all(each["why"] in by_name[each["name"]]["needsYou"] for each in operator.json["needsYou"])
    states = {name: service["state"] for name, service in operator.json["passes"][0]["services"].items()}
    assert {name: by_name[name]["lastPass"]["state"] for name in states} == states
    assert "no such tag" in refused.out
    assert "mend its spec" in refused.out
    assert "mlservice destroy gone" in orphan.out
    assert "it was changed to what its spec wants" in well.out
    assert "idle" not in well.out, "it is not trained again, and nothing is said of that"
    assert "\x1b" not in table.out + refused.out
    assert "\x1b" in passed.on_terminal("status", "--local").out


def test_reports_that_are_stale_newer_or_gone_are_said(passed, operator):
    """By all three in the same words; services are shown all the same."""
    blob = operator.connection.storage.bucket(BUCKET).blob(LATEST)
    report = json.loads(blob.download_as_bytes())
    old = (datetime.fromisoformat(report["ended"]) - timedelta(days=1100)).isoformat()
    readers = ("status", "--local"), ("operator", "status", "--local"), ("why", "a", "--local")

    blob.upload_from_string(json.dumps(report | {"started": old, "ended": old}))
    stale = [passed(*words) for words in readers]
    assert passed("operator", "pause", "--local").code == 0
    paused = [passed(*words) for words in readers]
    blob.upload_from_string(json.dumps(report | {"format": "mlservice/report/v99"}))
    newer = [passed(*words) for words in readers]
    blob.delete()
    none = [passed(*words) for words in readers]

    assert ["no pass has reported since" in done.out for done in stale] == [True] * 3, [done.out for done in stale]
    assert "stale" in stale[0].out.splitlines()[2]
    assert not any("no pass has reported since" in done.out for done in paused)
    assert ["a newer mlservice wrote it" in done.out + done.err for done in newer] == [True] * 3
    assert ["no pass has reported yet" in done.out for done in none] == [True] * 3, [done.out for done in none]
    assert [done.code for done in none] == [0, 0, 0], [done.out for done in none]
    assert not any("this is a bug" in done.err for done in [*stale, *newer, *none])


def test_without_a_job_nothing_is_said_of_passes(shell, operator):
    """Whoever applies by hand sees that, too."""
    operator.apply(spec())

    table, why = shell("status", "--local"), shell("why", "churn", "--local")

    assert (table.code, why.code) == (0, 0)
    assert "1 service, none needs you" in table.out
    assert "no job reconciles" in table.out
    assert "it changes by mlservice apply alone" in why.out


def test_a_pass_that_got_no_specs_says_so(shell, operator):
    """Installed before anything was published: the report says what to do."""
    shell.write(spec(), OPERATOR)
    assert shell("install", "--local", "--yes").code == 0
    before = shell("operator", "status", "--local")

    ran = shell("reconcile", "--local", "--bundle", f"gs://{BUCKET}/specs/mlservice", env=AS_THE_JOB)
    after, table = shell("operator", "status", "--local"), shell("status", "--local")

    assert (before.code, "no pass has reported yet: mlservice operator run" in before.out) == (0, True)
    assert (ran.code, after.code, table.code) == (1, 1, 1)
    assert "no specs could be read, and nothing was done" in after.out
    assert "mlservice publish" in after.out
    assert "no specs could be read" in table.out
