"""Run `make demo` and `make test` on bare Debian machines: `python -m tests.fresh [SUITE ...] [--only demo]`.

For each suite a root file system is made with python3, git and make in it and no compiler, this checkout's last commit
is cloned into it as a stranger would, and the commands run there. It needs root and mmdebstrap, takes about ten minutes
a suite on two cores, and is not part of `make test`. Prints a line per command: outcome and wall time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SUITES = ("bookworm", "trixie", "sid")
"""Debian 12 with Python 3.11, Debian 13 with 3.13, and what becomes Debian 14, with 3.14."""
PACKAGES = "python3,python3-venv,git,make,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
"""What Debian's installer writes, and no package of a minimal system."""
PASSED_ON = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "PIP_CERT",
)
"""How this machine reaches the package index; nothing else of its environment gets in."""
TAIL = 15


def main() -> int:
    """Try every suite asked for; 1 when a command failed in one."""
    options = _options()
    failed = 0
    for suite in options.suites:
        with _root(suite, options.mirror, keep=options.keep) as root:
            version = _within(root, "python3 --version", Path(os.devnull))[1]
            print(f"{suite}: {version or 'no python3'}", flush=True)
            for target in options.only or ("demo", "test"):
                failed += not _tried(root, suite, target)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.fresh", description=__doc__)
    parser.add_argument("suites", nargs="*", default=SUITES, help="Debian suites; all three without any")
    parser.add_argument("--only", action="append", choices=("demo", "test"), help="one of the two commands")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--keep", type=Path, help="a folder that roots are made in and left in, to look around")
    options = parser.parse_args()
    if os.geteuid() or not shutil.which("mmdebstrap"):
        parser.error("this makes root file systems: run it as root, with mmdebstrap installed")
    return options


@contextmanager
def _root(suite: str, mirror: str, *, keep: Path | None) -> Iterator[Path]:
    """Give a bare root with a clone of the last commit in `/home/checkout`."""
    folder = Path(tempfile.mkdtemp(prefix=f"fresh-{suite}-", dir=keep))
    root = folder / "root"
    # A mirror may be a snapshot of a few weeks ago, whose lists say that they have expired.
    lenient = '--aptopt=Acquire::Check-Valid-Until "false"'
    make = ["mmdebstrap", "--quiet", lenient, "--variant=apt", f"--include={PACKAGES}", suite, str(root), mirror]
    subprocess.run(make, check=True)
    _copied(Path("/etc/resolv.conf"), root)
    _copied(CERTIFICATES, root)
    (root / "etc" / "hosts").write_text(HOSTS)
    clone = root / "home" / "checkout"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(clone)], check=True)
    mounts = (["-t", "proc", "proc", str(root / "proc")], ["--rbind", "--make-rslave", "/dev", str(root / "dev")])
    try:
        for mount in mounts:
            subprocess.run(["mount", *mount], check=True)
        yield root
    finally:
        for mount in reversed(mounts):
            subprocess.run(["umount", "--recursive", "--lazy", mount[-1]], check=False)
        if keep is None:
            # Only a file system of its own kind is removed: what is still mounted stays as it is.
            subprocess.run(["rm", "--recursive", "--force", "--one-file-system", str(folder)], check=False)


def _copied(path: Path, root: Path) -> None:
    """Bring one file of this machine into the root, if it has it."""
    if path.is_file():
        target = root / path.relative_to("/")
        target.unlink(missing_ok=True)
        shutil.copy(path, target)


def _tried(root: Path, suite: str, target: str) -> bool:
    log = Path(tempfile.gettempdir()) / f"fresh-{suite}-{target}.log"
    before = time.monotonic()
    code, last = _within(root, f"cd /home/checkout && make {target}", log)
    took = time.monotonic() - before
    print(f"  make {target}: {'passed' if code == 0 else f'FAILED ({code})'} in {took:.0f} s; {last}", flush=True)
    if code:
        print(*(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-TAIL:]), sep="\n", flush=True)
        print(f"    all of it: {log}", flush=True)
    return code == 0


def _within(root: Path, command: str, log: Path) -> tuple[int, str]:
    """Run a command in the root; give its exit code and its last line."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"HOME": "/root", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["chroot", str(root), "sh", "-c", command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    if log != Path(os.devnull):
        log.write_text(said)
    return done.returncode, (said.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    sys.exit(main())
