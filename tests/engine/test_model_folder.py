"""What of a model folder goes into the bucket, and what of the bucket is ours."""

import json
import os

import pytest

from schemas import SpecError
from tests.operating import BUCKET, spec

WANTED = spec(model={"uri": "./model", "framework": "custom"}, runtime={"startup": {"deadline": "10s"}})


@pytest.fixture
def model(operator):
    folder = operator.folder / "model"
    folder.mkdir()
    (folder / "weights.txt").write_text("1")
    return folder


def objects(operator):
    return [b.name for b in operator.connection.storage.list_blobs(BUCKET, prefix="models/")]


def refusal(operator):
    with pytest.raises(SpecError) as refused:
        operator.plan(WANTED)
    [problem] = refused.value.problems
    assert problem.where.path == "model.uri"
    assert problem.hint
    return problem.summary


def key(kind):
    return json.dumps({"type": kind, "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE", "refresh_token": "1//0x"})


RANDOM = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"
FORBIDDEN = [
    ("gha-creds-4f2a.json", "{}", "credentials of a GitHub Action"),
    ("application_default_credentials.json", "{}", "your own Google credentials"),
    ("server.pem", "x", "a private key or certificate"),
    ("tls.KEY", "x", "a private key"),
    ("id_rsa", "x", "an SSH key"),
    ("terraform.tfstate", "{}", "Terraform's state"),
    ("terraform.tfstate.backup", "{}", "Terraform's state"),
    ("state.json", '{"version": 4, "terraform_version": "1.9.0"}', "Terraform's state"),
    ("prod.auto.tfvars", "x", "Terraform's variables"),
    ("client_secret_123.json", "{}", "an OAuth client's secret"),
    ("kubeconfig", "x", "credentials of a Kubernetes cluster"),
    ("sub/config.json", key("service_account"), "a service account's key"),
    ("me.json", '{"client_id": "x", "refresh_token": "1//0abc"}', "a person's credentials"),
    ("wif.json", '{"type": "external_account", "credential_source": {"file": "/x"}}', "federated credentials"),
    ("notes.txt", "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
    ("credentials", f"[default]\naws_secret_access_key = MIIE{RANDOM}", "credentials of a cloud"),
    ("aws.ini", f"[default]\naws_secret_access_key = MIIE{RANDOM}", "keys of AWS"),
    ("token", f"hf_MIIE{RANDOM}\n", "a file with a key or token in it"),
    ("setup.cfg", f"key: AKIA{'MIIE' * 4}", "a file with a key or token in it"),
    ("prod.env", "DB_PASSWORD=MIIE", "environment variables"),
    ("my.npmrc", "x", "a token of a package registry"),
    ("npm.txt", "//registry.npmjs.org/:_authToken=MIIE-4", "a token of a package registry"),
    ("pypi.txt", "[pypi]\nusername = __token__\npassword = MIIE", "passwords of package registries"),
]


@pytest.mark.parametrize(("name", "text", "what"), FORBIDDEN, ids=[name for name, _, _ in FORBIDDEN])
def test_credentials_are_not_uploaded(operator, model, name, text, what):
    """A file that holds credentials is refused by name, with what it looks like; its content shows nowhere."""
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text(text)

    said = refusal(operator)

    assert f"{name} looks like {what}" in said
    assert "MIIE" not in said


def test_what_may_be_a_secret_is_told(operator, model):
    """A note names the files, and no value; words of models, which have such beginnings, are nothing."""
    (model / "settings.txt").write_text("export DB_PASSWORD=hunter22\n")
    (model / "README.md").write_text(
        "A task-oriented-dialogue-model-with-2-heads. Basic tokenizers; hf_AutoModelForTokenClassification.\n"
    )
    (model / "special_tokens_map.json").write_text('{"eos_token": "</s>", "mask_token": "[MASK]"}')
    (model / "bytes.txt").write_bytes(b"\xff\xfe hf_")

    notes = [note.text for note in operator.plan(WANTED).plan.notes]

    assert [note for note in notes if "settings.txt" in note and "looks like a key or token" in note]
    assert not [note for note in notes if "README" in note or "_map" in note or "bytes" in note or "hunter22" in note]


def test_links_out_of_the_folder_are_not_followed(operator, model):
    """No link to a file elsewhere, and none to nothing, is uploaded; one inside the folder is a file like others."""
    secret = operator.folder / "secret.txt"
    secret.write_text("not for the bucket")
    (model / "out.txt").symlink_to(secret)
    (model / "nothing.txt").symlink_to(model / "gone")
    (model / "inside.txt").symlink_to(model / "weights.txt")

    said = refusal(operator)

    assert "out.txt is a link out of the folder" in said
    assert "nothing.txt is a link to nothing" in said
    assert "inside.txt" not in said
    (model / "out.txt").unlink()
    (model / "nothing.txt").unlink()
    [change] = [c for c in operator.plan(WANTED).plan.changes if c.address.kind == "model_artifact"]
    assert sorted(change.desired["files"]) == ["inside.txt", "weights.txt"]


def test_hidden_files_are_left_out_and_named(operator, model):
    """Version control and notebooks leave folders beside a model: they stay here, and the plan says so."""
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("[remote]")

    plan = operator.plan(WANTED).plan

    assert "hidden files are no part of the model: .git" in [note.text for note in plan.notes]


def test_what_somebody_else_put_into_our_folder_is_told_and_stays(operator, model):
    """Servers would load it, so the plan is not quiet about it; an apply and a destroy leave it where it is."""
    operator.apply(WANTED)
    [ours] = objects(operator)
    theirs = ours.replace("weights.txt", "model.yaml")
    operator.connection.storage.bucket(BUCKET).blob(theirs).upload_from_string("framework: custom")

    [told] = [c for c in operator.plan(WANTED).plan.changes if c.address.kind == "model_artifact"]
    assert "model.yaml" in told.problem
    assert operator.apply(WANTED).exit_code == 1
    operator.destroy("churn")

    assert objects(operator) == [theirs]


def test_a_file_of_ours_that_somebody_wrote_over_is_put_back(operator, model):
    """Its digest is gone with the write; the next apply uploads it again."""
    operator.apply(WANTED)
    [ours] = objects(operator)
    operator.connection.storage.bucket(BUCKET).blob(ours).upload_from_string("2")

    operator.apply(WANTED)

    assert operator.connection.storage.bucket(BUCKET).blob(ours).download_as_bytes() == b"1"


def test_a_file_of_several_pieces_arrives_whole(operator, model):
    """What is sent in pieces is what was there."""
    content = bytes(range(256)) * 80_000
    (model / "large.bin").write_bytes(content)

    assert not operator.apply(WANTED).results[0].error

    [blob] = [b for b in operator.connection.storage.list_blobs(BUCKET, prefix="models/") if "large" in b.name]
    assert blob.download_as_bytes() == content


@pytest.mark.parametrize(
    ("name", "shown", "why"),
    [
        (b"caf\xe9.bin", "caf\\xe9.bin", "not UTF-8"),
        (b"two\nlines.bin", "two\\nlines.bin", "line break"),
        (b"/".join([b"d" * 200] * 5), "d" * 200, "longer than 900 bytes"),
    ],
)
def test_a_file_whose_name_no_object_can_have_is_named(operator, model, name, shown, why):
    """It is refused with its name, as far as that can be written, and what to do."""
    file = model / os.fsdecode(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()

    said = refusal(operator)

    assert shown in said
    assert why in said
    assert "rename it" in said


def test_a_hidden_file_with_such_a_name_is_left_out_like_others(operator, model):
    """It is no part of the model, and the note that says so can be printed."""
    (model / os.fsdecode(b".caf\xe9")).touch()

    [note] = [n.text for n in operator.plan(WANTED).plan.notes if "hidden" in n.text]

    assert note.encode().endswith(b".caf\\xe9")
