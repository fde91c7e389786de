"""What a project's policy lets Cloud Run deploy."""

import pytest
from google.api_core import exceptions
from google.cloud import binaryauthorization_v1 as binauthz
from google.cloud import run_v2

from emulator.apis.binaryauthorization.admission import matches
from tests.attesting import Attestor, require, signer
from tests.emulator.clients import both_wires, client
from tests.emulator_iam.callers import PROJECT
from tests.emulator_run.cloud import Cloud, service

Modes = binauthz.AdmissionRule
DRY = {"enforcement_mode": Modes.EnforcementMode.DRYRUN_AUDIT_LOG_ONLY}
DENY = {"evaluation_mode": Modes.EvaluationMode.ALWAYS_DENY, "require_attestations_by": []}


@both_wires
def test_a_policy_is_one_per_project(emulator, wire):
    """It lets all through until somebody writes another; what makes no sense is refused, and an etag of before."""
    api = client(emulator, binauthz.BinauthzManagementServiceV1Client, wire)
    name = f"{PROJECT}/policy"
    before = api.get_policy(name=name)
    attestor = Attestor(emulator)
    require(emulator, attestor.name)
    after = api.get_policy(name=name)

    assert before.default_admission_rule.evaluation_mode == Modes.EvaluationMode.ALWAYS_ALLOW
    assert list(after.default_admission_rule.require_attestations_by) == [attestor.name]
    with pytest.raises(exceptions.GoogleAPICallError, match="etag"):
        api.update_policy(policy=binauthz.Policy(after, etag="stale"))
    with pytest.raises(exceptions.NotFound, match="nobody"):
        require(emulator, f"{PROJECT}/attestors/nobody")
    for rule in ({"require_attestations_by": []}, {"enforcement_mode": 0}, {"require_attestations_by": ["qa"]}):
        with pytest.raises(exceptions.GoogleAPICallError):
            require(emulator, attestor.name, rule=rule)
    assert api.get_policy(name=name) == after


PATTERNS = [
    ("gcr.io/acme/app@sha256:1", True),
    ("gcr.io/acme/app", False),
    ("gcr.io/acme/*", True),
    ("gcr.io/*", False),
    ("gcr.io/**", True),
    ("gcr.io/acme/other*", False),
    ("gcr.io/acme/app@*", True),
]


@pytest.mark.parametrize(("pattern", "named"), PATTERNS)
def test_a_pattern_names_images(pattern, named):
    """A star ends at a slash, two do not."""
    assert matches(pattern, "gcr.io/acme/app@sha256:1") is named


def deployed(cloud, name="hello", **asked):
    """Deploy a service that asks for the policy; what it says, and its image by digest."""
    wanted = service()
    wanted.binary_authorization = run_v2.BinaryAuthorization(**(asked or {"use_default": True}))
    try:
        cloud.create(name, wanted)
    except exceptions.GoogleAPICallError as error:
        return error.message
    return ""


def image_of(cloud, name="hello"):
    """By digest, as its revision has it."""
    revision = cloud.revisions.get_revision(name=cloud.get(name).latest_created_revision)
    return revision.containers[0].image


def again(cloud, name="hello"):
    """Deploy a new revision of the same."""
    wanted = cloud.get(name)
    wanted.template.labels["after"] = wanted.latest_created_revision.rpartition("/")[2]
    wanted.template.revision = ""
    try:
        cloud.update(wanted)
    except exceptions.GoogleAPICallError as error:
        return error.message
    return ""


@pytest.mark.slow
def test_an_image_without_an_attestation_is_not_deployed(emulator):
    """Where the service asks for the policy and the policy for an attestation; attested, the same one is."""
    cloud, attestor = Cloud(emulator), Attestor(emulator)
    require(emulator, attestor.name)
    cloud.create("not-asking")
    image = image_of(cloud, "not-asking")

    said = deployed(cloud)
    revision = cloud.revisions.get_revision(name=cloud.get().latest_created_revision)
    [ready] = [each for each in revision.conditions if each.type_ == "Ready"]
    assert image in said
    assert f"denied by attestor {attestor.name}" in said
    assert ready.reason.name == "CONTAINER_IMAGE_UNAUTHORIZED"
    attestor.attest(image, by=signer("stranger"))
    assert "denied by attestor" in again(cloud)
    attestor.attest(image, uri=image)  # as gcloud names it
    assert again(cloud) == ""
    assert cloud.get().terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED


@pytest.mark.slow
def test_what_a_policy_leaves_alone_is_deployed(emulator):
    """An exemption, a rule that only logs, a word for why it is left aside; a policy that denies all denies."""
    cloud, attestor = Cloud(emulator), Attestor(emulator)
    exempt = {"admission_whitelist_patterns": [{"name_pattern": "us-docker.pkg.dev/cloudrun/**"}]}

    require(emulator, rule=DENY)
    assert "always_deny" in deployed(cloud, "denied")
    assert deployed(cloud, "urgent", use_default=True, breakglass_justification="the site is down") == ""
    require(emulator, rule=DENY, **exempt)
    assert deployed(cloud, "exempt") == ""
    require(emulator, attestor.name, rule=DRY)
    assert deployed(cloud, "logged") == ""
    assert "no platform policies" in deployed(cloud, "other", policy="projects/local/platforms/cloudRun/policies/p")


@pytest.mark.slow
def test_googles_account_must_be_let_read_the_attestations(emulator):
    """An attestor of another project counts for nothing until its owner lets ours use it."""
    cloud, attestor = Cloud(emulator), Attestor(emulator, project="signing")
    require(emulator, attestor.name)
    said = deployed(cloud)

    assert "may not use it" in said
