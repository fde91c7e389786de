"""What is installed in an image: packages of Debian and of Python, as its layers say.

Source: https://manpages.debian.org/dpkg (`/var/lib/dpkg/status`; images without a package manager have
`/var/lib/dpkg/status.d`); https://packaging.python.org/en/latest/specifications/recording-installed-packages.
"""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from emulator.images.library import Image, Images
from emulator.images.unpacking import OPAQUE, WHITEOUT

CONFIGURATIONS = (
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
)
STATUS = PurePosixPath("var/lib/dpkg/status")
BYTES_MOST = 32 * 1024 * 1024
"""Of one file that is read."""
OS, PYPI = "OS", "PYPI"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package that an image has.

    Attributes:
        sort: `OS` or `PYPI`, as Container Analysis calls it.
        name: Of Python in lower case, with `-` for `_` and `.`.
        version: As installed.
    """

    sort: str
    name: str
    version: str


class NotScannableError(Exception):
    """It is no image of a container, or a layer of it cannot be read; the text says why.

    Attributes:
        supported: It is an image of a container.
    """

    def __init__(self, why: str, *, supported: bool) -> None:
        super().__init__(why)
        self.supported = supported


def is_index(images: Images, image: Image) -> bool:
    """Whether it only names images for several platforms."""
    return "config" not in json.loads(images.manifest(image))


def packages(images: Images, image: Image) -> list[Package]:
    """Everything that an image has installed, sorted.

    Raises:
        NotScannableError: It cannot be looked into.
    """
    listed: dict[str, Any] = json.loads(images.manifest(image))
    media_type = listed.get("config", {}).get("mediaType", "")
    if media_type not in CONFIGURATIONS:
        raise NotScannableError(f"media type {media_type!r} is not scanned", supported=False)
    found: dict[PurePosixPath, bytes] = {}
    for layer in listed["layers"]:
        try:
            with images.open_blob(layer["digest"]) as file:
                _read(file, found)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise NotScannableError(f"layer {layer['digest']} cannot be read: {error}", supported=True) from error
    return sorted({package for path, content in found.items() for package in _said(path, content)})


def _read(file: IO[bytes], found: dict[PurePosixPath, bytes]) -> None:
    """Take one layer's files that tell of packages over those of the layers before it."""
    ours: dict[PurePosixPath, bytes] = {}
    with tarfile.open(fileobj=file, mode="r|*") as archive:
        for member in archive:
            path = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
            if path.name.startswith(WHITEOUT):
                _hide(found, path)
            elif member.isreg() and _tells(path) and member.size <= BYTES_MOST:
                content = archive.extractfile(member)
                ours[path] = content.read() if content else b""
    found.update(ours)


def _hide(found: dict[PurePosixPath, bytes], whiteout: PurePosixPath) -> None:
    gone = whiteout.parent if whiteout.name == OPAQUE else whiteout.with_name(whiteout.name[len(WHITEOUT) :])
    for path in [path for path in found if path.is_relative_to(gone)]:
        del found[path]


def _tells(path: PurePosixPath) -> bool:
    return path == STATUS or path.parent == STATUS.with_name("status.d") or _is_metadata(path)


def _is_metadata(path: PurePosixPath) -> bool:
    return path.name == "METADATA" and path.parent.suffix == ".dist-info"


def _said(path: PurePosixPath, content: bytes) -> Iterator[Package]:
    text = content.decode(errors="replace")
    if _is_metadata(path):
        about = _fields(text.partition("\n\n")[0])
        if about.keys() >= {"name", "version"}:
            yield Package(PYPI, normal(about["name"]), about["version"])
        return
    for paragraph in re.split(r"\n\s*\n", text):
        about = _fields(paragraph)
        installed = about.get("status", "install ok installed").endswith(" installed")
        if installed and about.keys() >= {"package", "version"}:
            yield Package(OS, about["package"], about["version"])


def _fields(paragraph: str) -> Mapping[str, str]:
    """Fields by their names in lower case; lines that go on with one are left out, and the first of several counts."""
    pairs: Iterable[tuple[str, str, str]] = (
        line.partition(":") for line in paragraph.splitlines() if not line[:1].isspace()
    )
    found: dict[str, str] = {}
    for name, colon, value in pairs:
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def normal(name: str) -> str:
    """A name of Python's as it is compared.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization.
    """
    return re.sub(r"[-_.]+", "-", name).lower()
