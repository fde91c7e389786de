"""The program that clones specs, in a process of its own: what a repository holds may be of any size and shape.

`python -m reconciler.hosts.cloning` reads what to clone as JSON from stdin, with the token if there is one, and writes
a line of JSON about the commit and then a tar of the spec files, or a line that says what is wrong. It takes one
branch, one commit deep, without files too large for specs, into memory: no working tree, so that no hook and no filter
runs. Submodules and LFS are not followed, and nothing of the repository is executed.

Source:
    git-scm.com/docs/protocol-v2 (fetch, shallow, filter), git-scm.com/docs/gitattributes (what a checkout would run).
"""

from __future__ import annotations

import dataclasses
import json
import resource
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.bundle import MOST_FILES, BundleError, digest_of, pack, unpack
from schemas.files import SUFFIXES
from schemas.yaml.reader import MAX_BYTES

PACK_MOST = 32 << 20
MEMORY_MOST = 320 << 20
"""Bytes of address space, of which libraries take 50 MiB: together with a pass it fits into a job of 512 MiB."""
DEEPEST = 32
MOST_TOLD = 100
LONGEST_SHOWN = 300
_WAIT_S = 30.0
_LFS = b"version https://git-lfs.github.com/spec/"
_ANY_USER = "x-access-token"
"""Taken by GitHub and GitLab beside a token."""


class CloneError(Exception):
    """It cannot be cloned; the text says why.

    Args:
        why: One sentence.
        hint: What to do about it.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Odd:
    """What cannot be used, and keeps nobody from the rest.

    Args:
        name: Its path below the folder, as it may be shown.
        why: In words.
        hint: What to do about it.
    """

    name: str
    why: str
    hint: str = ""


def clone(
    repository: str, branch: str, folder: str, token: str, *, most: int = PACK_MOST
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Give what is to be told of the commit, and the spec files below the folder by their path in it.

    What is told has, under `odd`, the files that cannot be used.

    Args:
        repository: `https://…`.
        branch: Which.
        folder: In it.
        token: Or `user:token`; empty where anybody may read it.
        most: Bytes that are fetched at most.

    Raises:
        CloneError: In words.
    """
    store, tip = _fetched(repository, branch, token, most)
    commit = store[tip]
    files: dict[str, bytes] = {}
    odd: list[Odd] = []
    for name, found in _files(store, _tree(store, commit.tree, folder), "", 0):
        if isinstance(found, Odd):
            odd.append(found)
        else:
            files[name] = found
    author = commit.author.decode("utf-8", "replace")
    written = datetime.fromtimestamp(commit.commit_time, UTC).isoformat(timespec="seconds")
    told = [dataclasses.asdict(each) for each in _some(odd)]
    return {"commit": tip.decode(), "author": author, "written": written, "odd": told}, files


def _some(odd: list[Odd]) -> list[Odd]:
    """Cut what may be long: whoever mends the first ones has seen what is wrong."""
    left = len(odd) - MOST_TOLD
    return [*odd[:MOST_TOLD], *([Odd(".", f"{left} more files cannot be used")] if left > 0 else [])]


