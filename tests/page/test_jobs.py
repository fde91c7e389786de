"""Which jobs report: reports alone are no job."""

from datetime import timedelta

import pytest

from page.jobs import jobs_in
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import client_of, desk_of, put


def entry_of_a_job(fleet, folder, minutes, outcome):
    """Write what became of the job, so many minutes after its pass."""
    at, name = samples.NOW + timedelta(minutes=minutes), f"operator_{samples.OPERATOR}"
    told = fleet.history[0].to_json() | {"service": name, "region": samples.REGION, "outcome": outcome}
    told |= {"started": at.isoformat(), "ended": at.isoformat()}
    put(folder / f"history/{name}/{samples.REGION}/{at:%Y%m%dT%H%M%S}.000Z-run.json", told)


@pytest.mark.parametrize(
    ("told", "reports"),
    [
        pytest.param((5, True, ()), True, id="well"),
        pytest.param((5, False, ()), True, id="somebodys-own"),
        pytest.param((90, True, ()), True, id="stuck"),
        pytest.param((90, False, ()), False, id="silent"),
        pytest.param((5, False, [(3, "destroyed")]), False, id="uninstalled"),
        pytest.param((5, False, [(3, "destroyed"), (4, "changed")]), True, id="installed-again"),
        pytest.param((5, False, [(-3, "destroyed")]), True, id="uninstalled-before-the-pass"),
        pytest.param((5, True, [(3, "destroyed")]), True, id="its-inventory-is-there"),
    ],
)
def test_which_jobs_report(tmp_path, fleet, told, reports):
    """One that is installed does, however late; one without an inventory until it ends, or misses passes."""
    minutes, inventory, became = told
    samples.write(samples.fleet(2), tmp_path)
    for each in became:
        entry_of_a_job(fleet, tmp_path, *each)
    if inventory:
        put(tmp_path / f"inventory/{samples.REGION}/operator_{samples.OPERATOR}.json", {})

    jobs = jobs_in(Folder(tmp_path), samples.NOW + timedelta(minutes=minutes))

    folder = frozenset({f"operators/{samples.OPERATOR}/"})
    assert (jobs.reporting, jobs.gone) == ((folder, frozenset()) if reports else (frozenset(), folder))


def test_documents_that_say_nothing_are_of_no_job(tmp_path):
    """Nobody knows when a report that cannot be read was written: an installed job's is one all the same."""
    put(tmp_path / "operators/a/latest/0.json", {"format": "mlservice/report/v9"})
    put(tmp_path / "operators/b/latest/0.json", [])
    put(tmp_path / "inventory/us-east1/operator_b.json", {})

    jobs = jobs_in(Folder(tmp_path), samples.NOW)

    assert (jobs.reporting, jobs.gone) == ({"operators/b/"}, {"operators/a/"})


@pytest.mark.parametrize(
    ("became", "uninstalled"),
    [
        pytest.param([(3, "destroyed")], True, id="uninstalled"),
        pytest.param([(3, "destroyed"), (4, "changed")], False, id="installed-again"),
        pytest.param([(-3, "destroyed")], False, id="before-the-pass"),
    ],
)
def test_a_page_says_that_its_job_is_gone(tmp_path, fleet, became, uninstalled):
    """At once, on every view, and not that passes were missed; what it offers works without a job."""
    samples.write(samples.fleet(2), tmp_path)
    for each in became:
        entry_of_a_job(fleet, tmp_path, *each)
    browser = client_of(desk_of(tmp_path, now=samples.NOW + timedelta(days=2)))

    told, text = browser.get("/operator.json").json(), browser.get("/").text

    assert (told["uninstalled"] is not None, told["stale"]) == (uninstalled, not uninstalled)
    assert ("It was uninstalled at" in text, "Stale" in text) == (uninstalled, not uninstalled)
    assert [each["word"] for each in told["passes"]] == ["uninstalled" if uninstalled else "not all well"]
    verbs = {each["command"].split()[1] for each in told["commands"]}
    assert verbs == ({"install", "doctor"} if uninstalled else {"operator"})


def test_a_job_that_is_gone_makes_no_other_one_stale(tmp_path, fleet):
    """Two teams, two jobs: what one left when it went is old for good, and the other one reports."""
    samples.write(samples.fleet(2), tmp_path)
    later = samples.NOW + timedelta(days=1)
    told = samples.fleet(3, seed=1, now=later)
    for kind, document in (("latest", told.report), ("standings", told.standings)):
        put(tmp_path / f"operators/second/{kind}/0.json", document.to_json() | {"operator": "second"})
    stale = client_of(desk_of(tmp_path, now=later)).get("/operator.json").json()

    entry_of_a_job(fleet, tmp_path, 3, "destroyed")
    fresh = client_of(desk_of(tmp_path, now=later)).get("/operator.json").json()

    assert (stale["stale"], fresh["stale"], fresh["uninstalled"]) == (True, False, None)
    assert fresh["at"] == later.isoformat()
    assert [each["word"] for each in fresh["passes"]] == ["uninstalled", "not all well"]
