"""What goes into our images: the pins of the lock file, wheels without what no server needs, layers."""

import _ctypes
import ctypes
import gzip
import io
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import types
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from reconciler.cli import git
from reconciler.cli.commands.image import With, usual_base
from reconciler.core import own_images
from reconciler.core.errors import UsageError
from reconciler.images import wheels
from reconciler.images.base import Base, Reference
from reconciler.images.building import copy_package, lock_text
from reconciler.images.layers import layer
from reconciler.images.lock import LockError, Platform, pins, requirements

ROOT = Path(__file__).resolve().parents[2]
LOCK = """
[[package]]
name = "mlservice"
dependencies = [{ name = "pydantic" }, { name = "rich" }, { name = "pyyaml" }, { name = "google-cloud-storage" }]
[package.optional-dependencies]
runtime = [{ name = "numpy" }]
grpc = []
events = []
git = []
onnx = [{ name = "x", extra = ["y"] }]
[[package]]
name = "numpy"
version = "1"
resolution-markers = ["python_full_version < '3.12'"]
wheels = [{ hash = "sha256:1" }, { hash = "sha256:11" }]
[[package]]
name = "numpy"
version = "2"
resolution-markers = ["python_full_version >= '3.12'"]
wheels = [{ hash = "sha256:2" }]
[[package]]
name = "pydantic"
version = "3"
wheels = [{ hash = "sha256:3" }]
dependencies = [{ name = "pyyaml" }, { name = "winonly", marker = "sys_platform == 'win32'" }]
[[package]]
name = "rich"
version = "4"
[[package]]
name = "pyyaml"
version = "5"
wheels = [{ hash = "sha256:5" }]
[[package]]
name = "google-cloud-storage"
version = "6"
wheels = [{ hash = "sha256:6" }]
dependencies = [{ name = "pydantic" }]
[[package]]
name = "x"
version = "7"
wheels = [{ hash = "sha256:7" }]
optional-dependencies = { y = [{ name = "z" }] }
[[package]]
name = "z"
version = "8"
wheels = [{ hash = "sha256:8" }]
"""


@pytest.mark.parametrize(("python", "numpy"), [("3.11", "numpy==1"), ("3.13", "numpy==2")])
def test_pins_are_what_a_target_needs_on_its_python(python, numpy):
    """Markers, forks of versions, extras of dependencies; circles end; the command line's own clients stay out."""
    found = pins(LOCK, "runtime", ["onnx"], Platform(python))

    names = [f"{each.name}=={each.version}" for each in found]
    assert names == ["google-cloud-storage==6", numpy, "pydantic==3", "pyyaml==5", "x==7", "z==8"]
    assert f"{numpy} --hash=sha256:{numpy[-1]}" in requirements(found)


def test_what_would_have_to_be_compiled_is_refused():
    """And so is an extra that there is not."""
    with pytest.raises(LockError, match="rich 4 has no wheel"):
        pins(LOCK, "reconciler", [], Platform("3.12"))
    with pytest.raises(LockError, match="no extra 'prolog'"):
        pins(LOCK, "runtime", ["prolog"], Platform("3.12"))


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_the_lock_file_gives_every_image(python):
    """On every Python that we support; the model server and the page have none of the command line's clients."""
    runtime = {pin.name for pin in pins(lock_text(), "runtime", ["onnx", "sklearn"], Platform(python))}
    reconciler = {pin.name for pin in pins(lock_text(), "reconciler", [], Platform(python))}
    page = {pin.name for pin in pins(lock_text(), "page", [], Platform(python))}

    assert {"onnxruntime", "fastapi", "grpcio", "google-cloud-storage", "google-cloud-pubsub", "pydantic"} <= runtime
    assert {"google-cloud-run", "typer", "rich", "dulwich"} <= reconciler
    assert not runtime & {"google-cloud-run", "google-cloud-functions", "typer", "rich", "deepdiff", "dulwich"}
    assert not reconciler & {"onnxruntime", "numpy", "fastapi", "uvicorn", "starlette"}
    assert {"fastapi", "uvicorn", "jinja2", "pyjwt", "cryptography", "google-cloud-storage", "pydantic"} <= page
    assert not page & {"google-cloud-run", "typer", "grpcio", "numpy", "deepdiff", "playwright"}


ALONE = """
import sys
strange = set(sys.argv[1:])
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in strange or name.partition(".")[0] in strange:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
import jinja2, jwt, page.__main__, page.access, page.server, page.sources.bucket, uvicorn
from google.cloud import storage
"""


