"""The OCI distribution protocol of the emulated Artifact Registry, request by request."""

import base64
import json

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from tests.emulator_iam.callers import Account, grant
from tests.emulator_registry.client import (
    HOST,
    INDEX,
    NAME,
    OCI,
    PACKAGE,
    PARENT,
    code,
    digest_of,
    make_repository,
    manifest_of,
    push,
    put_manifest,
    registry,
    upload,
)

NOBODY = "sha256:" + "0" * 64


def test_what_is_pushed_is_pulled_and_shown(emulator):
    """By tag and by digest, byte by byte; Artifact Registry's own API shows image, package, version and tags."""
    api = make_repository(emulator)
    with registry(emulator) as made:
        digest = push(made, "one")
        push(made, "one", "stable")
        by_tag = made.get(f"/v2/{NAME}/manifests/v1")
        by_digest = made.get(f"/v2/{NAME}/manifests/{digest}")
        head = made.head(f"/v2/{NAME}/manifests/v1")
        layer = by_tag.json()["layers"][0]
        blob = made.get(f"/v2/{NAME}/blobs/{layer['digest']}")
        part = made.get(f"/v2/{NAME}/blobs/{layer['digest']}", headers={"range": "bytes=6-7"})
        size = made.head(f"/v2/{NAME}/blobs/{layer['digest']}").headers["content-length"]
    (shown,) = api.list_docker_images(parent=f"{PARENT}/repositories/models")
    (package,) = api.list_packages(parent=f"{PARENT}/repositories/models")
    tags = {tag.name.rpartition("/")[2]: tag.version for tag in api.list_tags(parent=PACKAGE)}

    assert digest_of(by_tag.content) == digest_of(by_digest.content) == digest
    assert (by_tag.headers["content-type"], head.headers["docker-content-digest"]) == (OCI, digest)
    assert int(head.headers["content-length"]) == len(by_tag.content)
    assert head.content == b""
    assert (blob.content, part.status_code, part.content, size) == (b"layer one", 206, b"on", "9")
    assert shown.name == f"{PARENT}/repositories/models/dockerImages/team%2Fscorer@{digest}"
    assert (shown.uri, list(shown.tags), shown.media_type) == (f"{NAME}@{digest}", ["stable", "v1"], OCI)
    assert shown.image_size_bytes == layer["size"] + by_tag.json()["config"]["size"]
    assert package.name == PACKAGE
    assert tags == dict.fromkeys(("stable", "v1"), f"{PACKAGE}/versions/{digest}")


def test_what_goes_there_goes_here(emulator):
    """Tags and versions deleted, and tags made, through one of the two are so for the other."""
    api = make_repository(emulator)
    with registry(emulator) as made:
        digest = push(made, "one")
        tagged = ar.Tag(version=f"{PACKAGE}/versions/{digest}")
        api.create_tag(parent=PACKAGE, tag=tagged, tag_id="stable")
        names = made.get(f"/v2/{NAME}/tags/list").json()["tags"]
        kept = made.delete(f"/v2/{NAME}/manifests/{digest}")
        untagged = [made.delete(f"/v2/{NAME}/manifests/{tag}").status_code for tag in names]
        gone = made.delete(f"/v2/{NAME}/manifests/{digest}")
        after = made.get(f"/v2/{NAME}/manifests/{digest}")

    assert names == ["stable", "v1"]
    assert code(kept) == (400, "GOOGLE_MANIFEST_DANGLING_TAG")
    assert untagged == [202, 202]
    assert gone.status_code == 202
    assert code(after) == (404, "MANIFEST_UNKNOWN")
    assert list(api.list_versions(parent=PACKAGE)) == []
    with pytest.raises(exceptions.NotFound):
        api.get_package(name=PACKAGE)


