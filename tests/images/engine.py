"""buildah and a stand-in for the python image, made of Debian's own packages: no registry is asked for anything."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = "python3,python3-pip,python-is-python3,ca-certificates"
BASE = "docker.io/library/python:stand-in"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TOOLS = ("buildah", "mmdebstrap", "unshare", "chroot")
PATIENCE_S = 580


def why_not() -> str:
    """Say what is missing here; nothing: all is there."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed (apt-get install buildah mmdebstrap)"
    return "" if os.geteuid() == 0 else "root file systems are made by root"


class Buildah:
    """The command, with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "BUILDAH_ISOLATION": "chroot",
            "STORAGE_DRIVER": "vfs",
        }
        self.store = ["--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def __call__(self, *words: str) -> str:
        """Run one command; returns what it prints."""
        return run("buildah", *self.store, *words, env=self.environment)

    def make_base(self, archive: Path) -> None:
        """Have the stand-in: a root file system, and what Docker's own image says of itself."""
        made = self("from", "scratch").strip()
        self("add", "--quiet", made, str(archive), "/")
        if CERTIFICATES.is_file():
            self("copy", "--quiet", made, str(CERTIFICATES), str(CERTIFICATES))
        # Debian's pip refuses to install beside its own packages; in the image there is nobody else.
        self("run", made, "--", "rm", "-f", f"/usr/lib/python{PYTHON}/EXTERNALLY-MANAGED")
        said = [
            f"PYTHON_VERSION={PYTHON}.2",
            "LANG=C.UTF-8",
            f"SSL_CERT_FILE={CERTIFICATES}",
            f"PIP_CERT={CERTIFICATES}",
        ]
        self("config", *(word for each in said for word in ("--env", each)), made)
        self("commit", "--quiet", "--rm", made, BASE)

    def build(self, target: str, **arguments: str) -> str:
        """Build a target of the Dockerfile; returns the image's name."""
        name = f"localhost/{target}:test"
        chosen = {"PYTHON": "stand-in", **arguments}
        words = [word for key, value in chosen.items() for word in ("--build-arg", f"{key}={value}")]
        self("bud", "--pull-never", "--target", target, *words, "--tag", name, str(ROOT))
        return name

    @contextmanager
    def mounted(self, image: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Give an image's root file system, and what it says of running it."""
        made = self("from", "--pull-never", image).strip()
        try:
            root = Path(self("mount", made).strip())
            yield root, json.loads(self("inspect", image))["OCIv1"]["config"]
        finally:
            self("umount", made)
            self("rm", made)


def run(*words: str, env: dict[str, str] | None = None) -> str:
    """Run a command; its last lines are in the error when it fails."""
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)[:200]}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def debian(cache: Path) -> Path:
    """Give a root file system with Python as a tar file; made once, in some minutes."""
    archive = cache / f"{SUITE}-python.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "root.tar"
            lenient = '--aptopt=Acquire::Check-Valid-Until "false"'
            mirror = "http://deb.debian.org/debian"
            run("mmdebstrap", "--quiet", lenient, "--variant=apt", f"--include={PACKAGES}", SUITE, str(made), mirror)
            made.rename(archive)
    return archive


def command(
    root: Path, said: dict[str, Any], environment: dict[str, str], *more: str, bind: Path | None = None
) -> list[str]:
    """Make the command line that runs an image as an engine would: its user, its variables, a read-only root.

    Args:
        root: Its root file system.
        said: Its configuration.
        environment: Variables that win over its own.
        more: In place of its `Cmd`.
        bind: A folder to see as /mnt.
    """
    uid, gid = said["User"].split(":")
    variables = {**dict(text.split("=", 1) for text in said["Env"]), **environment}
    words = [*said.get("Entrypoint", []), *(more or said.get("Cmd", []))]
    inside = f'cd {said["WorkingDir"]} && exec "$@"'
    script = (
        'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"'
        ' && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev"'
        + (' && mount --bind "$BIND" "$0/mnt"' if bind else "")
        + f' && exec chroot --userspec={uid}:{gid} "$0" env -i "$@"'
    )
    pairs = [f"{name}={value}" for name, value in variables.items()]
    line = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script, str(root), *pairs]
    outside = ["env", f"BIND={bind}"] if bind else []
    return [*outside, *line, "sh", "-c", inside, "sh", *words]
