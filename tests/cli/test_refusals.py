"""What Google refuses, in words a person can act on."""

import pytest

from reconciler.cli.app import run
from reconciler.engine.clock import SystemClock
from tests.operating import spec

CREATE = "google.cloud.run.v2.Services/CreateService"
DISABLED = (
    "Cloud Run Admin API has not been used in project 42 before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/run.googleapis.com/overview?project=42 then retry."
)
RESOURCE = "projects/local/locations/europe-west1/services/churn"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            {
                "status": "PERMISSION_DENIED",
                "message": f"Permission 'run.services.create' denied on resource '{RESOURCE}'",
            },
            ["cannot create run_service/europe-west1/churn", "run.services.create", "roles/run."],
            id="role",
        ),
        pytest.param(
            {"status": "PERMISSION_DENIED", "message": DISABLED, "reason": "SERVICE_DISABLED"},
            ["cannot create run_service/europe-west1/churn", "gcloud services enable run.googleapis.com"],
            id="api-disabled",
        ),
    ],
)
def test_refusals_name_verb_resource_and_remedy(shell, operator, fault, said):
    """Nobody has to look up what to do."""
    shell.write(spec())
    operator.emulator.faults({"method": CREATE, "times": 1, **fault})

    done = shell("apply", "--local", "--yes")

    operator.emulator.faults()
    assert done.code == 4, done.err
    assert all(words in done.err for words in said), done.err
    assert "Traceback" not in done.err


def test_a_quota_is_named_when_every_try_met_it(shell, operator, monkeypatch, capsys):
    """The same, of what is tried again for half a minute, which passes at once here."""
    monkeypatch.setenv("MLSERVICE_EMULATOR_STATE", str(operator.emulator.state))
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)
    spec_file = shell.write(spec())
    message = "Quota exceeded for total allowable CPU"
    operator.emulator.faults({"method": CREATE, "times": None, "status": "RESOURCE_EXHAUSTED", "message": message})

    code = run(["apply", str(spec_file), "--local", "--yes"])

    operator.emulator.faults()
    told = capsys.readouterr().err
    assert code == 4, told
    assert all(words in told for words in ("cannot create run_service/europe-west1/churn", message, "hint:")), told
    assert "Traceback" not in told


def test_without_credentials_the_way_to_sign_in_is_named(offline):
    """A plan against the real cloud needs an account; nothing is contacted before there is one."""
    offline.write(spec())

    done = offline("plan", "--project", "acme-prod")

    assert done.code == 1
    assert "gcloud auth application-default login" in done.err
    assert "--local" in done.err
    assert "Traceback" not in done.err


def test_real_credentials_are_never_sent_to_an_emulator(offline):
    """In a shell that points Cloud Storage elsewhere, a run that is not --local stops."""
    offline.write(spec())

    done = offline("plan", "--project", "acme-prod", env={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"})

    assert done.code == 64
    assert "STORAGE_EMULATOR_HOST" in done.err


def test_a_strangers_service_is_refused_by_policy(shell, operator):
    """A service of that name that we did not make: exit 3, and import and adopt are named."""
    client = operator.api("google.cloud.run_v2", "services", "Services")
    parent = RESOURCE.rpartition("/services/")[0]
    service = {"template": {"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]}}
    client.create_service(request={"parent": parent, "service_id": "churn", "service": service}).result()
    shell.write(spec())

    done = shell("apply", "--local", "--yes")

    assert done.code == 3
    assert "mlservice import" in done.err
    assert "adopt" in done.err