def test_a_repository_that_is_deleted_has_nothing_left(emulator):
    """Made again, it does not have the files of the old one."""
    api = make_repository(emulator)
    with registry(emulator) as made:
        config = upload(made, b"{}")
        api.delete_repository(name=f"{PARENT}/repositories/models").result(timeout=60)
        missing = made.head(f"/v2/{NAME}/blobs/{config['digest']}")
        make_repository(emulator)
        empty = made.get(f"/v2/{NAME}/blobs/{config['digest']}")

    assert missing.status_code == 404
    assert code(empty) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("way", ["post", "post-put", "patch-put"])
def test_a_file_comes_whole(emulator, way):
    """In the POST, in the PUT, or in one PATCH before it: what containers' tools do."""
    make_repository(emulator)
    content = b"x" * 3_000_000
    with registry(emulator) as made:
        where, asked = f"/v2/{NAME}/blobs/uploads/", {"digest": digest_of(content)}
        if way == "post":
            answer = made.post(where, params=asked, content=content)
        else:
            place = made.post(where).headers["location"]
            if way == "patch-put":
                place = made.patch(place, content=content).headers["location"]
            answer = made.put(place, params=asked, content=b"" if way == "patch-put" else content)
            over = made.get(place)
            assert code(over) == (404, "BLOB_UPLOAD_UNKNOWN")
        found = made.get(answer.headers["location"])

    assert answer.status_code == 201
    assert found.content == content


def test_chunks_are_refused_unless_the_setting_takes_them(emulator):
    """Artifact Registry takes none, so a client that needs them must not pass here by default."""
    make_repository(emulator)
    with registry(emulator) as made:
        place = made.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        made.patch(place, content=b"one", headers={"content-range": "0-2"})
        refused = made.patch(place, content=b"two", headers={"content-range": "3-5"})
        emulator.control("PUT", "settings", {"registry_chunks": 1})
        again = made.patch(place, content=b"two", headers={"content-range": "2-4"})
        here = made.get(place)
        taken = made.patch(place, content=b"two", headers={"content-range": "3-5"})
        done = made.put(place, params={"digest": digest_of(b"onetwo3")}, content=b"3")

    assert code(refused) == (405, "UNSUPPORTED")
    assert (again.status_code, again.headers["range"]) == (416, "0-2")
    assert (here.status_code, here.headers["range"]) == (204, "0-2")
    assert (taken.status_code, taken.headers["range"]) == (202, "0-5")
    assert done.status_code == 201


def test_a_part_of_a_large_file_comes_by_itself(emulator):
    """From the first byte that was asked for to the last, over the pieces in which it is read."""
    make_repository(emulator)
    content = bytes(range(256)) * 12_000
    with registry(emulator) as made:
        upload(made, content)
        where = f"/v2/{NAME}/blobs/{digest_of(content)}"
        part = made.get(where, headers={"range": "bytes=255-2097153"})
        rest = made.get(where, headers={"range": "bytes=3071998-"})

    assert part.content == content[255:2_097_154]
    assert part.headers["content-length"] == str(len(part.content))
    assert (rest.status_code, rest.content) == (206, content[-2:])


def test_an_upload_that_nobody_ends_is_dropped(emulator):
    """After a day, when another begins; what it had is gone."""
    make_repository(emulator)
    with registry(emulator) as made:
        old = made.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        emulator.advance(24 * 3600 + 60)
    with registry(emulator) as made:
        young = made.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        found = [made.get(place).status_code for place in (old, young)]

    assert found == [404, 204]
    assert [path.name for path in (emulator.state / "registry").iterdir()] == [young.rpartition("/")[2]]


def test_a_wrong_digest_is_refused(emulator):
    """Of a file and of a manifest: nothing is kept under a name that it does not have."""
    make_repository(emulator)
    with registry(emulator) as made:
        place = made.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        blob = made.put(place, params={"digest": NOBODY}, content=b"x")
        odd = made.put(place, params={"digest": "sha256:abc"}, content=b"x")
        missing = made.head(f"/v2/{NAME}/blobs/{NOBODY}").status_code
        content = manifest_of(upload(made, b"{}"))
        manifest = put_manifest(made, content, NOBODY)

    assert code(blob) == code(odd) == code(manifest) == (400, "DIGEST_INVALID")
    assert missing == 404


