"""Artifact Registry repositories, through Google's client."""

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from tests.conftest import Emulator
from tests.emulator.clients import both_wires, client

PARENT = "projects/local/locations/europe-west1"
NAME = f"{PARENT}/repositories/models"


def repositories(emulator: Emulator, wire: str = "grpc") -> ar.ArtifactRegistryClient:
    return client(emulator, ar.ArtifactRegistryClient, wire)


def docker(**fields: object) -> ar.Repository:
    return ar.Repository(format_=ar.Repository.Format.DOCKER, **fields)


@both_wires
def test_a_repository_lives_its_life(emulator, wire):
    """Created, read, listed, changed by mask and deleted, with the fields that Google fills."""
    api = repositories(emulator, wire)

    started = api.create_repository(parent=PARENT, repository=docker(labels={"a": "b"}), repository_id="models")
    assert not started.operation.done
    created = started.result(timeout=60)
    found = api.get_repository(name=NAME)
    changed = api.update_repository(
        repository=ar.Repository(name=NAME, description="new"), update_mask={"paths": ["description", "labels"]}
    )

    assert created.mode == ar.Repository.Mode.STANDARD_REPOSITORY
    assert found.vulnerability_scanning_config.enablement_state.name == "SCANNING_DISABLED"
    assert (changed.description, dict(changed.labels)) == ("new", {})
    assert [each.name for each in api.list_repositories(parent=PARENT)] == [NAME]
    api.delete_repository(name=NAME).result(timeout=60)
    with pytest.raises(exceptions.NotFound, match="Requested entity was not found"):
        api.get_repository(name=NAME)


@both_wires
def test_a_method_without_behaviour_is_refused(emulator, wire):
    """The emulator never pretends."""
    with pytest.raises(exceptions.MethodNotImplemented, match="not emulated"):
        repositories(emulator, wire).get_vpcsc_config(name="projects/local/locations/us/vpcscConfig")


def test_a_repository_says_how_much_is_in_it(emulator, tmp_path):
    """By itself and in lists; a virtual one, in which nothing lies, is not scanned."""
    api = client(emulator, ar.ArtifactRegistryClient)
    virtual = ar.Repository(format_="DOCKER", mode="VIRTUAL_REPOSITORY")
    for name, wanted in (("all", virtual), ("images", ar.Repository(format_="DOCKER"))):
        request = {"parent": PARENT, "repository_id": name, "repository": wanted}
        api.create_repository(request=request).result(timeout=60)
    (tmp_path / "main.py").write_text("print('hello')")
    host = f"{PARENT.rpartition('/')[2]}-docker.pkg.dev"
    pushed = {"image": f"{host}/local/images/app:v1", "folder": str(tmp_path), "command": ["python", "main.py"]}
    emulator.control("POST", "images", pushed)

    [image] = api.list_docker_images(parent=f"{PARENT}/repositories/images")
    sizes = {each.name.rpartition("/")[2]: each.size_bytes for each in api.list_repositories(parent=PARENT)}
    assert sizes == {"all": 0, "images": image.image_size_bytes}
    assert api.get_repository(name=f"{PARENT}/repositories/images").size_bytes == image.image_size_bytes > 0
    state = api.get_repository(name=f"{PARENT}/repositories/all").vulnerability_scanning_config.enablement_state
    assert state.name == "SCANNING_UNSUPPORTED"


def test_a_repository_says_where_its_clients_find_it(shared_emulator):
    """Its registry, by its format, in reads and in lists; nobody else may write it."""
    api = client(shared_emulator, ar.ArtifactRegistryClient)
    for name in ("docker", "python"):
        wanted = ar.Repository(format_=name.upper(), registry_uri="nobody.example.com")
        request = {"parent": PARENT, "repository_id": f"at-{name}", "repository": wanted}
        api.create_repository(request=request).result(timeout=60)
    here = PARENT.rpartition("/")[2]

    found = {each.name.rpartition("/")[2]: each.registry_uri for each in api.list_repositories(parent=PARENT)}
    one = api.get_repository(name=f"{PARENT}/repositories/at-docker")

    assert found["at-docker"] == one.registry_uri == f"{here}-docker.pkg.dev/local/at-docker"
    assert found["at-python"] == f"{here}-python.pkg.dev/local/at-python"
