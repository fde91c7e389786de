"""Images that scans do not let through are not deployed, and what serves goes on serving."""

import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from grafeas import grafeas_v1

import emulator.images as images_of_the_emulator
from reconciler.core.orders import Orders
from reconciler.engine.apply import apply
from reconciler.engine.passes import Pass
from reconciler.engine.planning import make_plan
from reconciler.gcp.connection import Connection
from reconciler.gcp.occurrences import Occurrences
from schemas import load
from tests.emulator.clients import client
from tests.emulator_analysis.pushed import SCANNED_AFTER_S, make_repository, put_index, python, switch
from tests.emulator_registry.client import HOST
from tests.operating import BUCKET, HELLO, spec

SERVER = Path(images_of_the_emulator.__file__).parent / "hello" / "server.py"
NAME = f"{HOST}/local/models/scorer"
OLD = python("PyYAML", "5.3.1", "site-packages")
"""Of which CVE-2020-14343 is known: critical, mended by 5.4, published in 2021."""
NEW = {"cve": "CVE-2026-0001", "package": "pyyaml", "sort": "PYPI", "below": "7", "fixed": "7", "severity": "CRITICAL"}


class Images:
    """Pushes images that serve, into a repository where scanning is on."""

    def __init__(self, operator, folder):
        self.operator, self.folder = operator, folder / "image"
        switch(operator.emulator)
        make_repository(operator.emulator)

    def push(self, files, tag="v1", *, scanned=True):
        """Push one; its reference, by digest."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        shutil.copy(SERVER, self.folder / "server.py")
        command = [sys.executable, "-S", "-E", "-B", "server.py"]
        pushed = {"image": f"{NAME}:{tag}", "folder": str(self.folder), "command": command}
        digest = self.operator.emulator.control("POST", "images", pushed)["digest"]
        if scanned:
            self.operator.emulator.advance(SCANNED_AFTER_S)
        return f"{NAME}@{digest}"

    def plant(self, **told):
        """Let something become known."""
        self.operator.emulator.control("POST", "vulnerabilities", NEW | told)

    @property
    def later(self):
        """A day that no midnight in between makes another one of the past."""
        return (self.operator.session().clock.now() + timedelta(days=30)).date().isoformat()


@pytest.fixture
def images(operator, tmp_path):
    """A repository whose images are scanned."""
    return Images(operator, tmp_path)


def service(image, name="churn", **scan):
    """A service of an image, that asks for scans; the repository is somebody else's until it is adopted."""
    management = {"deletion": "Delete", "adopt": "Always"}
    return spec(name, image=image, registry={"repository": "models", "scan": scan}, management=management)


def why(operator, *specs):
    """What keeps a plan from being applied."""
    return list(operator.plan(*specs).plan.blocked)


def carried_out(operator, *specs):
    """Apply, as far as a plan may be."""
    planned = operator.plan(*specs)
    assert planned.plan.blocked == ()
    report = apply(operator.session(), planned)
    assert report.exit_code == 0
    return report


def test_from_the_push_to_the_service(operator, images):
    """It waits for the scan, is blocked by what it finds, and applied once a line of the spec allows that."""
    image = images.push(OLD, scanned=False)
    (waiting,) = why(operator, service(image))
    operator.emulator.advance(SCANNED_AFTER_S)
    (blocked,) = why(operator, service(image))
    allowed = service(image, allow=[{"cve": "CVE-2020-14343", "until": images.later, "reason": "never called"}])
    carried_out(operator, allowed)

    assert "it is being scanned" in waiting
    assert "CVE-2020-14343 (Critical) in pyyaml 5.3.1: go to 5.4" in blocked
    assert "registry.scan.allow: [{cve: CVE-2020-14343, until: " in blocked
    assert f"({operator.folder / 'mlservice.yaml'}:" in blocked
    assert operator.service().template.containers[0].image == image
    assert operator.differences(allowed) == []


def test_what_is_clean_is_applied(operator, images):
    """An image in which nothing is too severe is deployed, and the plan after it is empty."""
    clean = service(images.push(python("PyYAML", "6.0", "site-packages")))
    carried_out(operator, clean)

    assert operator.plan(clean).plan.empty


def test_a_new_vulnerability_stops_no_service(operator, images):
    """What serves is told of; a change of something else is let through, another vulnerable image is not."""
    image = images.push(OLD)
    lived_with = {"allow": [{"cve": "CVE-2020-14343", "until": images.later, "reason": "x"}]}
    carried_out(operator, service(image, **lived_with))
    other = images.push(OLD | {"note": "2"}, tag="v2")
    images.plant()
    larger = service(image, **lived_with)
    larger["spec"]["scaling"] = {"maxInstances": 7}

    (told,) = operator.plan(larger).plan.scans["churn"].serving
    carried_out(operator, larger)
    (blocked,) = why(operator, service(other, **lived_with))
    assert "CVE-2026-0001" in told
    assert "CVE-2026-0001" in blocked
    assert operator.service().template.scaling.max_instance_count == 7
    assert operator.service().template.containers[0].image == image