def test_manifests_are_checked(emulator):
    """What is none, what names files that are not there, or with another size, is refused."""
    make_repository(emulator)
    with registry(emulator) as made:
        config = upload(made, b"{}")
        good = json.loads(manifest_of(config))
        wrong = {
            "not json": b"{",
            "deep": b"[" * 100_000,
            "a list": b"[]",
            "version 1": json.dumps(good | {"schemaVersion": 1}).encode(),
            "no layers": json.dumps({**good, "layers": None}).encode(),
            "no digest": json.dumps({**good, "config": {"mediaType": "x", "size": 1}}).encode(),
            "no size": json.dumps({**good, "config": {**good["config"], "size": -1}}).encode(),
            "another type": json.dumps({**good, "mediaType": "text/html"}).encode(),
        }
        answers = {name: code(put_manifest(made, content, "v1")) for name, content in wrong.items()}
        sent_as = code(put_manifest(made, manifest_of(config), "v1", sort=INDEX))
        lost = code(put_manifest(made, manifest_of({"digest": NOBODY, "size": 2}), "v1"))
        size = code(put_manifest(made, manifest_of(config | {"size": 3}), "v1"))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": OCI, "digest": NOBODY, "size": 1}]}
        child = code(put_manifest(made, json.dumps(index).encode(), "v1", sort=INDEX))
        huge = code(put_manifest(made, b" " * (4 * 1024 * 1024 + 1), "v1"))
        tag = code(put_manifest(made, manifest_of(config), "-v1"))

    assert answers == dict.fromkeys(wrong, (400, "MANIFEST_INVALID"))
    assert sent_as == (400, "MANIFEST_INVALID")
    assert (lost, child) == ((404, "BLOB_UNKNOWN"), (404, "MANIFEST_BLOB_UNKNOWN"))
    assert (size, huge, tag) == ((400, "SIZE_INVALID"), (413, "SIZE_INVALID"), (400, "TAG_INVALID"))


