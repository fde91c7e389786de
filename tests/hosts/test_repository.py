"""Specs out of a git repository: git's own server on this machine, over TLS, and everything that may be in there."""

import os

import pytest
from dulwich.errors import GitProtocolError

from reconciler.hosts import cloning
from reconciler.hosts.repository import CloneRefused, Repository, clone
from tests.repositories import Host

SPEC = "apiVersion: mlservice/v1\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """One host for all."""
    made = Host(tmp_path_factory.mktemp("git") / "repositories")
    made.start()
    yield made
    made.close()


@pytest.fixture
def host(serving, monkeypatch):
    """A host that this machine trusts and that asks for nothing."""
    serving.token = serving.moved = ""
    serving.asked.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(serving.trust))
    return serving


def cloned(host, folder=".", branch="main", token=""):
    return clone(Repository(host.address, branch, folder), token)


def asked(host, folder=".", branch="main", token=""):
    """The same in this process: starting one takes longer than all that it does."""
    return cloning.clone(host.address, branch, folder, token)[1]


def test_specs_of_a_folder_are_cloned_with_their_commit(host):
    """Spec files alone, by their path below the folder; hidden ones, links, submodules and others stay away."""
    files = {"services/a.yaml": SPEC, "services/deep/b.yml": SPEC, "services/.hidden.yaml": "", "services/x.py": "1"}
    host.push({**files, "other.yaml": SPEC})
    (host.folder / "clone/services/link.yaml").symlink_to("/etc/passwd")
    host.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},services/sub.yaml")
    host.git("add", "services/link.yaml")
    host.git("commit", "-qm", "more")
    host.git("push", "-qf", "origin", "HEAD:main")

    found = cloned(host, "services")

    assert dict(found.files) == {"a.yaml": SPEC.encode(), "deep/b.yml": SPEC.encode()}
    assert found.commit == host.git("rev-parse", "HEAD")
    assert found.author == "Ada <ada@acme.example>"
    assert set(asked(host)) == {"other.yaml", "services/a.yaml", "services/deep/b.yml"}


def test_the_time_is_the_commits(host):
    """What tells an older one from a newer one is when it was written."""
    host.push({"a.yaml": SPEC}, at="2026-11-24T12:00:00+01:00")

    assert cloned(host).written == "2026-11-24T11:00:00+00:00"


def test_a_token_goes_to_that_host_alone(host):
    """With it the repository is read, without it or with another it is not; who redirects is not followed."""
    host.push({"a.yaml": SPEC})
    host.token = "t0ps3cret"

    assert cloned(host, token="t0ps3cret\n").files
    assert asked(host, token="somebody:t0ps3cret")
    with pytest.raises(CloneRefused, match="it needs a token") as refused:
        cloned(host, token="another")
    assert "another" not in str(refused.value)
    host.asked.clear()
    host.moved = "https://127.0.0.1:1"
    with pytest.raises(GitProtocolError, match="unexpected http resp 301"):
        asked(host, token="t0ps3cret")
    assert len(host.asked) == 1


def test_code_beside_the_specs_is_not_run(host, tmp_path, monkeypatch):
    """A folder named like ours, where the command runs, is not what clones, and gets no token."""
    host.push({"a.yaml": SPEC})
    (tmp_path / "reconciler").mkdir()
    (tmp_path / "reconciler" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)

    assert cloned(host).files


def test_a_program_that_crashes_says_how(host, tmp_path, monkeypatch):
    """Its status and the last line of what it wrote, without the token."""
    crash = "import os, sys; sys.stderr.write('x\\nSomeError: \\x1b[2J t0ps3cret\\n'); sys.stderr.flush(); os._exit(3)"
    (tmp_path / "dulwich").mkdir()
    (tmp_path / "dulwich" / "__init__.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(CloneRefused, match=r"ended with status 3: SomeError: \?\[2J \(hidden\)$"):
        cloned(host, token="user:t0ps3cret")


@pytest.mark.parametrize(
    ("files", "what", "said"),
    [
        pytest.param({"a.yaml": SPEC}, {"branch": "none"}, "no branch 'none'", id="branch"),
        pytest.param({"a.yaml": SPEC}, {"folder": "none"}, "no folder 'none'", id="folder"),
        pytest.param({"a.yaml": SPEC}, {"folder": "a.yaml"}, "no folder 'a.yaml'", id="a-file"),
    ],
)
def test_what_is_no_spec_is_refused_in_words(host, files, what, said):
    """Nothing of it is used."""
    host.push(files)

    with pytest.raises(cloning.CloneError, match=said):
        asked(host, **what)


ODD = {
    "a\\b.yaml": ("a\\b.yaml", "its name is none"),
    "a\nb.yaml": ("a\\nb.yaml", "its name is none"),
    "a\x1b[2Jb.yaml": ("a\\x1b[2Jb.yaml", "its name is none"),
    "a\u202elmay.yaml": ("a\\u202elmay.yaml", "its name is none"),
    os.fsdecode(b"a\xff.yaml"): ("a\\udcff.yaml", "its name is none"),
    os.fsdecode(b"a\xfe.yaml"): ("a\\udcfe.yaml", "its name is none"),
    "large.yaml": ("large.yaml", "it has more than 1048576 bytes"),
    "lfs.yaml": ("lfs.yaml", "it lies in LFS"),
    f"{'d/' * 40}deep.yaml": ("d/" * 33, "it is more than 32 folders deep"),
}


def test_a_file_that_cannot_be_used_is_told_of_and_keeps_nobody_from_the_rest(host):
    """An odd name, one too large, one in LFS, one too deep: each is a problem whose name moves no cursor."""
    contents = {"large.yaml": "#" * (1 << 20) + "#", "lfs.yaml": LFS}
    host.push({"good.yaml": SPEC, "größe.yaml": SPEC} | {name: contents.get(name, SPEC) for name in ODD})

    found = cloned(host)

    assert set(found.files) == {"good.yaml", "größe.yaml"}
    told = {each.where.file: each.summary for each in found.odd}
    assert set(told) == {name for name, _ in ODD.values()}
    assert not [name for name, why in ODD.values() if not told[name].startswith(why)]
    assert all(str(each).isprintable() for each in found.odd)


def test_what_is_large_and_no_spec_is_not_even_fetched(host):
    """A model beside the specs, larger than all that may be fetched, is no matter; much that is small is refused."""
    host.push({"a.yaml": SPEC, "model.bin": os.urandom(2 << 20)})

    assert set(cloning.clone(host.address, "main", ".", "", most=1 << 20)[1]) == {"a.yaml"}
    host.push({"a.yaml": SPEC, "one.bin": os.urandom(600 << 10), "two.bin": os.urandom(600 << 10)})
    with pytest.raises(cloning.CloneError, match="more than 1 MiB"):
        cloning.clone(host.address, "main", ".", "", most=1 << 20)


def test_a_host_that_nobody_trusts_or_that_is_gone(host, monkeypatch):
    """A certificate of nobody's, nobody there, no answer in time, no https: each is said."""
    host.push({"a.yaml": SPEC})
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(CloneRefused, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        cloned(host)
    with pytest.raises(CloneRefused, match="refused"):
        clone(Repository("https://127.0.0.1:1/ml.git"))
    with pytest.raises(cloning.CloneError, match="does not begin with https"):
        cloning.clone(f"file://{host.folder}/ml.git", "main", ".", "")
    with pytest.raises(CloneRefused, match=r"took more than 0\.01 s"):
        clone(Repository(host.address), patience_s=0.01)
