"""Source archives: a zip becomes files, within bounds, and none outside their folder.

Source for the sizes: https://cloud.google.com/functions/quotas (500 MB uncompressed for HTTP functions of the first
generation; the emulator keeps to that for all).
"""

import io
import stat
import zipfile
from pathlib import Path, PurePosixPath

ARCHIVE_MOST, FILES_MOST, TOTAL_MOST = 100 << 20, 10_000, 500 << 20
PATH_MOST, DEPTH_MOST = 512, 32
CHUNK = 1 << 20


class ArchiveError(Exception):
    """A source that cannot be used; the text says why."""


def unpack(data: bytes, into: Path) -> None:
    """Write the files of a zip below a folder that is empty.

    Raises:
        ArchiveError: It is no zip, too large, or has an entry that is not a plain file below the folder.
    """
    if len(data) > ARCHIVE_MOST:
        raise ArchiveError(f"The source is larger than {ARCHIVE_MOST >> 20} MiB.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _extract(archive, into)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ArchiveError(f"The source is not a zip file that can be read: {error}") from error


def _extract(archive: zipfile.ZipFile, into: Path) -> None:
    entries = archive.infolist()
    if len(entries) > FILES_MOST:
        raise ArchiveError(f"The source has more than {FILES_MOST} entries.")
    left = TOTAL_MOST
    for entry in entries:
        path = into.joinpath(*_parts(entry))
        if entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            left -= _copy(archive, entry, path, left)


def _parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """Where an entry goes, below the folder.

    Raises:
        ArchiveError: It would go elsewhere, or is a link or a device.
    """
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"The source has a link or a special file: {entry.filename!r}.")
    path = PurePosixPath(entry.filename)
    named = bool(entry.filename) and "\\" not in entry.filename and "\0" not in entry.orig_filename
    if not named or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveError(f"The source has an entry outside its folder: {entry.filename!r}.")
    if len(entry.filename.encode(errors="replace")) > PATH_MOST or len(path.parts) > DEPTH_MOST:
        raise ArchiveError(f"The source has an entry with too long a path: {entry.filename[:64]!r}.")
    return path.parts


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one file; returns its size, counted as it is written: what the archive says of itself is not believed."""
    size = 0
    with archive.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > left:
                raise ArchiveError(f"The source is larger than {TOTAL_MOST >> 20} MiB when unpacked.")
            target.write(chunk)
    path.chmod(0o755 if entry.external_attr >> 16 & stat.S_IXUSR else 0o644)
    return size