def test_what_stands_in_the_template_and_serves_nothing_is_judged(operator, images):
    """Who may deploy without traffic does not decide what serves: no new revision and no traffic brings it there."""
    clean, bad = images.push(python("PyYAML", "6.0", "site-packages")), images.push(OLD, tag="v2")
    carried_out(operator, service(clean))
    services = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    share = {"type_": 2, "revision": live.latest_ready_revision.rpartition("/")[2], "percent": 100}
    live.template.containers[0].image, live.template.revision, live.traffic = bad, "", [share]
    services.update_service(request={"service": live}).result(timeout=20)

    left = why(operator, service(bad))
    to_latest = service(bad)
    to_latest["spec"] |= {"rollout": {"strategy": "Manual"}, "traffic": [{"version": "latest", "percent": 100}]}
    (moved,) = why(operator, to_latest)

    assert left == []  # it stays where a hand put it: without traffic
    assert [target.percent for target in operator.service().traffic] == [100]
    assert "CVE-2020-14343" in moved


def test_going_back_is_no_deployment(operator, images):
    """Traffic goes back to a revision whatever became known of its image since: the way back is never barred."""
    first, second = images.push({}), images.push({"note": "2"}, tag="v2")
    carried_out(operator, service(first))
    before = operator.service().latest_ready_revision.rpartition("/")[2]
    carried_out(operator, service(second))
    images.plant(versions=["1"], package="libssl3", sort="OS", below="", image=first)
    back = service(second)
    back["spec"] |= {"rollout": {"strategy": "Manual"}, "traffic": [{"version": before, "percent": 100}]}
    carried_out(operator, back)

    (told,) = operator.plan(back).plan.scans["churn"].serving
    assert "libssl3" in told


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("docker.io/library/python@sha256:" + "a" * 64, "in no registry of Google's"),
        ({"uri": f"{NAME}:v1", "resolve": "Tag"}, "named by a tag"),
    ],
)
def test_what_cannot_be_known_is_not_clean(operator, images, image, said):
    """An image of another registry and one by its tag are blocked, with words."""
    images.push({})

    (blocked,) = why(operator, service(image))
    assert said in blocked


def test_a_tag_is_read_anew_by_what_starts_anew(operator, images):
    """Another image may lie there now: nothing of a service from before is started anew, all else is changed."""
    images.push({})
    tagged = {"uri": f"{NAME}:v1", "resolve": "Tag"}
    management = {"deletion": "Delete", "adopt": "Always"}
    carried_out(operator, spec(image=tagged, management=management))
    images.push(OLD)
    larger = service(tagged)
    larger["spec"]["scaling"] = {"maxInstances": 7}

    hidden = service(tagged)
    hidden["spec"]["access"] = {"ingress": "Internal"}

    (blocked,) = why(operator, larger)
    assert "named by a tag" in blocked
    assert why(operator, hidden) == []


def test_nobody_else_says_that_an_image_was_scanned(operator, images):
    """A discovery of somebody's own note, however well it ended, is none."""
    switch(operator.emulator, on=False)
    image = images.push({})
    notes = client(operator.emulator, grafeas_v1.GrafeasClient)
    discovery = {"discovery": {"analysis_kind": "VULNERABILITY"}}
    note = notes.create_note(parent="projects/local", note_id="PACKAGE_VULNERABILITY", note=discovery)
    ended = {"analysis_status": "FINISHED_SUCCESS", "continuous_analysis": "ACTIVE"}
    forged = {"note_name": note.name, "resource_uri": f"https://{image}", "discovery": ended}
    notes.create_occurrence(parent="projects/local", occurrence=forged)

    (blocked,) = why(operator, service(image))
    assert "it was not scanned" in blocked


def test_an_image_from_before_is_not_clean(operator, images):
    """What was pushed while scanning was off was not scanned, and says what to do."""
    switch(operator.emulator, on=False)
    image = images.push({})
    switch(operator.emulator)

    (blocked,) = why(operator, service(image))
    assert "it was not scanned" in blocked
    assert "containerscanning.googleapis.com" in blocked


def test_an_index_is_judged_by_the_image_that_runs(operator, images):
    """Of several platforms the one counts that Cloud Run takes; there is no scan of an index."""
    image = images.push(OLD)
    index = put_index(operator.emulator, NAME, image.partition("@")[2])

    (blocked,) = why(operator, service(f"{NAME}@{index}"))
    assert "CVE-2020-14343" in blocked


def test_a_grace_counts_from_the_publication(operator, images):
    """However young the image: pushed again, a vulnerability is as old as before."""
    yesterday = images.operator.session().clock.now().isoformat()
    images.plant(published=yesterday)
    image = images.push(OLD)

    lines = {grace: why(operator, service(image, grace=grace)) for grace in ("0s", "7d")}
    warned = operator.plan(service(image, grace="7d")).plan.scans["churn"].warnings
    assert [sum("CVE-2026-0001" in line for line in lines[grace]) for grace in lines] == [1, 0]
    assert all("CVE-2020-14343" in " ".join(many) for many in lines.values())
    assert any("CVE-2026-0001" in line and "it blocks from" in line for line in warned)


