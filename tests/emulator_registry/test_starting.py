"""Images pushed as layers are started by the emulated Cloud Run, without a container engine."""

import gzip
import io
import json
import tarfile
from pathlib import Path, PurePosixPath

import httpx
import pytest
from google.api_core import exceptions

import emulator.images as images_of_the_emulator
from emulator.images import NotAnImageError, unpacking
from tests.emulator_registry.client import CONFIG, LAYER, NAME, OCI, make_repository, put_manifest, registry, upload
from tests.emulator_run.cloud import Cloud

HELLO = (Path(images_of_the_emulator.__file__).parent / "hello" / "server.py").read_bytes()
RUNS = {"Entrypoint": ["/usr/local/bin/python3"], "Cmd": ["server.py"], "WorkingDir": "/app", "Env": ["COLOUR=blue"]}


def layer(files: dict[str, bytes], *, links: dict[str, str] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def push(made: httpx.Client, runs: dict, *layers: bytes, tag: str = "v1") -> None:
    config = upload(made, json.dumps({"architecture": "amd64", "os": "linux", "config": runs}).encode())
    parts = [{"mediaType": LAYER, **upload(made, each)} for each in layers]
    manifest = {"schemaVersion": 2, "mediaType": OCI, "config": {"mediaType": CONFIG, **config}, "layers": parts}
    answer = put_manifest(made, json.dumps(manifest).encode(), tag)
    assert answer.status_code == 201, answer.text


@pytest.mark.slow
def test_a_pushed_image_serves(emulator):
    """Its command runs in its working directory; packed or not, an upper layer hides what lies below."""
    make_repository(emulator)
    with registry(emulator) as made:
        below = layer({"app/server.py": b"raise SystemExit('hidden')", "app/old": b"", "etc/passwd": b"root"})
        above = layer({"app/server.py": HELLO, "app/.wh.old": b"", "app/note.txt": b"hello"})
        push(made, RUNS, gzip.compress(below), above)

    created = Cloud(emulator).create(image=f"{NAME}:v1")

    (folder,) = (emulator.state / "images").glob("packed-*")
    assert httpx.get(created.uri, params={"env": "COLOUR"}).json()["env"] == {"COLOUR": "blue"}
    assert sorted(path.name for path in folder.rglob("*")) == ["note.txt", "server.py"]


@pytest.mark.slow
def test_an_image_that_cannot_be_started_says_why(emulator):
    """Its revision fails with the reason, and nothing else does."""
    make_repository(emulator)
    with registry(emulator) as made:
        push(made, {}, layer({}), tag="empty")
        push(made, RUNS, b"no tar file", tag="torn")
    for tag, why in (("empty", "names no command"), ("torn", "cannot be unpacked")):
        with pytest.raises(exceptions.GoogleAPICallError, match=why):
            Cloud(emulator).create(tag, image=f"{NAME}:{tag}")


def laid_out(folder: Path, *layers: bytes) -> dict[str, bytes]:
    unpacking.lay_out((io.BytesIO(each) for each in layers), PurePosixPath("/app"), folder / "image")
    return {path.relative_to(folder / "image").as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


def test_layers_write_nowhere_else(tmp_path):
    """Neither by their names nor through links: none is made."""
    names = ["../evil.py", "/app/../evil.py", "app/../../evil.py", "app/sub/../../../evil.py", "elsewhere/evil.py"]
    hostile = layer(dict.fromkeys(names, b"evil"), links={"app/link": str(tmp_path), "app": "/"})
    through = layer({"app/link/through.py": b"kept", "/app/good.py": b"good"})

    found = laid_out(tmp_path, hostile, through)

    assert found == {"link/through.py": b"kept", "good.py": b"good"}
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_whole_folders_are_hidden(tmp_path):
    """An opaque mark hides all that lower layers have in a folder."""
    below = layer({"app/a/one.py": b"1", "app/a/two.py": b"2", "app/keep.py": b"3"})
    above = layer({"app/a/.wh..wh..opq": b"", "app/a/three.py": b"4"})

    assert laid_out(tmp_path, below, above) == {"a/three.py": b"4", "keep.py": b"3"}


def test_a_layer_hides_only_what_lies_below_it(tmp_path):
    """Marks may stand anywhere in a layer; what the same layer writes stays, whichever comes first."""
    below = layer({"app/a/one.py": b"1", "app/b/c/two.py": b"2", "app/file.py": b"3", "app/left/x.py": b"4"})
    above = layer({
        "app/a/new.py": b"5", "app/a/.wh..wh..opq": b"", "app/b/kept.py": b"6", "app/.wh.b": b"", "app/file.py": b"7",
        "app/.wh.file.py": b"", "app/.wh.left": b"",
    })  # fmt: skip

    assert laid_out(tmp_path, below, above) == {"a/new.py": b"5", "b/kept.py": b"6", "file.py": b"7"}
    assert not (tmp_path / "image" / "b" / "c").exists()


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    """However small it is packed; nothing of it stays."""
    monkeypatch.setattr(unpacking, "BYTES_MOST", 1000)

    with pytest.raises(NotAnImageError, match="unpacks to more"):
        laid_out(tmp_path, gzip.compress(layer({"app/large.py": b"\0" * 10_000})))

    assert list(tmp_path.iterdir()) == []


def test_servers_of_images_listen_here_only():
    """What an image says of addresses and of its own system is not taken over."""
    said = {"Cmd": ["python", "-m", "runtime"], "Env": ["HOST=0.0.0.0", "PATH=/app/.venv/bin", "LANG=C.UTF-8", "A=b=c"]}

    found = unpacking.runs(json.dumps({"config": said}).encode())

    assert found.env == {"LANG": "C.UTF-8", "A": "b=c"}