def test_an_index_holds_its_images(emulator):
    """None of them can be deleted before it."""
    make_repository(emulator)
    with registry(emulator) as made:
        digest = push(made, "one", "digest")
        size = int(made.head(f"/v2/{NAME}/manifests/{digest}").headers["content-length"])
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{"mediaType": OCI, "digest": digest, "size": size}],
        }
        content = json.dumps(index).encode()
        put_manifest(made, content, "all", sort=INDEX)
        held = made.delete(f"/v2/{NAME}/manifests/{digest}")
        made.delete(f"/v2/{NAME}/manifests/all")
        first = made.delete(f"/v2/{NAME}/manifests/{digest_of(content)}")
        then = made.delete(f"/v2/{NAME}/manifests/{digest}")

    assert code(held) == (400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE")
    assert (first.status_code, then.status_code) == (202, 202)


def test_immutable_tags_stay(emulator):
    """The same image again is fine; another one, and taking the tag away, are not."""
    make_repository(emulator, immutable_tags=True)
    with registry(emulator) as made:
        digest = push(made, "one")
        push(made, "one")
        config = upload(made, b"{}")
        moved = put_manifest(made, manifest_of(config), "v1")
        gone = made.delete(f"/v2/{NAME}/manifests/v1")
        here = made.head(f"/v2/{NAME}/manifests/v1").headers["docker-content-digest"]

    assert code(moved) == (400, "MANIFEST_INVALID")
    assert "immutability" in moved.text
    assert gone.status_code == 400
    assert here == digest


def test_tags_come_in_pages(emulator):
    """Each page names the next; what Google's registries say of each manifest is there, too."""
    make_repository(emulator)
    with registry(emulator) as made:
        for tag in ("a", "b", "c"):
            digest = push(made, "one", tag)
        first = made.get(f"/v2/{NAME}/tags/list", params={"n": 2})
        second = made.get(first.headers["link"].partition(">")[0].strip("<"))
        odd = made.get(f"/v2/{NAME}/tags/list", params={"n": "x"})
        nothing = made.get(f"/v2/{HOST}/local/models/other/tags/list")

    assert (first.json()["tags"], second.json()["tags"]) == (["a", "b"], ["c"])
    assert "link" not in second.headers
    assert first.json()["manifest"][digest]["tag"] == ["a", "b", "c"]
    assert code(odd) == (400, "PAGINATION_NUMBER_INVALID")
    assert code(nothing) == (404, "NAME_UNKNOWN")


def test_what_refers_to_an_image_is_found(emulator):
    """Signatures and the like, by their type; an image without any has an empty index."""
    make_repository(emulator)
    with registry(emulator) as made:
        digest = push(made, "one")
        subject = {"mediaType": OCI, "digest": digest, "size": 1}
        signed = push(made, "signature", "digest", subject=subject, artifactType="a/signature")
        push(made, "bill", "digest", subject=subject, artifactType="a/bill")
        every = made.get(f"/v2/{NAME}/referrers/{digest}")
        one = made.get(f"/v2/{NAME}/referrers/{digest}", params={"artifactType": "a/signature"})
        none = made.get(f"/v2/{NAME}/referrers/{signed}")

    assert every.headers["content-type"] == INDEX
    assert {each["artifactType"] for each in every.json()["manifests"]} == {"a/signature", "a/bill"}
    assert [each["digest"] for each in one.json()["manifests"]] == [signed]
    assert one.headers["oci-filters-applied"] == "artifactType"
    assert none.json()["manifests"] == []


def test_a_mount_takes_a_file_over(emulator):
    """From another repository, without its bytes; where it is not there the upload goes the usual way."""
    make_repository(emulator)
    make_repository(emulator, "other")
    source = f"{HOST}/local/other/base"
    with registry(emulator) as made:
        blob = upload(made, b"base", source)
        where = f"/v2/{NAME}/blobs/uploads/"
        mounted = made.post(where, params={"mount": blob["digest"], "from": source})
        here = made.get(f"/v2/{NAME}/blobs/{blob['digest']}")
        missing = made.post(where, params={"mount": NOBODY, "from": source})
        odd = made.post(where, params={"mount": blob["digest"], "from": "docker.io/library/python"})

    assert (mounted.status_code, here.content) == (201, b"base")
    assert (missing.status_code, odd.status_code) == (202, 202)


def test_names_that_are_none(emulator):
    """Each refused with the code of the protocol, not by an error of the server's."""
    make_repository(emulator)
    with registry(emulator) as made:
        answers = {
            "no repository": code(made.get(f"/v2/{HOST}/local/none/scorer/manifests/v1")),
            "capitals": code(made.get(f"/v2/{HOST}/local/models/Scorer/manifests/v1")),
            "no image": code(made.get(f"/v2/{HOST}/local/models/manifests/v1")),
            "no word": code(made.get(f"/v2/{NAME}/other/v1")),
            "no such verb": code(made.post(f"/v2/{NAME}/manifests/v1")),
            "a blob to delete": code(made.delete(f"/v2/{NAME}/blobs/{NOBODY}")),
            "an upload of nobody": code(made.patch(f"/v2/{NAME}/blobs/uploads/{'0' * 32}", content=b"x")),
            "a path as upload": code(made.patch(f"/v2/{NAME}/blobs/uploads/..%2f..%2fkey.pem", content=b"x")),
        }

    assert answers == {
        "no repository": (404, "NAME_UNKNOWN"),
        "capitals": (400, "NAME_INVALID"),
        "no image": (400, "NAME_INVALID"),
        "no word": (405, "UNSUPPORTED"),
        "no such verb": (405, "UNSUPPORTED"),
        "a blob to delete": (405, "UNSUPPORTED"),
        "an upload of nobody": (404, "BLOB_UPLOAD_UNKNOWN"),
        "a path as upload": (405, "UNSUPPORTED"),
    }


def test_who_is_not_known_is_told_where_to_get_a_token(emulator):
    """Without one, and with one that nobody gave; wrong credentials get none."""
    make_repository(emulator)
    with httpx.Client(base_url=emulator.http, trust_env=False) as made:
        ping = made.get("/v2/")
        bare = made.get(f"/v2/{NAME}/manifests/v1")
        forged = made.get("/v2/", headers={"authorization": "Bearer forged"})
        wrong = [
            made.get("/v2/token", auth=pair)
            for pair in (
                ("me", "secret"),
                ("oauth2accesstoken", "forged"),
                ("_json_key", "{}"),
                ("_json_key_base64", "!"),
            )
        ]
        garbled = made.get("/v2/token", headers={"authorization": "Basic !"})

    realm = f'Bearer realm="{emulator.http}/v2/token",service="{emulator.http.removeprefix("http://")}"'
    assert ping.headers["www-authenticate"] == realm
    assert bare.headers["www-authenticate"] == f'{realm},scope="repository:{NAME}:pull"'
    assert {code(each) for each in (ping, bare, forged, garbled, *wrong)} == {(401, "UNAUTHORIZED")}


@pytest.mark.parametrize("user", ["oauth2accesstoken", "_json_key", "_json_key_base64"])
def test_accounts_are_held_to_their_roles(emulator, user):
    """A reader pulls and may not push, a writer pushes and may not delete."""
    make_repository(emulator)
    with registry(emulator) as owner:
        digest = push(owner, "one")
    account = Account(emulator)
    secret = {
        "oauth2accesstoken": account.token,
        "_json_key": account.key,
        "_json_key_base64": base64.b64encode(account.key.encode()).decode(),
    }[user]
    with registry(emulator, auth=(user, secret)) as mine:
        nothing = mine.get(f"/v2/{NAME}/manifests/v1")
        grant(emulator, ("roles/artifactregistry.reader", account.member))
        read = mine.get(f"/v2/{NAME}/manifests/v1")
        not_written = mine.post(f"/v2/{NAME}/blobs/uploads/")
        grant(emulator, ("roles/artifactregistry.writer", account.member))
        push(mine, "two")
        not_deleted = mine.delete(f"/v2/{NAME}/manifests/{digest}")

    assert code(nothing) == code(not_written) == code(not_deleted) == (403, "DENIED")
    assert "artifactregistry.repositories.downloadArtifacts" in nothing.text
    assert "artifactregistry.repositories.deleteArtifacts" in not_deleted.text
    assert read.status_code == 200


def test_faults_and_counts_know_the_methods(emulator):
    """As of every API: a push that meets an outage can be tested."""
    make_repository(emulator)
    with registry(emulator) as made:
        push(made, "one")
        emulator.faults({"method": "docker.manifests.*", "status": "UNAVAILABLE"})
        broken = made.get(f"/v2/{NAME}/manifests/v1")
        whole = made.get(f"/v2/{NAME}/manifests/v1")
    emulator.faults()

    assert (broken.status_code, whole.status_code) == (503, 200)
    assert emulator.calls()["docker.manifests.put"] >= 1


def test_cloud_run_is_still_at_its_paths(emulator):
    """Both have `v2` in their paths: the registry's host tells them apart."""
    with httpx.Client(base_url=emulator.http, trust_env=False) as made:
        run = made.get("/v2/projects/local/locations/europe-west1/services")
        other = made.get("/v2/docker.io/library/python/manifests/3.12")

    assert (run.status_code, run.json()) == (200, {})
    assert other.status_code == 501