def test_the_page_starts_with_what_is_in_its_image():
    """Without every other package that is installed here it imports, with Cloud Storage's client and the server."""
    pinned = {pin.name for pin in pins(lock_text(), "page", [], Platform("3.12"))}
    owners = metadata.packages_distributions()
    others = [
        name
        for name, packages in owners.items()
        if name not in {"google", "page", "schemas"} and pinned.isdisjoint(map(canonicalize_name, packages))
    ]

    assert {"grpc", "typer", "rich"} <= {*others}
    subprocess.run([sys.executable, "-c", ALONE, *others, "reconciler", "runtime", "emulator"], check=True, cwd=ROOT)


def test_equal_folders_are_equal_layers(tmp_path):
    """Whenever and by whomever they were written; what differs, differs."""
    made = []
    for name, content, mode in (("a", "x", 0o644), ("b", "x", 0o600), ("c", "y", 0o644), ("d", "x", 0o755)):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        for file in ("two", "one") if name == "b" else ("one", "two"):
            (folder / "sub" / file).write_text(content)
            (folder / "sub" / file).chmod(mode)
            os.utime(folder / "sub" / file, (len(made) * 1000, len(made) * 1000))
        made.append(layer({"app": folder}, tmp_path / f"{name}.tgz"))

    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made[0].path.read_bytes()))) as archive:
        assert archive.getnames() == ["app", "app/sub", "app/sub/one", "app/sub/two"]
        assert {(each.uid, each.gid, each.mtime) for each in archive.getmembers()} == {(0, 0, 0)}
    assert made[0].digest == made[1].digest
    assert len({each.digest for each in made}) == len({each.unpacked for each in made}) == 3


def test_a_slim_library_still_loads(tmp_path):
    """What is cut off is for debuggers and linkers: its functions are found and run."""
    whole = Path(_ctypes.__file__)
    target = tmp_path / f"_slim{''.join(whole.suffixes)}"
    shutil.copyfile(whole, target)
    with target.open("ab") as file:
        file.write(b"symbols" * 1000)

    wheels.slim(target)

    assert target.stat().st_size <= whole.stat().st_size
    assert ctypes.CDLL(str(target)).PyInit__ctypes
    not_elf = tmp_path / "linker.so"
    not_elf.write_text("GROUP ( libm.so.6 )")
    wheels.slim(not_elf)
    assert not_elf.read_text() == "GROUP ( libm.so.6 )"


def test_what_no_server_needs_is_left_out(tmp_path):
    """Tests, sources in C, the installer's notes; licences, modules and data stay."""
    stays = ["pkg/__init__.py", "pkg/data.json", "pkg/py.typed", "pkg-1.dist-info/METADATA", "pkg-1.dist-info/LICENSE"]
    goes = [
        "pkg/tests/test_a.py",
        "pkg/a.pyi",
        "pkg/a.h",
        "bin/tool",
        "pkg-1.dist-info/RECORD",
        "pkg/__pycache__/a.pyc",
    ]
    for name in (*stays, *goes, "onnxruntime/capi/libonnxruntime.so.1.2", "onnxruntime/tools/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    wheels.tidy(tmp_path)

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        stays
    )


def test_what_was_not_compiled_is_not_said_to_be(tmp_path, monkeypatch):
    """An interpreter that is found and does not run compiles nothing."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "module.py").write_text("x = 1")
    broken = tmp_path / "python3.1"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    here = Platform(f"{sys.version_info.major}.{sys.version_info.minor}")

    assert not wheels.compile_all(tmp_path / "packages", "/app", Platform("3.1"))
    assert wheels.compile_all(tmp_path / "packages", "/app", here)


@pytest.mark.parametrize(
    ("text", "host", "path", "tag"),
    [
        ("python:3.12", "docker.io", "library/python", "3.12"),
        ("docker.io/library/python:3.12-slim", "docker.io", "library/python", "3.12-slim"),
        ("acme/python", "docker.io", "acme/python", "latest"),
        ("localhost:5000/python:3", "localhost:5000", "python", "3"),
        (f"a-docker.pkg.dev/p/r/i:1@sha256:{'0' * 64}", "a-docker.pkg.dev", "p/r/i", f"sha256:{'0' * 64}"),
    ],
)
def test_names_of_bases_are_read_as_container_tools_do(text, host, path, tag):
    """Docker's registry is the one that is not named."""
    assert Reference.parse(text) == Reference(host, path, tag)