def _fetched(repository: str, branch: str, token: str, most: int) -> tuple[Any, bytes]:
    """Fetch one commit of a branch with everything in it that is small enough."""
    from dulwich.object_store import MemoryObjectStore, ObjectStoreGraphWalker  # noqa: PLC0415 - an extra

    ref, client = b"refs/heads/" + branch.encode(), _client(repository, token)
    store = MemoryObjectStore()
    file, commit, abort = store.add_pack()
    size = [0]

    def keep(data: bytes) -> int:
        size[0] += len(data)
        if size[0] > most:
            raise CloneError(f"it has more than {most >> 20} MiB", "publish a bundle instead: mlservice publish")
        return file.write(data)

    def wanted(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
        del depth
        if ref not in refs:
            raise CloneError(f"it has no branch '{branch}'", "specs.git.branch")
        return [refs[ref]]

    try:
        found = client.fetch_pack(
            urlsplit(repository).path,
            wanted,
            ObjectStoreGraphWalker([], lambda _: []),
            keep,
            depth=1,
            ref_prefix=[ref],
            filter_spec=b"blob:limit=%d" % (MAX_BYTES + 1),
        )
    except BaseException:
        abort()
        raise
    commit()
    return store, found.refs[ref]


def _client(repository: str, token: str) -> Any:
    """Make a client that speaks to this very host, over TLS, and goes where nobody redirects it."""
    import urllib3  # noqa: PLC0415 - an extra
    from dulwich.client import HttpGitClient  # noqa: PLC0415 - an extra

    if urlsplit(repository).scheme != "https":
        raise CloneError("its address does not begin with https://")
    user, colon, secret = token.partition(":")
    name, password = (user, secret) if colon else (_ANY_USER, token)
    pool: Any = _Straight(urllib3.PoolManager(retries=False, timeout=_WAIT_S, ssl_context=_trust()))
    return HttpGitClient(
        repository,
        pool_manager=pool,
        thin_packs=False,
        quiet=True,
        username=name if token else None,
        password=password if token else None,
    )


class _Straight:
    """Of a pool of connections what the client uses, going nowhere else than asked: the token is for that host."""

    def __init__(self, pool: Any) -> None:
        self.headers: dict[str, str] = {}
        self._pool = pool

    def request(self, method: str, url: str, **more: Any) -> Any:
        return self._pool.request(method, url, redirect=False, **more)


def _trust() -> Any:
    """Trust what this machine trusts, and Mozilla's list where it is here: small images have no list of their own."""
    import ssl  # noqa: PLC0415 - one use

    context = ssl.create_default_context()
    try:
        import certifi  # noqa: PLC0415 - one use
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _tree(store: Any, root: bytes, folder: str) -> Any:
    here = store[root]
    for name in (part for part in folder.split("/") if part not in {"", "."}):
        entry = name.encode()
        mode, sha = here[entry] if entry in here else (0, b"")  # noqa: SIM401 - a tree of git's has no `get`
        if not stat.S_ISDIR(mode):
            raise CloneError(f"it has no folder '{folder}'", "specs.git.folder; submodules are not cloned")
        here = store[sha]
    return here


def _files(store: Any, tree: Any, above: str, depth: int) -> Iterator[tuple[str, bytes | Odd]]:
    """Walk to the spec files as they would be found in a folder: links, submodules and hidden ones are left out."""
    if depth > DEEPEST:
        yield above, Odd(_shown(above), f"it is more than {DEEPEST} folders deep")
        return
    for name, mode, sha in tree.items():
        # What is no UTF-8 stays to be told of: two such names may read alike.
        text = name.decode("utf-8", "surrogateescape")
        if text.startswith("."):
            continue
        if stat.S_ISDIR(mode):
            yield from _files(store, store[sha], f"{above}{text}/", depth + 1)
        elif stat.S_ISREG(mode) and text.endswith(SUFFIXES):
            yield f"{above}{text}", _content(store, sha, f"{above}{text}")


def _content(store: Any, sha: bytes, name: str) -> bytes | Odd:
    if not _is_plain(name):
        return Odd(_shown(name), "its name is none for a spec", "letters, digits, '-', '_' and '.' do")
    if sha not in store or len(content := store[sha].data) > MAX_BYTES:
        return Odd(_shown(name), f"it has more than {MAX_BYTES} bytes")
    if content.startswith(_LFS):
        return Odd(_shown(name), "it lies in LFS, which is not followed", "keep specs in git itself")
    return bytes(content)


def _is_plain(name: str) -> bool:
    """Tell whether a bundle may hold a file of that name: it is asked itself, so that both always agree."""
    try:
        archive = pack({name: b""})
        return set(unpack(archive, digest_of(archive))) == {name} and name.isprintable()
    except (BundleError, UnicodeError):
        return False


def _shown(name: str) -> str:
    """Give a path as anybody may see it: in one line, of a length."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _answer(said: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    about, files = clone(said["repository"], said["branch"], said["folder"], said["token"])
    if len(files) > MOST_FILES:
        raise CloneError(f"it has more than {MOST_FILES} spec files in that folder")
    return about, pack(files)


def _why(error: Exception) -> str:
    """Say in a line what went wrong on the way: the words of libraries, which are not ours."""
    words = " ".join(str(error).split()) or "no answer that git would give"
    names = {"NotGitRepository": "there is no repository, or the token may not read it"}
    names |= {"HTTPUnauthorized": "it needs a token, or the token is not valid (specs.git.token)"}
    return names.get(type(error).__name__, f"{type(error).__name__}: {words}"[:500])


def main() -> int:
    """Clone what stdin says."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    said = json.load(sys.stdin)
    content = b""
    try:
        about, content = _answer(said)
    except CloneError as error:
        about = {"error": str(error), "hint": error.hint}
    except ImportError:
        about = {"error": "dulwich is not installed", "hint": "pip install 'mlservice[git]'"}
    except MemoryError:
        about = {"error": f"it takes more than {MEMORY_MOST >> 20} MiB of memory", "hint": "mlservice publish"}
    except Exception as error:  # noqa: BLE001 - libraries raise what they like; this process has nothing else to do
        about = {"error": _why(error), "hint": ""}
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + content)
    return 1 if "error" in about else 0


if __name__ == "__main__":
    sys.exit(main())
