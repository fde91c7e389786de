"""Wheels laid out as they will lie in the image, without what no server needs.

Installed by uv or pip, whichever is here: they know the user's index, proxy and cache, and check every digest of the
lock file. What they write about themselves is left out, so that equal wheels are equal folders whoever installed them.

`python -m reconciler.images.wheels LOCK TARGET INTO [EXTRA ...]` does it for the Dockerfile, and the Python it runs on.
There nothing of ours is installed yet, so this module needs only the one beside it.
"""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.images.lock import Platform, own_version, pins, requirements

PATIENCE_S = 1800.0
GLIBC = ("2_34", "2_28", "2_27", "2_24", "2_17", "2_12", "2_5")
"""What wheels are built for, newest first; Debian 12, the base, has glibc 2.36."""
_ABOUT_THE_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
_SOURCES = frozenset({".a", ".c", ".cpp", ".h", ".hpp", ".lib", ".pxd", ".pxi", ".pyi", ".pyx", ".pyc"})
_FOLDERS = frozenset({"tests", "test", "__pycache__"})
_UNUSED = (
    "bin",
    # The same library as in the extension module, for programs in C.
    "onnxruntime/capi/libonnxruntime.so",
    # Tools to make models, not to run them.
    "onnxruntime/transformers",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/datasets",
)
_ELF_HEADER_BYTES = 64
LAST_LINES = 3


class WheelsError(Exception):
    """The wheels cannot be laid out; the text says why.

    Args:
        why: One sentence.
        hint: What to do about it.
    """

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def install(requirements: str, platform: Platform, into: Path) -> None:
    """Lay out the wheels of a requirements file with hashes.

    Args:
        requirements: Its text.
        platform: What they are for.
        into: An empty folder, which will be on the image's `PYTHONPATH`.

    Raises:
        WheelsError: There is no installer, or it fails.
    """
    listed = into.with_name(f"{into.name}.txt")
    listed.write_text(requirements, encoding="utf-8")
    command = _installer(platform, listed, into)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own words
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        hint = "see whether this machine reaches its package index"
        raise WheelsError(f"the wheels of the image cannot be installed: {last[:600]}", hint)
    tidy(into)


def _installer(platform: Platform, listed: Path, into: Path) -> list[str]:
    common = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(into), "-r", str(listed)]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv:
        chosen = ["--python-platform", "x86_64-manylinux_2_34", "--python-version", platform.python]
        return [uv, "pip", "install", "--quiet", "--link-mode", "copy", *chosen, *common]
    if importlib.util.find_spec("pip"):
        tags = [word for glibc in GLIBC for word in ("--platform", f"manylinux_{glibc}_x86_64")]
        chosen = [*tags, "--platform", "manylinux2014_x86_64", "--python-version", platform.python]
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile", "--implementation", "cp"]
        return [sys.executable, "-P", "-m", "pip", "install", *quiet, *chosen, *common]
    raise WheelsError("there is neither uv nor pip here", "pip install uv")


def tidy(folder: Path) -> None:
    """Leave out what no server needs: tests, sources in C, the installer's notes, symbols for debuggers."""
    for path in sorted(folder.rglob("*"), reverse=True):
        below = path.relative_to(folder).as_posix()
        if path.is_dir():
            if path.name in _FOLDERS or below in _UNUSED:
                shutil.rmtree(path)
        elif _is_left_out(path, below):
            path.unlink()
        elif ".so" in path.name:
            slim(path)


def _is_left_out(path: Path, below: str) -> bool:
    note = path.name in _ABOUT_THE_INSTALLER and path.parent.name.endswith(".dist-info")
    return note or path.suffix in _SOURCES or below.startswith(_UNUSED[1])


def slim(path: Path) -> None:
    """Cut off what a loader does not read of a shared library: symbols for linkers and debuggers, the section table.

    Source:
        elf(5): a program is loaded by its program headers alone; sections are for linkers.
    """
    content = path.read_bytes()
    if content[:6] != b"\x7fELF\x02\x01" or len(content) < _ELF_HEADER_BYTES:
        return
    start, size, count = (*struct.unpack_from("<Q", content, 32), *struct.unpack_from("<HH", content, 54))
    headers = [start + size * index for index in range(count)]
    ends = [sum(struct.unpack_from("<Q16xQ", content, header + 8)) for header in headers]
    end = max([start + size * count, *ends])
    if end < len(content):
        kept = bytearray(content[:end])
        struct.pack_into("<Q", kept, 40, 0)
        struct.pack_into("<HHH", kept, 58, 0, 0, 0)
        path.write_bytes(kept)


def compile_all(folder: Path, where: str, platform: Platform) -> bool:
    """Compile modules, so that a cold start does not; False where no interpreter of the image's version does it here.

    The files say nothing of times, and are not checked against their sources: an image does not change.

    Args:
        folder: Where they lie here.
        where: Where they will lie, which tracebacks name.
        platform: Which Python will run them.
    """
    python = interpreter(platform)
    if python is None:
        return False
    words = ["-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    places = ["-s", str(folder), "-p", where, str(folder)]
    subprocess.run([python, *words, *places], capture_output=True, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own words
    # Not by its exit status: packages hold templates and the like, which are no modules and cannot be compiled.
    return any(folder.rglob("*.pyc"))


def interpreter(platform: Platform) -> str | None:
    """Find a Python of the image's version on this machine."""
    if platform.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    return shutil.which(f"python{platform.python}")


def weights(folder: Path) -> Sequence[tuple[str, int]]:
    """Say what is in a folder of packages: top-level name and bytes, the largest first."""
    found: dict[str, int] = {}
    for name, size in _sizes(folder):
        found[name] = found.get(name, 0) + size
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for path in folder.rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            yield top.partition(".libs")[0], path.stat().st_size


def describe_ourselves(packages: Path, version: str) -> None:
    """Let our programs in the image know their version, as those of a package that was installed."""
    about = packages / f"mlservice-{version}.dist-info"
    about.mkdir()
    text = f"Metadata-Version: 2.1\nName: mlservice\nVersion: {version}\n"
    (about / "METADATA").write_text(text, encoding="utf-8")


def main() -> None:
    """Lay out what the Dockerfile copies."""
    lock, target, into, *extras = sys.argv[1:]
    platform = Platform(f"{sys.version_info.major}.{sys.version_info.minor}")
    text, folder = Path(lock).read_text(encoding="utf-8"), Path(into)
    folder.mkdir(parents=True)
    install(requirements(pins(text, target, extras, platform)), platform, folder)
    describe_ourselves(folder, own_version(text))


if __name__ == "__main__":
    main()