def test_only_this_machine_is_spoken_to_in_plain_text():
    """A registry elsewhere has https; what is no name is refused."""
    assert Reference.parse("python").url == "https://registry-1.docker.io"
    assert Reference.parse("127.0.0.1:5000/python").url == "http://127.0.0.1:5000"
    assert Reference.parse("127.0.0.1.example.com/python").url == "https://127.0.0.1.example.com"
    for wrong in ("", "python@sha256:abc", "a b", "python:" + "x" * 200):
        with pytest.raises(UsageError, match="no name of an image"):
            Reference.parse(wrong)


def test_a_base_must_say_its_python():
    """Wheels for another one would not load, and nobody would know before the first request."""
    with pytest.raises(UsageError, match="does not say which Python"):
        _ = Base("local/base", "", {"config": {"Env": ["PATH=/bin"]}}, []).platform


def test_our_images_have_one_name_in_each_region():
    """The tag of a version that was never released can be written in one."""
    everywhere = own_images.reference("runtime", "acme", "0.1.0+g12ab")

    assert (
        own_images.in_region(everywhere, "europe-west1")
        == "europe-west1-docker.pkg.dev/acme/mlservice/runtime:0.1.0-g12ab"
    )
    assert own_images.target_of(own_images.in_region(everywhere, "us-east1")) == "runtime"
    assert own_images.target_of("europe-west1-docker.pkg.dev/acme/ml/churn:1") is None


def test_nothing_of_the_working_directory_is_run_to_compile(tmp_path, monkeypatch):
    """It is the user's, and may hold a `compileall.py`."""
    (tmp_path / "compileall.py").write_text("open('run', 'w')")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "one.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)

    assert wheels.compile_all(tmp_path / "packages", "/app", Platform("{}.{}".format(*sys.version_info)))

    assert not (tmp_path / "run").exists()
    assert len([*(tmp_path / "packages").rglob("one.*.pyc")]) == 1


@pytest.fixture
def clone(tmp_path):
    """A clone with one package of one module, which is committed."""
    folder = tmp_path / "clone"
    (folder / "runtime").mkdir(parents=True)
    (folder / "runtime/server.py").write_text("")
    (folder / ".gitignore").write_text("*.pyc\n")
    who = ["-c", "user.name=ann", "-c", "user.email=ann@acme.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def test_an_image_has_of_a_clone_what_git_knows(clone, tmp_path):
    """A file that was left lying there is left out, and that is said; a package that was installed is copied whole."""
    (clone / "runtime/notes").mkdir()
    (clone / "runtime/notes/token.txt").write_text("x")
    told = []

    copy_package(clone / "runtime", tmp_path / "one", git.tracked, told.append)
    shutil.rmtree(clone / ".git")
    copy_package(clone / "runtime", tmp_path / "two", git.tracked, told.append)

    assert [path.name for path in (tmp_path / "one").rglob("*")] == ["server.py"]
    assert (tmp_path / "two/notes/token.txt").exists()
    assert told == ["left out, since git does not know them: runtime/notes/token.txt"]


@pytest.fixture
def commit_of(monkeypatch):
    """What a build asks for the commit; hatchling is there only while something is built."""
    plugin = types.ModuleType("hatchling.builders.hooks.plugin.interface")
    plugin.BuildHookInterface = list
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    return runpy.run_path(str(ROOT / "build_hook.py"))["commit_of"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [("runtime/more.py", True), ("runtime/server.py", True), ("runtime/x.pyc", False), ("n", False)],
)
def test_a_wheel_with_more_than_its_commit_says_so(clone, commit_of, name, changed):
    """A packed file that git does not know, ignored on this machine or not, is a change; one beside is none."""
    (clone / ".git/info/exclude").write_text("more.py\n")
    before = commit_of(clone)
    (clone / name).write_text("1")

    assert not before.endswith("-changed")
    assert commit_of(clone) == before + "-changed" * changed


def test_lightgbm_stands_on_an_image_with_openmp():
    """Its wheel needs libgomp, which a slim Python has not."""
    assert usual_base([With.ONNX, With.SKLEARN]) == "docker.io/library/python:3.12-slim-bookworm"
    assert usual_base([With.ONNX, With.LIGHTGBM]) == "docker.io/library/python:3.12-bookworm"