def test_nothing_is_read_where_nobody_asks(operator, images):
    """A spec that does not ask for it leads to no call of Container Analysis; services of one project to one."""
    operator.emulator.control("DELETE", "calls")
    without = spec(registry={"repository": "models"}, management={"adopt": "Always"})
    operator.plan(without)
    none = operator.emulator.calls().get("grafeas.v1.Grafeas/ListOccurrences", 0)
    clean = images.push({})
    operator.plan(service(clean), service(clean, "fraud"))

    assert (none, operator.emulator.calls()["grafeas.v1.Grafeas/ListOccurrences"]) == (0, 1)


def test_who_may_not_look_is_told_who_must_grant(operator, images):
    """Not being allowed to look is not clean."""
    image = images.push({})
    denied = {"method": "grafeas.v1.Grafeas/ListOccurrences", "status": "PERMISSION_DENIED", "times": None}
    operator.emulator.faults(denied)

    (blocked,) = why(operator, service(image))
    operator.emulator.faults()
    assert "who owns project local must grant roles/containeranalysis.occurrences.viewer" in blocked


@pytest.mark.parametrize(("times", "refused"), [(1, 0), (None, 2)])
def test_one_request_that_is_refused_makes_no_other_image_unreadable(operator, images, times, refused):
    """Refused together, images are asked for one by one; what is refused alone says so."""
    both = [service(images.push({"note": name}, tag=name), name) for name in ("churn", "fraud")]
    refusal = {"method": "grafeas.v1.Grafeas/ListOccurrences", "status": "INVALID_ARGUMENT", "times": times}
    operator.emulator.faults(refusal)

    lines = why(operator, *both)
    operator.emulator.faults()
    assert ["it is not known what its scan found" in line for line in lines] == [True] * refused


class Lines:
    """Keeps what a pass tells."""

    def __init__(self):
        self.told = []

    def write(self, severity, message, **keys):
        self.told.append((severity, message, keys))

    def change(self, change, what, seconds):
        """Nothing to keep: the world is looked at."""


def passed(operator, *specs, orders=Orders()):  # noqa: B008 - frozen
    """One pass over services."""
    session = operator.session()

    def plan(documents):
        return make_plan(session, documents, runtime_image=HELLO)

    made = Pass(session, orders, plan, Lines())
    made.run(load(operator.write(*specs)).services)
    return made


def test_a_pass_finds_what_became_known(operator, images):
    """The service is named as vulnerable and left alone; others with a blocked image are left, and the rest goes on."""
    image = images.push(OLD)
    lived_with = {"allow": [{"cve": "CVE-2020-14343", "until": images.later, "reason": "x"}]}
    carried_out(operator, service(image, **lived_with))
    images.plant()

    made = passed(operator, service(image, **lived_with), service(image, "late", **lived_with), spec("other"))
    assert {name: told.state for name, told in made.told.items()} == {
        "churn": "vulnerable",
        "late": "blocked",
        "other": "changed",
    }
    assert made.exit_code == 3
    assert any(severity == "ERROR" and "what serves is vulnerable" in line for severity, line, _ in made.log.told)
    assert {each.name.rpartition("/")[2] for each in operator.services()} == {"churn", "other"}


def test_passes_tell_what_is_no_alarm_where_something_changes(operator, images):
    """What serves and was not scanned: told of as something is applied, and not pass after pass of what stays."""
    switch(operator.emulator, on=False)
    image = images.push({})
    carried_out(operator, spec(image=image))
    wanted = service(image)

    told = [[line for _, line, _ in passed(operator, wanted).log.told if line.startswith("images: ")] for _ in range(2)]
    assert ["it was not scanned" in line for line in told[0]] == [True]
    assert told[1] == []
    assert operator.plan(wanted).plan.scans["churn"].unsure


def test_a_pass_waits_for_a_scan_without_alarm(operator, images):
    """The next one looks again by itself; by hand it says so with 3. What is there is left."""
    image = images.push({}, scanned=False)

    by_the_job, by_hand = (passed(operator, service(image), orders=Orders(name=name)) for name in ("ml", ""))
    operator.emulator.advance(SCANNED_AFTER_S)
    later = passed(operator, service(image), orders=Orders(name="ml"))

    assert [made.told["churn"].state for made in (by_the_job, by_hand, later)] == ["waiting", "waiting", "changed"]
    assert [made.exit_code for made in (by_the_job, by_hand, later)] == [0, 3, 0]


def test_the_client_asks_google_where_google_answers():
    """Its package knows of no host: it is named, and all else is as with every client."""
    connection = Connection("acme", BUCKET)
    connection._made["credentials"] = AnonymousCredentials()

    made = Occurrences(connection)._api

    assert made.transport.host == "containeranalysis.googleapis.com:443"
